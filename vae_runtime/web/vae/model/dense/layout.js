// @ts-check
// Operators of the small engine that move numbers and compute none.

import { Tensor, count, floats, fromFront, integers, numbers, places, stepsOf, taken } from "./tensor.js";

/** @import { Operator } from "./tensor.js" */

/** @type {(x: Tensor, dims: readonly number[]) => Tensor} */
const shaped = (x, dims) => new Tensor(x.type, x.data, dims);

/**
 * Part of a tensor: from a start along each axis, of a shape.
 * @param {Tensor} x
 * @param {readonly number[]} starts
 * @param {readonly number[]} dims
 */
function part(x, starts, dims) {
  const steps = stepsOf(x.dims);
  const start = starts.reduce((sum, from, axis) => sum + from * steps[axis], 0);
  return taken(x, places(dims, steps, start), dims);
}

/** @type {Record<string, Operator>} */
export const LAYOUT = {
  Concat(tensors, { axis }) {
    const [first] = tensors;
    const at = fromFront(axis, first.dims.length);
    const outer = count(first.dims.slice(0, at));
    const dims = first.dims.with(at, tensors.reduce((sum, tensor) => sum + tensor.dims[at], 0));
    const [joined, row] = [new Float32Array(count(dims)), count(dims) / outer];
    let column = 0;
    for (const tensor of tensors) {
      const width = count(tensor.dims) / outer;
      for (let i = 0; i < outer; i++) {
        joined.set(numbers(tensor).subarray(i * width, (i + 1) * width), i * row + column);
      }
      column += width;
    }
    return floats(joined, dims);
  },

  Flatten([x], { axis = 1 }) {
    const at = fromFront(axis, x.dims.length);
    return shaped(x, [count(x.dims.slice(0, at)), count(x.dims.slice(at))]);
  },

  Reshape([x, shape]) {
    const sides = integers(shape);
    const rest = x.data.length / count(sides.filter((side) => side !== -1));
    return shaped(x, sides.map((side) => (side === -1 ? rest : side)));
  },

  Slice([x, starts, ends, axes]) {
    const [from, dims] = [x.dims.map(() => 0), [...x.dims]];
    integers(axes).forEach((axis, i) => {
      from[axis] = integers(starts)[i];
      dims[axis] = Math.min(integers(ends)[i], x.dims[axis]) - from[axis];
    });
    return part(x, from, dims);
  },

  Split([x, sizes], { axis = 0 }, outputs) {
    const at = fromFront(axis, x.dims.length);
    const each = Math.ceil(x.dims[at] / outputs);
    const starts = x.dims.map(() => 0);
    return Array.from({ length: outputs }, (_, i) => {
      const side = sizes ? integers(sizes)[i] : Math.min(each, x.dims[at] - starts[at]);
      const given = part(x, starts, x.dims.with(at, side));
      starts[at] += side;
      return given;
    });
  },

  Squeeze([x, axes]) {
    const gone = integers(axes).map((axis) => fromFront(axis, x.dims.length));
    return shaped(x, x.dims.filter((_, axis) => !gone.includes(axis)));
  },

  Transpose([x], { perm }) {
    const [order, steps] = [/** @type {number[]} */ (perm), stepsOf(x.dims)];
    const dims = order.map((axis) => x.dims[axis]);
    return taken(x, places(dims, order.map((axis) => steps[axis])), dims);
  },

  Unsqueeze([x, axes]) {
    const rank = x.dims.length + axes.data.length;
    const dims = [...x.dims];
    for (const axis of integers(axes).map((axis) => fromFront(axis, rank)).sort((a, b) => a - b)) {
      dims.splice(axis, 0, 1);
    }
    return shaped(x, dims);
  },
};
