// @ts-check
// Flat arrays as lists: the numbers of each row, in the shape that Python has them in.

/** @type {(flat: Float32Array, size: number) => number[][]} */
export const rows = (flat, size) =>
  Array.from({ length: flat.length / size }, (_, i) => Array.from(flat.subarray(i * size, (i + 1) * size)));

/**
 * Numbers, in C order, as lists of a shape: what JSON holds and numpy takes.
 * @param {Float32Array} flat
 * @param {readonly number[]} shape
 * @returns {any[]}
 */
export function nested(flat, [, ...sides]) {
  const size = sides.reduce((product, side) => product * side, 1);
  return sides.length ? rows(flat, size).map((row) => nested(Float32Array.from(row), sides)) : Array.from(flat);
}
