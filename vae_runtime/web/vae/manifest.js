// manifest.json, read strictly: a closed set of keys, each of its type (docs/FORMAT.md, section 3).
//
// JSON.parse keeps the last of two equal keys and reads 2.0 as 2; but for these two, what Python refuses is refused.

import { ManifestError } from "./errors.js";

export const FILE_NAME = "manifest.json";
const ROLES = {
  standard_normal: ["encoder", "decoder"],
  flow: ["encoder", "decoder", "prior_sample", "prior_log_prob"],
};
const SCORES = ["elbo", "reconstruction", "kl", "complexity", "faults"];

// A check takes a value and tells whether it is as expected.
const size = (from) => (value) => Number.isInteger(value) && value >= from && value < 2 ** 31;
const positive = (value) => Number.isFinite(value) && value > 0;
const bool = (value) => typeof value === "boolean";
const string = (value) => typeof value === "string";
const like = (pattern) => (value) => string(value) && pattern.test(value);
const among = (...choices) => (value) => choices.includes(value);
const list = (check, least, most) => (value) =>
  Array.isArray(value) && value.length >= least && value.length <= most && value.every(check);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const optional = (check) => Object.assign((value) => check(value), { optional: true });

// Exactly these keys, each with its check; what is wrong first is thrown by its place.
function object(checks) {
  return (value, place = "") => {
    const keys = isObject(value) ? Object.keys(value) : [];
    const unknown = keys.find((key) => !Object.hasOwn(checks, key));
    if (!isObject(value) || unknown !== undefined) {
      throw new ManifestError(`the manifest's ${place || "text"} is no object, or has an unknown key ${unknown ?? ""}.`);
    }
    for (const [key, check] of Object.entries(checks)) {
      const missing = !Object.hasOwn(value, key);
      if (missing ? !check.optional : !check(value[key], `${place}${key}.`)) {
        const found = missing ? "missing" : (JSON.stringify(value[key]) ?? "").slice(0, 80);
        throw new ManifestError(`the manifest's ${place}${key} is ${found}; see docs/FORMAT.md for what is expected.`);
      }
    }
    return true;
  };
}

const FILE = {
  file: like(/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?$/),
  bytes: (value) => size(0)(value) && value <= 2 ** 27,
  sha256: like(/^[0-9a-f]{64}$/),
};
const PRECISIONS = object({ float32: object(FILE), int8: optional(object(FILE)) });
const TOLERANCE = object(Object.fromEntries(["mean", "logvar", "z", "images", "nats"].map((name) => [name, positive])));
const CALIBRATION = (value) => list(Number.isFinite, 1, 10_000)(value) && value.every((s, i) => !i || value[i - 1] <= s);

function schema(latentSize, family, likelihood) {
  const golden = object({ ...FILE, bytes: (value) => size(0)(value) && value <= 2 ** 25, tolerance: TOLERANCE });
  const numbers = list((value) => Number.isFinite(value) && Math.abs(value) <= 30, latentSize, latentSize);
  const label = object({ name: like(/^[!-~]([ -~]{0,98}[!-~])?$/), mean: numbers, logvar: numbers });
  const roles = Object.fromEntries((ROLES[family] ?? []).map((role) => [role, PRECISIONS]));
  return object({
    format: among("vae-onnx"),
    format_version: among(1),
    name: like(/^[A-Za-z0-9_.-]{1,100}$/),
    license: like(/^[ -~]{1,100}$/),
    created_by: string,
    pair_id: like(/^[0-9a-f]{16}$/),
    opset: size(1),
    min_onnxruntime: like(/^[0-9]{1,4}\.[0-9]{1,4}$/),
    image: object({
      shape: (value) => list(size(1), 3, 3)(value) && [1, 3].includes(value[0]),
      mode: among("L", "RGB"),
      fit: among("stretch", "crop", "pad"),
      resample: among("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
      invert: bool,
    }),
    latent: object({ size: size(1) }),
    prior: object({ family: among(...Object.keys(ROLES)), labels: optional(list((value) => label(value), 1, 10_000)) }),
    posterior: object({ family: among("diagonal_gaussian") }),
    likelihood: object({ family: among("bernoulli", "gaussian"), ...(likelihood === "gaussian" && { sigma: positive }) }),
    graphs: object({ ...roles, detector: optional(PRECISIONS) }),
    golden: object({ float32: golden, int8: optional(golden) }),
    calibration: optional(object(Object.fromEntries(SCORES.flatMap((s) => [s, `${s}_tiled`]).map((s) => [s, optional(CALIBRATION)])))),
    card: list((value) => object(FILE)(value), 0, Infinity),
    training: isObject,
  });
}

// Check a manifest's text and return it as an object, with `scores`: the methods that the model can score by.
export function parseManifest(content) {
  let manifest;
  try {
    manifest = JSON.parse(content);
  } catch (error) {
    const page = content.trimStart().startsWith("<") ? "it is a web page" : error.message;
    throw new ManifestError(`${FILE_NAME} is no JSON (${page}); copy the model again.`);
  }
  if (manifest?.format_version > 1) {
    throw new ManifestError(`the model has format version ${manifest.format_version}; this program reads 1.`);
  }
  schema(manifest?.latent?.size, manifest?.prior?.family, manifest?.likelihood?.family)(manifest);
  checkWhole(manifest);
  const lacks = [manifest.likelihood.family !== "bernoulli" && "complexity", !manifest.graphs.detector && "faults"];
  return { ...manifest, scores: SCORES.filter((method) => !lacks.includes(method)) };
}

// What no key says alone.
function checkWhole({ image, prior, graphs, golden, card }) {
  const files = [...Object.values(graphs).flatMap(Object.values), ...Object.values(golden), ...card];
  const names = [FILE_NAME, "checkpoint", ...files.map(({ file }) => file.toLowerCase())];
  const labels = (prior.labels ?? []).map(({ name }) => name);
  const precisions = new Set(Object.values(graphs).flatMap(Object.keys));
  const wrong = [
    [new Set(names).size < names.length, "names one file twice"],
    [files.reduce((sum, { bytes }) => sum + bytes, 0) > 2 ** 28, "names files of more than 268,435,456 bytes together"],
    [new Set(labels).size < labels.length, "names one label twice"],
    [image.shape[0] !== { L: 1, RGB: 3 }[image.mode], `has images of ${image.shape[0]} channels in the mode ${image.mode}`],
    [Object.keys(golden).length !== precisions.size, "has golden vectors of other precisions than its graphs"],
  ].find(([holds]) => holds);
  if (wrong) {
    throw new ManifestError(`the manifest ${wrong[1]}; copy or export the model again.`);
  }
}
