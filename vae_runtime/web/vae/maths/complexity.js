// @ts-check
// The length in nats of a simple universal code for an image's pixels > 1/2 (docs/FORMAT.md, section 6).

const CONTEXTS = 16; // of the four neighbours that a decoder knows already: left, above left, above, above right

/**
 * Nats for row i of `images`; outside is dark.
 * @param {Float32Array} images
 * @param {number} i
 * @param {readonly number[]} shape [channels, height, width]
 */
export function codeLength(images, i, [channels, height, width]) {
  let nats = 0;
  for (let c = 0; c < channels; c++) {
    const first = (i * channels + c) * height * width;
    /** @type {(y: number, x: number) => number} */
    const light = (y, x) => Number(y >= 0 && x >= 0 && x < width && images[first + y * width + x] > 0.5);
    const counts = Array.from({ length: CONTEXTS }, () => [0, 0]);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const known = 8 * light(y, x - 1) + 4 * light(y - 1, x) + 2 * light(y - 1, x - 1) + light(y - 1, x + 1);
        const pair = counts[known];
        const n = pair[0] + pair[1];
        const bit = light(y, x);
        nats += Math.log(n + 1) - Math.log(pair[bit] + 0.5); // Krichevsky and Trofimov 1981
        pair[bit] += 1;
      }
    }
  }
  return nats;
}
