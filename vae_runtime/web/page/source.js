// @ts-check
// Where the page's parts come from: its own folder, each file checked before it is used.

import { IntegrityError, VAE } from "./vae/index.js";
import { readFile } from "./vae/model/integrity.js";

/** @import { Engine } from "./vae/model/sessions.js" */
/** @import { Read } from "./vae/model/integrity.js" */
/** @import { Page } from "./types.js" */

/**
 * The open model and page.json.
 * @param {(bytes: number, all: number) => void} progress is told how much is there
 */
export async function load(progress) {
  const page = parsePage(await get("page.json", { cache: "no-cache" })); // the others change their names with their content
  const all = page.engine.wasm.bytes + page.first_bytes;
  let done = 0;
  /** @type {Read} */
  const read = (name) => get(name, {}, (bytes) => progress((done += bytes), all));
  const { precision, digest } = page;
  const options = { precision, digest, first: page.first, large: true }; // it is the very one that the page's maker chose
  const vae = await VAE.load(engine(read, page.engine), (name) => read(`${page.model}/${name}`), options);
  return { vae, page };
}

/**
 * @param {Uint8Array} content
 * @returns {Page}
 */
function parsePage(content) {
  try {
    const page = JSON.parse(new TextDecoder().decode(content));
    if (page.format === "vae-page" && page.format_version === 1) {
      return page;
    }
  } catch {
    // said below
  }
  throw new IntegrityError("page.json is not of this page. Copy the whole folder again, and reload without the cache.");
}

/**
 * onnxruntime-web, its WebAssembly checked.
 * @param {Read} read
 * @param {Page["engine"]} engine
 * @returns {Promise<Engine>}
 */
async function engine(read, { module, wasm: file }) {
  const [wasm, ort] = await Promise.all([readFile(read, file), import(`./${module}`)]);
  ort.env.wasm.wasmBinary = wasm.buffer;
  ort.env.wasm.numThreads = 1; // more need headers that static hosts do not send
  return ort;
}

/**
 * The bytes of a file beside this page.
 * @param {string} name
 * @param {RequestInit} options
 * @param {(bytes: number) => void} tell
 */
async function get(name, options, tell = () => {}) {
  const response = await fetch(new URL(name, import.meta.url), options).catch(() => null);
  if (!response?.ok || !response.body) {
    const answer = response ? `the server answered ${response.status}` : "the server does not answer";
    throw new IntegrityError(`${name} did not come: ${answer}. Copy the whole folder to the server.`);
  }
  /** @type {BlobPart[]} */
  const parts = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) {
      return new Uint8Array(await new Blob(parts).arrayBuffer());
    }
    parts.push(value);
    tell(value.length);
  }
}
