// A picture file to RGBA bytes, by the browser's own decoder, under the rules of docs/FORMAT.md, section 4.
//
// The browser takes the first frame of an animation and reduces 16 bits in its own way; Python refuses the one and
// rounds the other.

import { InputError } from "./vae/index.js";

const LIMIT_BYTES = 64 * 2 ** 20;
const LIMIT_PIXELS = 64e6;
const STARTS = [/^\x89PNG/, /^\xff\xd8\xff/, /^RIFF....WEBP/s, /^BM/]; // PNG, JPEG, WebP, BMP

// blob -> { width, height, data }.
export async function decodePicture(blob) {
  const name = blob.name || "the picture";
  if (blob.size > LIMIT_BYTES) {
    throw new InputError(`${name} has more than ${LIMIT_BYTES} bytes, the limit for one picture.`);
  }
  const start = String.fromCharCode(...new Uint8Array(await blob.slice(0, 12).arrayBuffer()));
  if (!STARTS.some((pattern) => pattern.test(start))) {
    throw new InputError(`${name} is no picture that can be read here; expected PNG, JPEG, WebP or BMP.`);
  }
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(blob, options).catch(() => {
    throw new InputError(`${name} is cut off or damaged; copy or save it again.`);
  });
  const { width, height } = bitmap;
  if (width * height > LIMIT_PIXELS) {
    throw new InputError(`${name} is ${width}x${height}; the limit is ${LIMIT_PIXELS} pixels. Make it smaller.`);
  }
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
