// @ts-check
// A picture file to RGBA bytes, by the browser's own decoder, under the rules of docs/FORMAT.md, section 4.
//
// The browser takes the first frame of an animation and reduces 16 bits in its own way; Python refuses the one and
// rounds the other.

import { checkSize } from "./vae/pictures/fitting.js";
import { InputError } from "./vae/index.js";

const LIMIT_BYTES = 64 * 2 ** 20;
const STARTS = [/^\x89PNG/, /^\xff\xd8\xff/, /^RIFF....WEBP/s, /^BM/]; // PNG, JPEG, WebP, BMP

/**
 * A file, or what was pasted, as RGBA bytes.
 * @param {Blob & { name?: string }} blob
 */
export async function decodePicture(blob) {
  const name = blob.name || "the picture";
  if (blob.size > LIMIT_BYTES) {
    throw new InputError(`${name} has more than ${LIMIT_BYTES} bytes, the limit for one picture.`);
  }
  const start = String.fromCharCode(...new Uint8Array(await blob.slice(0, 12).arrayBuffer()));
  if (!STARTS.some((pattern) => pattern.test(start))) {
    throw new InputError(`${name} is no picture that can be read here; expected PNG, JPEG, WebP or BMP.`);
  }
  /** @type {ImageBitmapOptions} */
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(blob, options).catch(() => {
    throw new InputError(`${name} is cut off, damaged, or too large for this browser; copy or save it again.`);
  });
  const { width, height } = bitmap;
  checkSize(name, width, height);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  try {
    return pixelsOf(bitmap, canvas.getContext("2d", { willReadFrequently: true }), name);
  } finally {
    bitmap.close();
    canvas.width = canvas.height = 0; // some browsers keep its memory for long
  }
}

/**
 * Canvases over a limit, which is each browser's own, stay empty and say nothing: so one pixel is tried.
 * @param {ImageBitmap} bitmap
 * @param {CanvasRenderingContext2D | null} context
 * @param {string} name
 */
function pixelsOf(bitmap, context, name) {
  const { width, height } = bitmap;
  context?.fillRect(width - 1, height - 1, 1, 1);
  if (!context || !context.getImageData(width - 1, height - 1, 1, 1).data[3]) {
    throw new InputError(`${name} is ${width}x${height}, too large for this browser. Make it smaller.`);
  }
  context.clearRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height);
}
