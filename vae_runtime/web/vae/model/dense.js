// @ts-check
// A small engine for models of dense layers alone, where onnxruntime's 14 MB cannot go: a single file, an embedded view.
//
// The same interface: `Tensor`, and `InferenceSession.create(bytes)`. It reads the graph itself and knows the seven
// operators of such graphs, float32 or quantised; a graph with another one is refused.

import { VAEError } from "../errors.js";
import { roundHalfToEven } from "../pictures/pixels.js";
import { Message } from "./wire.js";

/** @typedef {keyof typeof TYPES} Type */
/** @typedef {Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array} Data */
/** @typedef {{ type: string, inputs: string[], output: string, attributes: Record<string, number> }} Node */
/** @typedef {(inputs: Tensor[], attributes: Record<string, number>) => Tensor} Operator */

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

export class InferenceSession {
  /** @param {Uint8Array} content */
  static async create(content) {
    const [graph] = new Message(content).messages(7); // ModelProto.graph
    const constants = new Map(graph.messages(5).map(readConstant));
    const nodes = graph.messages(1).map(readNode);
    const unknown = nodes.find(({ type }) => !Object.hasOwn(OPERATORS, type));
    if (unknown) {
      throw new VAEError(`this small engine has no ${unknown.type}; it runs models of dense layers alone.`);
    }
    // What hangs on constants alone is computed once: the weights of quantised layers.
    const waiting = nodes.filter((node) => !runs(node, constants));
    const [inputs, outputs] = [11, 12].map((field) => graph.messages(field).map((value) => value.text(1)));
    return new InferenceSession(constants, waiting, inputs, outputs);
  }

  /**
   * @param {Map<string, Tensor>} constants
   * @param {Node[]} nodes
   * @param {string[]} inputNames
   * @param {string[]} outputNames
   */
  constructor(constants, nodes, inputNames, outputNames) {
    this.constants = constants;
    this.nodes = nodes;
    this.inputNames = inputNames;
    this.outputNames = outputNames;
  }

  /**
   * @param {Record<string, Tensor>} feeds
   * @returns {Promise<Record<string, Tensor>>}
   */
  async run(feeds) {
    const values = new Map([...this.constants, ...Object.entries(feeds)]);
    this.nodes.forEach((node) => runs(node, values));
    return Object.fromEntries(this.outputNames.map((name) => [name, /** @type {Tensor} */ (values.get(name))]));
  }
}

/**
 * Run a node whose inputs are all there, and keep its output; false where one is missing.
 * @param {Node} node
 * @param {Map<string, Tensor>} values
 */
function runs({ type, inputs, output, attributes }, values) {
  const given = inputs.flatMap((name) => values.get(name) ?? []);
  if (given.length < inputs.length) {
    return false;
  }
  values.set(output, OPERATORS[type](given, attributes));
  return true;
}

const { fround, exp, max, min } = Math;

/** @type {(tensor: Tensor, give: (value: number, k: number) => number) => Tensor} */
const map = (tensor, give) => new Tensor("float32", Float32Array.from(numbers(tensor), give), tensor.dims);

/**
 * A tensor's data; int64 are shapes alone.
 * @param {Tensor} tensor
 */
const numbers = ({ data }) => /** @type {Exclude<Data, BigInt64Array>} */ (data);

/**
 * Which scale number k of a tensor has: the only one, or that of its place along the axis.
 * @param {Tensor} tensor
 * @param {Tensor} scale
 * @param {number} axis
 * @returns {(k: number) => number}
 */
function scaleOf({ dims }, scale, axis) {
  const inner = dims.slice(axis + 1).reduce((product, side) => product * side, 1);
  return (k) => (scale.data.length === 1 ? 0 : Math.floor(k / inner) % dims[axis]);
}

/** @type {Record<string, Operator>} */
const OPERATORS = {
  Relu: ([x]) => map(x, (value) => max(value, 0)),
  Sigmoid: ([x]) => map(x, (value) => 1 / (1 + exp(-value))),
  Clip: ([x, low, high]) => map(x, (value) => min(max(value, numbers(low)[0]), numbers(high)[0])),
  Reshape: ([x, shape]) => new Tensor(x.type, x.data, [x.dims[0], ...Array.from(shape.data, Number).slice(1)]),
  Gemm: ([x, weight, bias], { transB }) => gemm(x, transB ? weight : transpose(weight), bias),
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
};

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
  return new Tensor("float32", y, [n, outputs]);
}

/** @param {Tensor} matrix */
function transpose(matrix) {
  const [data, [rows, columns]] = [numbers(matrix), matrix.dims];
  const turned = Float32Array.from(data, (_, k) => data[(k % rows) * columns + Math.floor(k / rows)]);
  return new Tensor("float32", turned, [columns, rows]);
}

const TYPES = {
  1: { type: "float32", Kind: Float32Array },
  2: { type: "uint8", Kind: Uint8Array },
  3: { type: "int8", Kind: Int8Array },
  6: { type: "int32", Kind: Int32Array },
  7: { type: "int64", Kind: BigInt64Array },
};

/**
 * TensorProto: dims 1, data_type 2, name 8, raw_data 9.
 * @param {Message} message
 * @returns {[string, Tensor]}
 */
function readConstant(message) {
  const { type, Kind } = TYPES[/** @type {Type} */ (message.numbers(2)[0])];
  return [message.text(8), new Tensor(type, new Kind(message.bytes(9)[0].slice().buffer), message.numbers(1))];
}

/**
 * NodeProto: input 1, output 2, op_type 4, attribute 5 (AttributeProto: name 1, i 3).
 * @param {Message} message
 * @returns {Node}
 */
function readNode(message) {
  const attributes = message.messages(5).map((attribute) => [attribute.text(1), attribute.numbers(3)[0]]);
  const [type, inputs, output] = [message.text(4), message.texts(1), message.text(2)];
  return { type, inputs, output, attributes: Object.fromEntries(attributes) };
}
