// A small engine for models of dense layers alone, where onnxruntime's 14 MB cannot go: a single file, an embedded view.
//
// The same interface: `Tensor`, and `InferenceSession.create(bytes)`. It reads the graph itself and knows the seven
// operators of such graphs, float32 or quantised; a graph with another one is refused.

import { VAEError } from "./errors.js";
import { roundHalfToEven } from "./pixels.js";
import { message, text } from "./wire.js";

export class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}

export class InferenceSession {
  static async create(content) {
    const graph = message(message(content)[7][0]); // ModelProto.graph
    const constants = new Map((graph[5] ?? []).map(readConstant));
    const nodes = graph[1].map(readNode);
    const unknown = nodes.find(({ type }) => !OPERATORS[type]);
    if (unknown) {
      throw new VAEError(`this small engine has no ${unknown.type}; it runs models of dense layers alone.`);
    }
    // What hangs on constants alone is computed once: the weights of quantised layers.
    const waiting = nodes.filter((node) => !runs(node, constants));
    return new InferenceSession(constants, waiting, namesOf(graph[11]), namesOf(graph[12]));
  }

  constructor(constants, nodes, inputNames, outputNames) {
    Object.assign(this, { constants, nodes, inputNames, outputNames });
  }

  async run(feeds) {
    const values = new Map([...this.constants, ...Object.entries(feeds)]);
    this.nodes.forEach((node) => runs(node, values));
    return Object.fromEntries(this.outputNames.map((name) => [name, values.get(name)]));
  }
}

// Run a node whose inputs are all there, and keep its output; false where one is missing.
function runs({ type, inputs, output, attributes }, values) {
  const given = inputs.map((name) => values.get(name));
  if (!given.every(Boolean)) {
    return false;
  }
  values.set(output, OPERATORS[type](given, attributes));
  return true;
}

const { fround, exp, max, min } = Math;
const map = ({ data, dims }, give) => new Tensor("float32", Float32Array.from(data, give), dims);
// Which scale number k of a tensor has: the only one, or that of its place along the axis.
function scaleOf({ dims }, scale, axis) {
  const inner = dims.slice(axis + 1).reduce((product, side) => product * side, 1);
  return (k) => (scale.data.length === 1 ? 0 : Math.floor(k / inner) % dims[axis]);
}

const OPERATORS = {
  Relu: ([x]) => map(x, (value) => max(value, 0)),
  Sigmoid: ([x]) => map(x, (value) => 1 / (1 + exp(-value))),
  Clip: ([x, low, high]) => map(x, (value) => min(max(value, low.data[0]), high.data[0])),
  Reshape: ([x, shape]) => new Tensor(x.type, x.data, [x.dims[0], ...Array.from(shape.data, Number).slice(1)]),
  Gemm: ([x, weight, bias], { transB }) => gemm(x, transB ? weight : transpose(weight), bias),
  QuantizeLinear([x, scale, zero]) {
    const [low, high] = zero.type === "uint8" ? [0, 255] : [-128, 127];
    return map(x, (value) => min(max(roundHalfToEven(fround(value / scale.data[0])) + zero.data[0], low), high));
  },
  DequantizeLinear([x, scale, zero], { axis = 1 }) {
    const at = scaleOf(x, scale, axis);
    return map(x, (value, k) => fround(value - (zero?.data[at(k)] ?? 0)) * scale.data[at(k)]);
  },
};

// x [n, inputs] times weight [outputs, inputs] transposed, plus bias; sums in double precision.
function gemm({ data: x, dims: [n] }, { data: w, dims: [outputs, inputs] }, bias) {
  const y = new Float32Array(n * outputs);
  for (let i = 0; i < n; i++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias ? bias.data[o] : 0;
      for (let k = 0; k < inputs; k++) {
        sum += x[i * inputs + k] * w[o * inputs + k];
      }
      y[i * outputs + o] = sum;
    }
  }
  return new Tensor("float32", y, [n, outputs]);
}

function transpose({ data, dims: [rows, columns] }) {
  const turned = Float32Array.from(data, (_, k) => data[(k % rows) * columns + Math.floor(k / rows)]);
  return new Tensor("float32", turned, [columns, rows]);
}

// TensorProto: dims 1, data_type 2, name 8, raw_data 9.
const TYPES = {
  1: ["float32", Float32Array],
  2: ["uint8", Uint8Array],
  3: ["int8", Int8Array],
  6: ["int32", Int32Array],
  7: ["int64", BigInt64Array],
};

function readConstant(bytes) {
  const { 1: dims = [], 2: kind, 8: name, 9: raw } = message(bytes);
  const [type, Kind] = TYPES[kind[0]];
  const data = new Kind(raw[0].slice().buffer);
  return [text(name[0]), new Tensor(type, data, dims.flatMap(unpacked))];
}

// Whole numbers lie one a field, or packed into one.
function unpacked(value) {
  if (typeof value === "number") {
    return [value];
  }
  const numbers = [];
  let [number, power] = [0, 1];
  for (const byte of value) {
    number += (byte & 127) * power;
    power *= 128;
    if (byte < 128) {
      numbers.push(number);
      [number, power] = [0, 1];
    }
  }
  return numbers;
}

// NodeProto: input 1, output 2, op_type 4, attribute 5 (AttributeProto: name 1, i 3).
function readNode(bytes) {
  const { 1: inputs = [], 2: outputs, 4: type, 5: attributes = [] } = message(bytes);
  const found = attributes.map(message).map(({ 1: name, 3: value = [] }) => [text(name[0]), value[0]]);
  const [output] = outputs.map(text);
  return { type: text(type[0]), inputs: inputs.map(text), output, attributes: Object.fromEntries(found) };
}

const namesOf = (values) => values.map((value) => text(message(value)[1][0]));
