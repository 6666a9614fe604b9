// @ts-check
// The noise of docs/FORMAT.md, section 5: counter-based SplitMix64 and Box-Muller in double precision.
//
// Element k of a seed depends on the seed and k alone. JavaScript's numbers hold 53 bits, so the integers are BigInt.

import { InputError } from "../errors.js";

const GAMMA = 0x9e3779b97f4a7c15n;
const CHOICES_START = 1n << 62n; // labels are drawn from elements from here on, far from those of rows

/**
 * A whole number from 0 to 2^64 - 1; a BigInt from 2^53 on.
 * @typedef {number | bigint} WholeNumber
 */

/**
 * Rows start .. start + n - 1 of a seed, modulo 2^64: Float32Array [n * size] of N(0, 1).
 * @param {number} n
 * @param {number} size
 * @param {{ seed: WholeNumber, start?: WholeNumber }} rows
 */
export function standardNormal(n, size, { seed, start = 0 }) {
  const first = wholeNumber(start, "start");
  return normalRows(
    Array.from({ length: countOf(n, "n", 0) }, (_, i) => first + BigInt(i)),
    countOf(size, "size", 0),
    seed,
  );
}

/**
 * The rows of a seed by their numbers: Float32Array [rows.length * size].
 * @param {readonly bigint[]} rows
 * @param {number} size
 * @param {WholeNumber} seed
 */
export function normalRows(rows, size, seed) {
  const key = mix(wholeNumber(seed, "seed"));
  const eps = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    for (let j = 0; j < size; j++) {
      const [first, second] = bits(key, row * BigInt(size) + BigInt(j));
      const u1 = (first + 0.5) / 2 ** 53; // in (0, 1]: its logarithm is finite
      const u2 = second / 2 ** 53;
      eps[i * size + j] = Math.sqrt(-2 * Math.log(u1)) * Math.cos(2 * Math.PI * u2);
    }
  });
  return eps;
}

/**
 * Choices start .. start + n - 1 of a seed among 0 .. choices - 1.
 * @param {number} n
 * @param {number} choices
 * @param {{ seed: WholeNumber, start?: WholeNumber }} rows
 */
export function uniformChoice(n, choices, { seed, start = 0 }) {
  const key = mix(wholeNumber(seed, "seed"));
  const first = CHOICES_START + wholeNumber(start, "start");
  return Array.from({ length: n }, (_, i) => Math.floor((bits(key, first + BigInt(i))[1] / 2 ** 53) * choices));
}

/**
 * A whole number in 0 .. 2^64 - 1, as BigInt.
 * @param {unknown} value
 * @param {string} name of it, in the sentence that refuses another value
 */
export function wholeNumber(value, name) {
  const number = isWhole(value) ? BigInt(value) : -1n;
  if (number < 0n || number >> 64n) {
    throw new InputError(`${name} is ${value}; expected a whole number from 0 to 2^64 - 1, a BigInt from 2^53 on.`);
  }
  return number;
}

/**
 * @param {unknown} value
 * @returns {value is WholeNumber}
 */
function isWhole(value) {
  return typeof value === "bigint" || Number.isSafeInteger(value);
}

/**
 * A count that arrays can have.
 * @param {number} value
 * @param {string} name
 * @param {number} least
 */
export function countOf(value, name, least) {
  if (!Number.isInteger(value) || value < least || value >= 2 ** 31) {
    throw new InputError(`${name} is ${value}; expected a whole number from ${least}.`);
  }
  return value;
}

/**
 * The two 53-bit integers of element k, modulo 2^64.
 * @param {bigint} key
 * @param {bigint} k
 */
function bits(key, k) {
  return [Number(mix(key + 2n * k) >> 11n), Number(mix(key + 2n * k + 1n) >> 11n)];
}

/**
 * SplitMix64's output function (Steele, Lea and Flood 2014).
 * @param {bigint} x
 */
function mix(x) {
  x = BigInt.asUintN(64, x + GAMMA);
  x = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
  x = BigInt.asUintN(64, (x ^ (x >> 27n)) * 0x94d049bb133111ebn);
  return x ^ (x >> 31n);
}
