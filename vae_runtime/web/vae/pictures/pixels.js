// @ts-check
// The pixel map, both ways. Nothing looks at an image's own extremes.

/**
 * Bytes to float32 in [0, 1]: divided by 255, which is not the same as multiplied by 1 / 255.
 * @param {Uint8Array | Uint8ClampedArray} bytes
 */
export function fromBytes(bytes) {
  return Float32Array.from(bytes, (byte) => byte / 255);
}

/**
 * float32 in [0, 1] to bytes: clipped, times 255 in float32, halves rounded to even.
 * @param {Float32Array} images
 */
export function toBytes(images) {
  return Uint8ClampedArray.from(images, (value) => roundHalfToEven(Math.fround(Math.min(Math.max(value, 0), 1) * 255)));
}

/**
 * As Python's round.
 * @param {number} value
 */
export function roundHalfToEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}
