// @ts-check
// Tensors of the small engine, and how numbers of one shape lie in another.

/** @typedef {Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array} Data */
/** @typedef {number | readonly number[]} Attribute */
/** @typedef {(inputs: Tensor[], attributes: Record<string, any>, outputs: number) => Tensor | Tensor[]} Operator */

export class Tensor {
  /**
   * @param {string} type
   * @param {Data} data
   * @param {readonly number[]} dims
   */
  constructor(type, data, dims) {
    this.type = type;
    this.data = data;
    this.dims = dims;
  }
}

/**
 * @param {Float32Array} data
 * @param {readonly number[]} dims
 */
export const floats = (data, dims) => new Tensor("float32", data, dims);

/**
 * A tensor's data; int64 are shapes and axes alone.
 * @param {Tensor} tensor
 */
export const numbers = ({ data }) => /** @type {Exclude<Data, BigInt64Array>} */ (data);

/** @type {(tensor: Tensor) => number[]} */
export const integers = ({ data }) => Array.from(data, Number);

/** @type {(tensor: Tensor, give: (value: number, k: number) => number) => Tensor} */
export const map = (tensor, give) => floats(Float32Array.from(numbers(tensor), give), tensor.dims);

/** @type {(dims: readonly number[]) => number} */
export const count = (dims) => dims.reduce((product, side) => product * side, 1);

/** How many numbers a step along each side goes over. @type {(dims: readonly number[]) => number[]} */
export const stepsOf = (dims) => dims.map((_, axis) => count(dims.slice(axis + 1)));

/** An axis counted from the front. @type {(axis: number, rank: number) => number} */
export const fromFront = (axis, rank) => (axis < 0 ? axis + rank : axis);

/**
 * Where each number of a tensor lies in another one, in which a step along each side goes over so many numbers.
 * @param {readonly number[]} dims
 * @param {readonly number[]} steps
 * @param {number} [start] where its first number lies
 */
export function places(dims, steps, start = 0) {
  let at = Int32Array.of(start);
  dims.forEach((side, axis) => {
    const inner = new Int32Array(at.length * side);
    at.forEach((place, i) => {
      for (let k = 0; k < side; k++) {
        inner[i * side + k] = place + k * steps[axis];
      }
    });
    at = inner;
  });
  return at;
}

/**
 * The numbers of a tensor that lie at these places.
 * @param {Tensor} tensor
 * @param {Int32Array} at
 * @param {readonly number[]} dims
 */
export function taken(tensor, at, dims) {
  const data = numbers(tensor);
  return floats(Float32Array.from(at, (place) => data[place]), dims);
}

/**
 * The shape of tensors that are broadcast to each other.
 * @param {readonly number[]} left
 * @param {readonly number[]} right
 */
export function broadcast(left, right) {
  const rank = Math.max(left.length, right.length);
  /** @type {(dims: readonly number[], axis: number) => number} */
  const side = (dims, axis) => dims[axis - rank + dims.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (side(left, axis) === 1 ? side(right, axis) : side(left, axis)));
}

/**
 * Where each number of a broadcast shape lies in a tensor's own.
 * @param {readonly number[]} own
 * @param {readonly number[]} dims
 */
export function repeated(own, dims) {
  const [steps, more] = [stepsOf(own), dims.length - own.length];
  return places(dims, dims.map((_, axis) => (axis < more || own[axis - more] === 1 ? 0 : steps[axis - more])));
}
