// @ts-check
// Ways from one latent to another.

/**
 * The point at t in [0, 1] of the straight line: Float32Array [size].
 * @param {Float32Array} start
 * @param {Float32Array} end
 * @param {number} t
 */
export function linear(start, end, t) {
  return Float32Array.from(start, (a, j) => (1 - t) * a + t * end[j]);
}

/**
 * The point at t of the great arc (Shoemake 1985), its length going over evenly; ends that are parallel, opposite or
 * zero are joined by the line.
 * @param {Float32Array} start
 * @param {Float32Array} end
 * @param {number} t
 */
export function spherical(start, end, t) {
  const a = Math.sqrt(dot(start, start));
  const b = Math.sqrt(dot(end, end));
  const cosine = a && b ? dot(start, end) / (a * b) : 1;
  if (Math.abs(cosine) > 1 - 1e-9) {
    return linear(start, end, t);
  }
  const angle = Math.acos(cosine);
  const length = ((1 - t) * a + t * b) / Math.sin(angle);
  const from = (Math.sin((1 - t) * angle) / a) * length;
  const to = (Math.sin(t * angle) / b) * length;
  return Float32Array.from(start, (value, j) => from * value + to * end[j]);
}

/** @type {(a: Float32Array, b: Float32Array) => number} */
const dot = (a, b) => a.reduce((sum, value, j) => sum + value * b[j], 0);
