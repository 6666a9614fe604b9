// @ts-check
// Latents in the groups that people handle: single numbers, or of a shape with more sides its channels, each as a whole.

/**
 * count groups of size numbers each. mean: of a group. moved: the latent with a group's mean elsewhere.
 * @typedef {object} Groups
 * @property {number} count
 * @property {number} size
 * @property {string} name
 * @property {string} names more than one of them
 * @property {(group: number) => string} label
 * @property {(z: Float32Array, group: number) => number} mean
 * @property {(z: Float32Array, group: number, to: number) => Float32Array} moved
 */

/**
 * Along the first side of a shape.
 * @param {readonly number[]} shape
 * @returns {Groups}
 */
export function groupsOf([count, ...sides]) {
  const size = sides.reduce((product, side) => product * side, 1);
  const name = ["latent", "row", "channel"][sides.length];
  /** @type {Groups["mean"]} */
  const mean = (z, group) => z.subarray(group * size, (group + 1) * size).reduce((sum, value) => sum + value, 0) / size;
  return {
    count,
    size,
    name,
    names: `${name}s`,
    label: (group) => `${size > 1 ? name : "z"} ${group}`,
    mean,
    moved(z, group, to) {
      const by = to - mean(z, group);
      return z.map((value, k) => (Math.floor(k / size) === group ? value + by : value));
    },
  };
}
