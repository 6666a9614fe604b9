// @ts-check
// Operators of the small engine that treat each number by itself, or with its partner in another tensor.

import { broadcast, count, floats, map, numbers, repeated } from "./tensor.js";

/** @import { Operator, Tensor } from "./tensor.js" */

const { abs, exp, expm1, log, log1p, max, min, sqrt, tanh } = Math;

/** @type {(give: (value: number, attributes: Record<string, number>) => number) => Operator} */
const each = (give) => ([x], attributes) => map(x, (value) => give(value, attributes));

/** @type {(give: (a: number, b: number) => number) => Operator} */
const pairs = (give) => ([first, ...others]) => others.reduce((a, b) => paired(a, b, give), first);

/**
 * @param {Tensor} a
 * @param {Tensor} b
 * @param {(a: number, b: number) => number} give
 */
function paired(a, b, give) {
  const dims = broadcast(a.dims, b.dims);
  const [left, right] = [spread(a, dims), spread(b, dims)];
  return floats(new Float32Array(count(dims)).map((_, k) => give(left(k), right(k))), dims);
}

/**
 * Number k of a tensor that is broadcast to a shape.
 * @param {Tensor} tensor
 * @param {readonly number[]} dims
 * @returns {(k: number) => number}
 */
function spread(tensor, dims) {
  const data = numbers(tensor);
  if (data.length === count(dims)) {
    return (k) => data[k];
  }
  const at = repeated(tensor.dims, dims);
  return (k) => data[at[k]];
}

/**
 * By its series exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!, whose terms are all of one sign; from 4 on float32 has 1.
 * @param {number} x
 */
function erf(x) {
  if (!(abs(x) < 4)) {
    return Math.sign(x);
  }
  let sum = 0;
  for (let term = x, n = 1; abs(term) > 1e-17 * abs(sum); n += 2) {
    sum += term;
    term *= (2 * x * x) / (n + 2);
  }
  return (2 / sqrt(Math.PI)) * exp(-x * x) * sum;
}

/** @type {Record<string, Operator>} */
export const ELEMENTWISE = {
  Abs: each(abs),
  Add: pairs((a, b) => a + b),
  Clip: ([x, low, high]) => {
    const [least, most] = [low ? numbers(low)[0] : -Infinity, high ? numbers(high)[0] : Infinity];
    return map(x, (value) => min(max(value, least), most));
  },
  Div: pairs((a, b) => a / b),
  Elu: each((x, { alpha = 1 }) => (x < 0 ? alpha * expm1(x) : x)),
  Erf: each(erf),
  Exp: each(exp),
  HardSigmoid: each((x, { alpha = 0.2, beta = 0.5 }) => min(max(alpha * x + beta, 0), 1)),
  HardSwish: each((x) => x * min(max(x / 6 + 0.5, 0), 1)),
  LeakyRelu: each((x, { alpha = 0.01 }) => (x < 0 ? alpha * x : x)),
  Log: each(log),
  Max: pairs(max),
  Min: pairs(min),
  Mul: pairs((a, b) => a * b),
  Neg: each((x) => -x),
  PRelu: pairs((x, slope) => (x < 0 ? slope * x : x)),
  Pow: pairs((a, b) => a ** b),
  Reciprocal: each((x) => 1 / x),
  Relu: each((x) => max(x, 0)),
  Sigmoid: each((x) => 1 / (1 + exp(-x))),
  Softplus: each((x) => max(x, 0) + log1p(exp(-abs(x)))),
  Sqrt: each(sqrt),
  Sub: pairs((a, b) => a - b),
  Tanh: each(tanh),
};
