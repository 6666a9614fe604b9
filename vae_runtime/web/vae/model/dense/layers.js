// @ts-check
// Operators of the small engine over whole rows: products of matrices, quantised weights, norms.

import { roundHalfToEven } from "../../pictures/pixels.js";
import { broadcast, count, floats, fromFront, integers, map, numbers, places, repeated, stepsOf, taken } from "./tensor.js";

/** @import { Operator, Tensor } from "./tensor.js" */

const { exp, fround, max, min, sqrt } = Math;

/**
 * x [n, inputs] times weight [outputs, inputs] transposed, plus bias; sums in double precision.
 * @param {Tensor} x
 * @param {Tensor} weight
 * @param {Tensor} [bias]
 */
function gemm(x, weight, bias) {
  const [n, outputs, inputs] = [x.dims[0], ...weight.dims];
  const [rows, w, offsets] = [numbers(x), numbers(weight), bias && numbers(bias)];
  const y = new Float32Array(n * outputs);
  for (let i = 0; i < n; i++) {
    for (let o = 0; o < outputs; o++) {
      let sum = offsets ? offsets[o] : 0;
      for (let k = 0; k < inputs; k++) {
        sum += rows[i * inputs + k] * w[o * inputs + k];
      }
      y[i * outputs + o] = sum;
    }
  }
  return floats(y, [n, outputs]);
}

/** @param {Tensor} matrix */
function transpose(matrix) {
  const [rows, columns] = matrix.dims;
  return taken(matrix, places([columns, rows], [1, columns]), [columns, rows]);
}

/**
 * Matrices side by side, broadcast to each other.
 * @param {Tensor} left
 * @param {Tensor} right
 */
function matmul(left, right) {
  const [[m, inner], n] = [left.dims.slice(-2), right.dims[right.dims.length - 1]];
  const outer = broadcast(left.dims.slice(0, -2), right.dims.slice(0, -2));
  const [firsts, seconds] = [left, right].map(({ dims }) => repeated(dims.slice(0, -2), outer));
  const [a, b] = [numbers(left), numbers(right)];
  const products = Array.from(firsts, (first, i) => {
    const rows = floats(Float32Array.from(a.subarray(first * m * inner, (first + 1) * m * inner)), [m, inner]);
    const columns = floats(Float32Array.from(b.subarray(seconds[i] * inner * n, (seconds[i] + 1) * inner * n)), [inner, n]);
    return numbers(gemm(rows, transpose(columns)));
  });
  const y = new Float32Array(products.length * m * n);
  products.forEach((product, i) => y.set(product, i * m * n));
  return floats(y, [...outer, m, n]);
}

/**
 * Which scale number k of a tensor has: the only one, or that of its place along the axis.
 * @param {Tensor} tensor
 * @param {Tensor} scale
 * @param {number} axis
 * @returns {(k: number) => number}
 */
function scaleOf({ dims }, scale, axis) {
  const inner = count(dims.slice(axis + 1));
  return (k) => (scale.data.length === 1 ? 0 : Math.floor(k / inner) % dims[axis]);
}

/**
 * The numbers along some axes, as a row for each place along the others.
 * @param {Tensor} x
 * @param {readonly number[]} axes
 */
function rowsAlong(x, axes) {
  const steps = stepsOf(x.dims);
  const inside = x.dims.map((_, axis) => axis).filter((axis) => axes.includes(axis));
  const outside = x.dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const [starts, inner] = [outside, inside].map((part) => places(part.map((axis) => x.dims[axis]), part.map((axis) => steps[axis])));
  const data = numbers(x);
  return Array.from(starts, (start) => ({ at: inner.map((place) => start + place), row: Float64Array.from(inner, (place) => data[start + place]) }));
}

/** @type {(row: Float64Array) => number} */
const sum = (row) => row.reduce((total, value) => total + value, 0);

/**
 * @param {Tensor} x
 * @param {readonly number[]} axes
 * @param {(row: Float64Array) => Float64Array} give
 */
function alongRows(x, axes, give) {
  const y = new Float32Array(x.data.length);
  for (const { at, row } of rowsAlong(x, axes)) {
    give(row).forEach((value, i) => (y[at[i]] = value));
  }
  return floats(y, x.dims);
}

/** @type {(give: (row: Float64Array) => number) => Operator} */
const reduced = (give) => ([x, axes], { keepdims = 1 }) => {
  const along = integers(axes).map((axis) => fromFront(axis, x.dims.length));
  const dims = x.dims.flatMap((side, axis) => (along.includes(axis) ? (keepdims ? [1] : []) : [side]));
  return floats(Float32Array.from(rowsAlong(x, along), ({ row }) => give(row)), dims);
};

/** @type {Record<string, Operator>} */
export const LAYERS = {
  Gemm: ([x, weight, bias], { transB }) => gemm(x, transB ? weight : transpose(weight), bias),
  MatMul: ([left, right]) => matmul(left, right),
  QuantizeLinear([x, scale, zero]) {
    const [low, high] = zero.type === "uint8" ? [0, 255] : [-128, 127];
    const [step, middle] = [numbers(scale)[0], numbers(zero)[0]];
    return map(x, (value) => min(max(roundHalfToEven(fround(value / step)) + middle, low), high));
  },
  DequantizeLinear([x, scale, zero], { axis = 1 }) {
    const at = scaleOf(x, scale, axis);
    const middles = zero && numbers(zero);
    return map(x, (value, k) => fround(value - (middles?.[at(k)] ?? 0)) * numbers(scale)[at(k)]);
  },
  LayerNormalization([x, scale, bias], { axis = -1, epsilon = 1e-5 }) {
    const first = fromFront(axis, x.dims.length);
    const axes = x.dims.map((_, place) => place).slice(first);
    const [factors, offsets] = [numbers(scale), bias && numbers(bias)];
    return alongRows(x, axes, (row) => {
      const mean = sum(row) / row.length;
      const deviation = sqrt(sum(row.map((value) => (value - mean) ** 2)) / row.length + epsilon);
      return row.map((value, i) => ((value - mean) / deviation) * factors[i] + (offsets?.[i] ?? 0));
    });
  },
  ReduceMax: reduced((row) => row.reduce((a, b) => max(a, b))),
  ReduceMean: reduced((row) => sum(row) / row.length),
  ReduceSum: reduced(sum),
  Softmax([x], { axis = -1 }) {
    return alongRows(x, [fromFront(axis, x.dims.length)], (row) => {
      const largest = row.reduce((a, b) => max(a, b));
      const weights = row.map((value) => exp(value - largest));
      const total = sum(weights);
      return weights.map((weight) => weight / total);
    });
  },
};
