// @ts-check
// The bytes that a manifest promises: size and sha256 checked before anything is made of them.

import { IntegrityError } from "../errors.js";

/**
 * An entry of the manifest.
 * @typedef {{ file: string, bytes: number, sha256: string }} FileEntry
 */

/**
 * Gives the bytes of a file of the model by its name.
 * @typedef {(name: string) => Promise<Uint8Array>} Read
 */

/**
 * Read a file by its entry; the caller uses these bytes.
 * @param {Read} read
 * @param {FileEntry} entry
 */
export async function readFile(read, { file, bytes, sha256: expected }) {
  const content = await read(file);
  if (content.length !== bytes) {
    const sizes = `${file} has ${content.length} bytes, the manifest says ${bytes}`;
    const page = content[0] === 0x3c; // "<"
    throw new IntegrityError(`${sizes}; ${page ? "it is a web page, not a model." : "copy the model again."}`);
  }
  const digest = await sha256(content);
  if (digest !== expected) {
    throw new IntegrityError(`${file} is not the file of this manifest (sha256 ${digest.slice(0, 12)}…); copy it again.`);
  }
  return content;
}

/**
 * As 64 hexadecimal digits. Browsers lend theirs to pages of secure origins alone; a gateway's http page has none.
 * @param {Uint8Array} content
 */
export async function sha256(content) {
  const subtle = globalThis.crypto?.subtle;
  const digest = subtle ? new Uint8Array(await subtle.digest("SHA-256", /** @type {Uint8Array<ArrayBuffer>} */ (content))) : digestOf(content);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The first 32 bits of the fractions of the cube roots (64) and square roots (8) of the first primes, FIPS 180-4.
const PRIMES = [...Array(312).keys()].filter((n) => n > 1 && [...Array(n).keys()].slice(2).every((d) => n % d));
/** @type {(root: number) => number} */
const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) >>> 0;
const ROUNDS = PRIMES.map((p) => fraction(Math.cbrt(p)));
const START = PRIMES.slice(0, 8).map((p) => fraction(Math.sqrt(p)));

/**
 * SHA-256 in plain JavaScript, FIPS 180-4.
 * @param {Uint8Array} content
 */
export function digestOf(content) {
  const padded = new Uint8Array((content.length + 72) & ~63);
  padded.set(content);
  padded[content.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(content.length / 2 ** 29));
  view.setUint32(padded.length - 4, content.length << 3);
  const state = Int32Array.from(START);
  const words = new Int32Array(64);
  /** @type {(x: number, n: number) => number} */
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 64; i++) {
      const [x, y] = [words[i - 15], words[i - 2]];
      words[i] =
        i < 16
          ? view.getInt32(block + 4 * i)
          : words[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + words[i - 7] + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const t = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i];
      const s = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [a, b, c, d, e, f, g, h] = [(t + s) | 0, a, b, c, (d + t) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (state[i] += value));
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((value, i) => digest.setInt32(4 * i, value));
  return new Uint8Array(digest.buffer);
}
