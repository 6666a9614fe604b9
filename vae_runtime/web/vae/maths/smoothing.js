// @ts-check
// A mean over square windows, cut off at the borders.

/**
 * @param {Float32Array} maps [n * height * width]
 * @param {number} height
 * @param {number} width
 * @param {number} window odd, in pixels
 */
export function windowMeans(maps, height, width, window) {
  const reach = (window - 1) / 2;
  /** @type {(at: number, stride: number, place: number, length: number, values: ArrayLike<number>) => number} */
  const mean = (at, stride, place, length, values) => {
    const [low, high] = [Math.max(place - reach, 0), Math.min(place + reach, length - 1)];
    let sum = 0;
    for (let k = low; k <= high; k++) {
      sum += values[at + (k - place) * stride];
    }
    return sum / (high - low + 1);
  };
  const down = Float64Array.from(maps, (_, k) => mean(k, width, Math.floor(k / width) % height, height, maps));
  return Float32Array.from(down, (_, k) => mean(k, 1, k % width, width, down));
}
