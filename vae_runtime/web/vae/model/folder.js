// @ts-check
// A model's files: the manifest checked, and graphs that open when they are needed.

import { InputError, ManifestError } from "../errors.js";
import { readFile, sha256 } from "./integrity.js";
import { FILE_NAME, parseManifest } from "./manifest.js";
import { Graph, Session } from "./sessions.js";
import { tensorsOf } from "./tensors.js";

/** @import { FileEntry, Read } from "./integrity.js" */
/** @import { Manifest } from "./manifest.js" */
/** @import { Engine } from "./sessions.js" */

const LIMIT_BYTES = 2 ** 20; // of a manifest

/**
 * digest: the sha256 of its manifest.json; with it, the model is the very one that was meant. first: roles of graphs to
 * open now, all by default; others open when they are needed.
 * @typedef {{ precision?: string, digest?: string, first?: readonly string[] }} LoadOptions
 */

/**
 * @typedef {{ manifest: Manifest, graphs: Record<string, Graph>, read: Read, precision: string, digest: string }} Model
 */

/**
 * @param {Engine | Promise<Engine>} ort
 * @param {Read} read
 * @param {LoadOptions} [options]
 * @returns {Promise<Model>}
 */
export async function openModel(ort, read, { precision = "float32", digest: wanted, first } = {}) {
  const engine = Promise.resolve(ort);
  engine.catch(() => {}); // reported below, where it is waited for
  const content = await read(FILE_NAME);
  const digest = await sha256(content);
  if (wanted && digest !== wanted) {
    throw new ManifestError(`${FILE_NAME} has the sha256 ${digest}, expected ${wanted}: it is another model.`);
  }
  const manifest = parseManifest(decodeText(content));
  if (!manifest.golden[precision]) {
    throw new InputError(`precision is ${precision}; the model has ${Object.keys(manifest.golden).join(", ")}.`);
  }
  const graphs = graphsOf(manifest, engine, read, precision);
  await Promise.all((first ?? Object.keys(graphs)).map((role) => graphs[role]?.opened()));
  return { manifest, graphs, read, precision, digest };
}

/**
 * The graphs by role, each still to be opened.
 * @param {Manifest} manifest
 * @param {Promise<Engine>} engine
 * @param {Read} read
 * @param {string} precision
 */
function graphsOf(manifest, engine, read, precision) {
  const { format_version: version, pair_id: pairId } = manifest;
  const tensors = tensorsOf(manifest);
  /** @type {Promise<unknown>} */
  let turn = engine; // engines open one session at a time; files are read meanwhile
  /** @type {(role: string, entry: FileEntry) => Promise<Session>} */
  const open = (role, entry) => {
    const bytes = readFile(read, entry);
    bytes.catch(() => {}); // reported below too
    const expected = { role, file: entry.file, pairId, version, tensors: tensors[role] };
    const session = turn.then(async () => Session.open(await engine, await bytes, expected));
    turn = session;
    return session;
  };
  return Object.fromEntries(
    Object.entries(manifest.graphs).map(([role, graph]) => [role, new Graph(() => open(role, graph[precision] ?? graph.float32))]),
  );
}

/** @param {Uint8Array} content */
function decodeText(content) {
  if (content.length > LIMIT_BYTES) {
    throw new ManifestError(`${FILE_NAME} has more than ${LIMIT_BYTES} bytes; a manifest has fewer.`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new ManifestError(`${FILE_NAME} is not UTF-8 text; copy the model again.`);
  }
}
