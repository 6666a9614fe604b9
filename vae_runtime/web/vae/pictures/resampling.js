// @ts-check
// Resizing bytes as Pillow does, to the last bit: weights in fixed point, two passes, each rounded to bytes.
//
// A model's scores hang on how its pictures were made small; a browser's own scaling is another one each time.

/*! A port of Pillow's src/libImaging/Resample.c.

The Python Imaging Library (PIL) is

    Copyright © 1997-2011 by Secret Labs AB
    Copyright © 1995-2011 by Fredrik Lundh and contributors

Pillow is the friendly PIL fork. It is

    Copyright © 2010 by Jeffrey 'Alex' Clark and contributors

Like PIL, Pillow is licensed under the open source MIT-CMU License:

By obtaining, using, and/or copying this software and/or its associated
documentation, you agree that you have read, understood, and will comply
with the following terms and conditions:

Permission to use, copy, modify and distribute this software and its
documentation for any purpose and without fee is hereby granted,
provided that the above copyright notice appears in all copies, and that
both that copyright notice and this permission notice appear in supporting
documentation, and that the name of Secret Labs AB or the author not be
used in advertising or publicity pertaining to distribution of the software
without specific, written prior permission.

SECRET LABS AB AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS
SOFTWARE, INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS.
IN NO EVENT SHALL SECRET LABS AB OR THE AUTHOR BE LIABLE FOR ANY SPECIAL,
INDIRECT OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM
LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE
OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR
PERFORMANCE OF THIS SOFTWARE.
*/

/** @typedef {"nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos"} Filter */
/** @typedef {[left: number, top: number, right: number, bottom: number]} Box */
/** @typedef {{ length: number, stride: number }} Axis */

const PRECISION_BITS = 22; // of a weight
const { sin, cos, PI, abs, ceil, floor, fround, max, min } = Math;

/** @type {(x: number) => number} */
const sinc = (x) => (x === 0 ? 1 : sin(x * PI) / (x * PI));
/** @type {Record<Exclude<Filter, "nearest">, { support: number, weigh: (x: number) => number }>} */
const FILTERS = {
  box: { support: 0.5, weigh: (x) => Number(x > -0.5 && x <= 0.5) },
  bilinear: { support: 1, weigh: (x) => max(1 - abs(x), 0) },
  hamming: { support: 1, weigh: (x) => (abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * cos(x * PI)) : 0) },
  bicubic: { support: 2, weigh: (x) => cubic(abs(x), -0.5) },
  lanczos: { support: 3, weigh: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/**
 * @param {number} x
 * @param {number} a
 */
function cubic(x, a) {
  if (x < 1) {
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  }
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/**
 * What lies in a box of a plane of bytes, scaled to across x down; horizontally first.
 * @param {Uint8Array} plane
 * @param {number} width
 * @param {number} height
 * @param {number} across
 * @param {number} down
 * @param {Box} box
 * @param {Filter} filter
 */
export function resize(plane, width, height, across, down, [left, top, right, bottom], filter) {
  const rows = pass(plane, { length: width, stride: 1 }, { length: height, stride: width }, across, left, right, filter);
  return pass(rows, { length: height, stride: across }, { length: across, stride: 1 }, down, top, bottom, filter);
}

/**
 * Scale along one axis; the other one keeps its length. Vertical passes have the other axis' stride 1.
 * @param {Uint8Array} bytes
 * @param {Axis} axis
 * @param {Axis} other
 * @param {number} length
 * @param {number} from
 * @param {number} to
 * @param {Filter} filter
 */
function pass(bytes, axis, other, length, from, to, filter) {
  if (length === axis.length && from === 0 && to === length) {
    return bytes;
  }
  const scaled = new Uint8Array(length * other.length);
  const [step, row] = axis.stride === 1 ? [1, length] : [other.length, 1];
  const taps = filter === "nearest" ? nearest(axis.length, from, to, length) : weights(axis.length, from, to, length, filter);
  taps.forEach(({ first, weight }, i) => {
    for (let line = 0; line < other.length; line++) {
      const start = line * other.stride + first * axis.stride;
      let sum = 2 ** (PRECISION_BITS - 1);
      for (let k = 0; k < weight.length; k++) {
        sum += bytes[start + k * axis.stride] * weight[k];
      }
      scaled[i * step + line * row] = min(max(floor(sum / 2 ** PRECISION_BITS), 0), 255);
    }
  });
  return scaled;
}

/**
 * For each place of the output, the first place of the input that counts and the weights from there on.
 * @param {number} size
 * @param {number} from
 * @param {number} to
 * @param {number} length
 * @param {keyof typeof FILTERS} filter
 */
function weights(size, from, to, length, filter) {
  const { support, weigh } = FILTERS[filter];
  const start = fround(from); // Pillow keeps boxes in single precision
  const scale = fround(fround(to) - start) / length;
  const stretch = max(scale, 1);
  return Array.from({ length }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = max(floor(centre - support * stretch + 0.5), 0);
    const end = min(floor(centre + support * stretch + 0.5), size);
    const exact = Array.from({ length: end - first }, (_, k) => weigh((k + first - centre + 0.5) * (1 / stretch)));
    const sum = exact.reduce((total, weight) => total + weight, 0) || 1;
    const fixed = exact.map((weight) => (weight / sum) * 2 ** PRECISION_BITS);
    return { first, weight: fixed.map((weight) => (weight < 0 ? ceil(weight - 0.5) : floor(weight + 0.5))) };
  });
}

/**
 * @param {number} size
 * @param {number} from
 * @param {number} to
 * @param {number} length
 */
function nearest(size, from, to, length) {
  const scale = (to - from) / length;
  let place = from + scale * 0.5;
  return Array.from({ length }, () => {
    const first = min(floor(place), size - 1);
    place += scale;
    return { first, weight: [2 ** PRECISION_BITS] };
  });
}
