// @ts-check
// One picture made to fit a model, by docs/FORMAT.md, section 4: transparency, colour mode, inversion, size.

import { InputError } from "../errors.js";
import { roundHalfToEven } from "./pixels.js";
import { resize } from "./resampling.js";

/** @import { Box, Filter } from "./resampling.js" */

const LIMIT_PIXELS = 65e6;
const LIMIT_SIDE = 65535;

/**
 * RGBA bytes, as of a canvas.
 * @typedef {{ width: number, height: number, data: ArrayLike<number> }} Picture
 */

/**
 * How pictures become a model's images: `vae.manifest.image`.
 * @typedef {object} ImageSpec
 * @property {number[]} shape [channels, height, width]
 * @property {"L" | "RGB"} mode
 * @property {"stretch" | "crop" | "pad"} fit
 * @property {Filter} resample
 * @property {boolean} invert
 */

/**
 * Refuse a picture that is larger than any host reads.
 * @param {string} name begins the sentence
 * @param {number} width
 * @param {number} height
 */
export function checkSize(name, width, height) {
  if (Math.max(width, height) > LIMIT_SIDE) {
    throw new InputError(`${name} is ${width}x${height}; the limit is ${LIMIT_SIDE} pixels a side. Make it smaller.`);
  }
  if (width * height > LIMIT_PIXELS) {
    throw new InputError(`${name} is ${width}x${height}; the limit is ${LIMIT_PIXELS} pixels. Make it smaller.`);
  }
}

/**
 * Returns Uint8Array [channels * height * width] of the spec's shape.
 * @param {Picture} picture
 * @param {ImageSpec} spec
 */
export function fitPicture(picture, spec) {
  checkSize("the picture", picture.width, picture.height);
  const [, height, width] = spec.shape;
  const planes = channelsOf(picture, spec).map((plane) => fitPlane(plane, picture.width, picture.height, spec));
  const pixels = new Uint8Array(planes.length * height * width);
  planes.forEach((plane, c) => pixels.set(plane, c * height * width));
  return pixels;
}

/**
 * Grey or red, green, blue: a Uint8Array [height * width] each, on white, inverted where the model asks for it. A
 * photograph has millions of pixels: nothing is allocated for one.
 * @param {Picture} picture
 * @param {ImageSpec} spec
 */
function channelsOf({ width, height, data }, { mode, invert }) {
  const size = width * height;
  const planes = Array.from({ length: mode === "L" ? 1 : 3 }, () => new Uint8Array(size));
  const flip = invert ? 255 : 0; // v ^ 255 is 255 - v
  for (let i = 0; i < size; i++) {
    const alpha = data[4 * i + 3];
    const red = onWhite(data[4 * i], alpha);
    const green = onWhite(data[4 * i + 1], alpha);
    const blue = onWhite(data[4 * i + 2], alpha);
    if (mode === "L") {
      planes[0][i] = ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16) ^ flip;
    } else {
      planes[0][i] = red ^ flip;
      planes[1][i] = green ^ flip;
      planes[2][i] = blue ^ flip;
    }
  }
  return planes;
}

/**
 * A byte of a colour with this opacity over white, in Pillow's integers (its licence: resampling.js).
 * @param {number} value
 * @param {number} alpha
 */
function onWhite(value, alpha) {
  const sum = 128 * (value * alpha + 255 * (255 - alpha) + 128);
  return ((sum >> 8) + sum) >> 15;
}

/**
 * @param {Uint8Array} plane
 * @param {number} width
 * @param {number} height
 * @param {ImageSpec} spec
 */
function fitPlane(plane, width, height, { shape: [, down, across], fit, resample }) {
  if (width === across && height === down) {
    return plane;
  }
  /** @type {Box} */
  const whole = [0, 0, width, height];
  if (fit === "pad") {
    const [w, h] = inside(width, height, across, down);
    const part = resize(plane, width, height, w, h, whole, resample);
    const [left, top] = [roundHalfToEven((across - w) / 2), roundHalfToEven((down - h) / 2)];
    const ground = new Uint8Array(across * down);
    for (let y = 0; y < h; y++) {
      ground.set(part.subarray(y * w, (y + 1) * w), (top + y) * across + left);
    }
    return ground;
  }
  const box = fit === "crop" ? middle(width, height, across, down) : whole;
  return resize(plane, width, height, across, down, box, resample);
}

/**
 * The largest centred part that has the wanted shape's aspect ratio.
 * @param {number} width
 * @param {number} height
 * @param {number} across
 * @param {number} down
 * @returns {Box}
 */
function middle(width, height, across, down) {
  const ratio = across / down;
  const [w, h] = width / height >= ratio ? [ratio * height, height] : [width, width / ratio];
  const [left, top] = [(width - w) * 0.5, (height - h) * 0.5];
  return [left, top, left + w, top + h];
}

/**
 * The largest size of the picture's own aspect ratio that lies in the wanted one; no side rounds to nothing.
 * @param {number} width
 * @param {number} height
 * @param {number} across
 * @param {number} down
 */
function inside(width, height, across, down) {
  if (width / height > across / down) {
    return [across, Math.max(1, roundHalfToEven((height / width) * across))];
  }
  if (width / height < across / down) {
    return [Math.max(1, roundHalfToEven((width / height) * down)), down];
  }
  return [across, down];
}
