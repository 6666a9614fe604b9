// @ts-check
// golden.npz: a zip of uncompressed .npy arrays, read to the letter (docs/FORMAT.md, section 7).

import { IntegrityError } from "../errors.js";
import { decodedOf } from "../maths/likelihood.js";
import { SCORE_NAME } from "./manifest.js";

/** @import { Manifest } from "./manifest.js" */
/** @typedef {{ type: string, shape: number[], numbers: any }} NamedArray */

/** @type {Record<string, Float32ArrayConstructor | Float64ArrayConstructor | BigInt64ArrayConstructor>} */
const TYPES = { "<f4": Float32Array, "<f8": Float64Array, "<i8": BigInt64Array };
const MOST = 64; // images, and draws of each
const MOST_SCORES = 64;
const SCORE = "score_"; // what the names of arrays of scores begin with

/**
 * The arrays by name, flat; an IntegrityError for anything but what the format has for this manifest. Scores that this
 * reader does not know are among them.
 * @param {Uint8Array} content
 * @param {Manifest} manifest
 * @returns {Record<string, any>}
 */
export function readGolden(content, manifest) {
  const { format_version: version, image, latent, prior, posterior, graphs } = manifest;
  const arrays = readArchive(content);
  if (version === 1 && arrays.score && !Object.keys(arrays).some((name) => name.startsWith(SCORE))) {
    arrays[`${SCORE}elbo`] = arrays.score; // the only one that it has
    delete arrays.score;
  }
  const [n, ...shape] = arrays.images?.shape ?? [];
  const draws = Number(arrays.draws?.numbers[0]);
  check(n >= 1 && n <= MOST && draws >= 1 && draws <= MOST, "it has no images or draws, or too many");
  const scores = Object.keys(arrays).filter((name) => name.startsWith(SCORE) && SCORE_NAME.test(name.slice(SCORE.length)));
  check(scores.length <= MOST_SCORES, "it has too many scores");
  /** @type {(type: string, sides: number[], ...names: string[]) => Record<string, [string, number[]]>} */
  const each = (type, sides, ...names) => Object.fromEntries(names.map((name) => [name, [type, sides]]));
  const expected = {
    ...each("<f4", [n, ...image.shape], "images", "decoded", ...decodedOf(manifest)),
    ...each("<f4", [n, ...latent.shape], "mean", "eps", "z"),
    ...(posterior.family !== "none" && each("<f4", [n, ...latent.shape], "logvar")),
    ...(prior.family !== "none" && { ...each("<f4", [n, ...latent.shape], "prior_z"), ...each("<f8", [n], "prior_log_prob") }),
    ...(manifest.hasElbo && each("<f8", [n], "log_likelihood", "kl", "iwae")),
    ...each("<f8", [n], SCORE + manifest.usualScore, ...scores),
    ...each("<i8", [], "draws"),
    ...(graphs.detector && each("<f4", [n, ...shape.slice(1)], "faults")),
  };
  const others = Object.keys(arrays).filter((name) => !Object.hasOwn(expected, name));
  check(!others.length, `it has ${others[0]}`);
  for (const [name, [type, sides]] of Object.entries(expected)) {
    const fits = arrays[name]?.type === type && String(arrays[name].shape) === String(sides);
    check(fits && (type === "<i8" || arrays[name].numbers.every(Number.isFinite)), `${name} is not as it should be`);
  }
  return Object.fromEntries(Object.entries(arrays).map(([name, { numbers }]) => [name, numbers]));
}

/** @param {Uint8Array} content */
function readArchive(content) {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  /** @type {Record<string, NamedArray>} */
  const arrays = {};
  const end = content.length - 22; // the end of the central directory; the format has no comment
  check(end >= 0 && view.getUint32(end, true) === 0x06054b50, "it is no archive, or cut off");
  let entry = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    check(entry + 46 <= end && view.getUint32(entry, true) === 0x02014b50, "it is damaged");
    const [packed, size] = [20, 24].map((at) => view.getUint32(entry + at, true));
    const nameLength = view.getUint16(entry + 28, true);
    check(view.getUint16(entry + 10, true) === 0 && packed === size, "an array is compressed");
    const local = view.getUint32(entry + 42, true);
    const name = ascii(content.subarray(entry + 46, entry + 46 + nameLength)).replace(/\.npy$/, "");
    check(local + 30 <= end && !Object.hasOwn(arrays, name), `${name} is there twice, or outside`);
    const data = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    check(data + size <= end, `${name} is cut off`);
    arrays[name] = readArray(content.slice(data, data + size), name);
    entry += 46 + nameLength + view.getUint16(entry + 30, true) + view.getUint16(entry + 32, true);
  }
  return arrays;
}

/**
 * @param {Uint8Array} content
 * @param {string} name
 * @returns {NamedArray}
 */
function readArray(content, name) {
  check(ascii(content.subarray(1, 6)) === "NUMPY" && content[6] === 1, `${name} is no array`);
  const start = 10 + content[8] + 256 * content[9];
  const header = ascii(content.subarray(10, start));
  const [, type, sides] = /^\{'descr': '(...)', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n$/.exec(header) ?? [];
  check(Object.hasOwn(TYPES, type ?? ""), `${name} is of another type or order`);
  const shape = (sides.match(/\d+/g) ?? []).map(Number);
  const count = shape.reduce((product, side) => product * side, 1);
  check(content.length - start === count * TYPES[type].BYTES_PER_ELEMENT, `${name} has another size than it says`);
  return { type, shape, numbers: new TYPES[type](content.slice(start).buffer) };
}

/** @type {(bytes: Uint8Array) => string} */
const ascii = (bytes) => String.fromCharCode(...bytes);

/**
 * @param {boolean} holds
 * @param {string} what is wrong otherwise
 */
function check(holds, what) {
  if (!holds) {
    throw new IntegrityError(`golden.npz does not hold the golden vectors of the format: ${what}.`);
  }
}
