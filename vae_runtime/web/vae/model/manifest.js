// @ts-check
// manifest.json, read strictly: a closed set of keys, each of its type (docs/FORMAT.md, section 3).
//
// JSON.parse keeps the last of two equal keys and reads 2.0 as 2; but for these two, what Python refuses is refused.

import { ManifestError, messageOf } from "../errors.js";
import { LIKELIHOODS } from "../maths/likelihood.js";
import { among, bool, entries, isObject, like, list, object, optional, positive, string, whole } from "./fields.js";
import { PRIORS } from "./prior.js";
import { SCORES, hasElbo } from "./scores.js";
import { volume } from "./sessions.js";

/** @import { Label } from "../maths/labels.js" */
/** @import { ImageSpec } from "../pictures/fitting.js" */
/** @import { Check } from "./fields.js" */
/** @import { FileEntry } from "./integrity.js" */

/**
 * What the model is. The last three the file leaves to the reader: the methods that it can score by, the one that is meant
 * where nobody names another, and whether there is a bound on log p(x), for which it takes all of prior, posterior and
 * likelihood.
 * @typedef {object} Manifest
 * @property {number} format_version
 * @property {string} name
 * @property {string} license
 * @property {string} pair_id
 * @property {ImageSpec} image
 * @property {{ shape: number[], scale: number, shift: number }} latent
 * @property {{ family: string, labels?: Label[] }} prior
 * @property {{ family: string }} posterior
 * @property {{ family: string, [parameter: string]: any }} likelihood
 * @property {Record<string, Record<string, FileEntry>>} graphs a file for each role and precision
 * @property {Record<string, GoldenEntry>} golden a file for each precision
 * @property {Record<string, number[]>} [calibration] scores of normal images by method, ascending
 * @property {FileEntry[]} card
 * @property {Record<string, unknown>} training
 * @property {string[]} scores
 * @property {string} usualScore
 * @property {boolean} hasElbo
 */

/** @typedef {FileEntry & { tolerance: Record<string, number> }} GoldenEntry */

export const FILE_NAME = "manifest.json";
export const SCORE_NAME = /^[a-z][a-z0-9_]{0,30}$/; // of a score, known to this reader or not

const FILE = {
  file: like(/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?$/),
  bytes: whole(0, 2 ** 27 + 1),
  sha256: like(/^[0-9a-f]{64}$/),
};
const PRECISIONS = object({ float32: object(FILE), int8: optional(object(FILE)) });
const IMAGE = object({
  shape: (value) => list(whole(1), 3, 3)(value) && [1, 3].includes(value[0]),
  mode: among("L", "RGB"),
  fit: among("stretch", "crop", "pad"),
  resample: among("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
  invert: bool,
});
const POSTERIORS = { diagonal_gaussian: true, none: true };
/** @type {(part: any) => boolean} */
const isNone = (part) => part?.family === "none";
/** @type {Check} */
const ascending = (value) =>
  list(Number.isFinite, 1, 10_000)(value) && value.every((/** @type {number} */ s, /** @type {number} */ i) => !i || value[i - 1] <= s);
// Version 1 had these scores and no others; from version 2 on, names that a reader does not know are no error.
const SCORES_1 = ["elbo", "reconstruction", "kl", "complexity", "faults"].flatMap((name) => [name, `${name}_tiled`]);
/** @type {Record<number, Check>} */
const CALIBRATION = {
  1: object(Object.fromEntries(SCORES_1.map((name) => [name, optional(ascending)]))),
  2: entries(SCORE_NAME, ascending),
};

/** @type {Record<number, Check>} */
const LATENT = {
  1: object({ size: whole(1) }),
  2: object({
    shape: (value) => list(whole(1), 1, 3)(value) && volume(value) < 2 ** 31,
    scale: optional(positive),
    shift: optional(Number.isFinite),
  }),
};
/** @type {(latent: any, version: number) => number[]} */
const shapeOf = (latent, version) => [(version === 1 ? latent?.size : latent?.shape) ?? []].flat();

/**
 * The check of a whole manifest; it hangs on the version, on the latents' shape and on the families.
 * @param {any} manifest
 */
function schema(manifest) {
  const { format_version: version, image, latent, prior, posterior, likelihood } = manifest ?? {};
  const [latentShape, family] = [shapeOf(latent, version), entry(LIKELIHOODS, likelihood?.family)];
  const tolerances = ["mean", "images", "nats", ...(family?.decoded(version) ?? [])];
  tolerances.push(...(isNone(posterior) ? [] : ["logvar"]), ...(isNone(prior) ? [] : ["z"]));
  const tolerance = object(Object.fromEntries(tolerances.map((name) => [name, positive])));
  const golden = object({ ...FILE, bytes: whole(0, 2 ** 25 + 1), tolerance });
  const latentSize = volume(latentShape);
  const numbers = list((value) => Number.isFinite(value) && Math.abs(value) <= 30, latentSize, latentSize);
  const label = object({ name: like(/^[!-~]([ -~]{0,98}[!-~])?$/), mean: numbers, logvar: numbers });
  const roles = ["encoder", "decoder", ...Object.keys(entry(PRIORS, prior?.family)?.tensors(latentShape) ?? {})];
  /** @type {(table: Record<string, unknown>) => Check} */
  const familyOf = (table) => among(...Object.keys(table).filter((name) => name !== "none" || version > 1));
  return object({
    format: among("vae-onnx"),
    format_version: among(1, 2),
    name: like(/^[A-Za-z0-9_.-]{1,100}$/),
    license: like(/^[ -~]{1,100}$/),
    created_by: string,
    pair_id: like(/^[0-9a-f]{16}$/),
    opset: whole(1),
    min_onnxruntime: like(/^[0-9]{1,4}\.[0-9]{1,4}$/),
    image: IMAGE,
    latent: LATENT[version] ?? isObject,
    prior: object({ family: familyOf(PRIORS), ...(!isNone(prior) && { labels: optional(list(label, 1, 10_000)) }) }),
    posterior: object({ family: familyOf(POSTERIORS) }),
    likelihood: object({ family: familyOf(LIKELIHOODS), ...family?.parameters(version, image?.shape?.[0]) }),
    graphs: object({ ...Object.fromEntries(roles.map((role) => [role, PRECISIONS])), detector: optional(PRECISIONS) }),
    golden: object({ float32: golden, int8: optional(golden) }),
    calibration: optional(CALIBRATION[version] ?? isObject),
    card: list(object(FILE), 0, Infinity),
    training: isObject,
  });
}

/**
 * An entry of a table by a name that anybody may have written.
 * @template T
 * @param {Record<string, T>} table
 * @param {string} name
 */
function entry(table, name) {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * Check a manifest's text and return it as an object.
 * @param {string} content
 * @returns {Manifest}
 */
export function parseManifest(content) {
  let manifest;
  try {
    manifest = JSON.parse(content);
  } catch (error) {
    const page = content.trimStart().startsWith("<") ? "it is a web page" : messageOf(error);
    throw new ManifestError(`${FILE_NAME} is no JSON (${page}); copy the model again.`);
  }
  if (manifest?.format_version > 2) {
    throw new ManifestError(`the model has format version ${manifest.format_version}; this program reads 1 and 2.`);
  }
  schema(manifest)(manifest);
  checkWhole(manifest);
  const { format_version: version, latent } = manifest;
  return {
    ...manifest,
    latent: { shape: shapeOf(latent, version), scale: latent.scale ?? 1, shift: latent.shift ?? 0 },
    scores: Object.keys(SCORES).filter((name) => SCORES[name].isFor(manifest)),
    usualScore: hasElbo(manifest) ? "elbo" : "reconstruction",
    hasElbo: hasElbo(manifest),
  };
}

/**
 * What no key says alone.
 * @param {Manifest} manifest
 */
function checkWhole({ image, prior, graphs, golden, card }) {
  const files = [...Object.values(graphs).flatMap((graph) => Object.values(graph)), ...Object.values(golden), ...card];
  const names = [FILE_NAME, "checkpoint", ...files.map(({ file }) => file.toLowerCase())];
  const labels = (prior.labels ?? []).map(({ name }) => name);
  const precisions = new Set(Object.values(graphs).flatMap(Object.keys));
  /** @type {[boolean, string][]} */
  const rules = [
    [new Set(names).size < names.length, "names one file twice"],
    [files.reduce((sum, { bytes }) => sum + bytes, 0) > 2 ** 28, "names files of more than 268,435,456 bytes together"],
    [new Set(labels).size < labels.length, "names one label twice"],
    [image.shape[0] !== { L: 1, RGB: 3 }[image.mode], `has images of ${image.shape[0]} channels in the mode ${image.mode}`],
    [Object.keys(golden).length !== precisions.size, "has golden vectors of other precisions than its graphs"],
  ];
  const broken = rules.find(([holds]) => holds);
  if (broken) {
    throw new ManifestError(`the manifest ${broken[1]}; copy or export the model again.`);
  }
}
