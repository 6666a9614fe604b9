// @ts-check
// A small engine for models without convolutions, where onnxruntime's 14 MB cannot go: a single file, an embedded view.
//
// The same interface: `Tensor`, and `InferenceSession.create(bytes)`. It reads the graph itself and knows the operators
// of such graphs, float32 or quantised: dense layers, norms, attention; a graph with another one is refused.

import { VAEError } from "../errors.js";
import { ELEMENTWISE } from "./dense/elementwise.js";
import { LAYERS } from "./dense/layers.js";
import { LAYOUT } from "./dense/layout.js";
import { Tensor } from "./dense/tensor.js";
import { Message } from "./wire.js";

/** @import { Operator } from "./dense/tensor.js" */
/** @typedef {keyof typeof TYPES} Type */
/** @typedef {{ type: string, inputs: string[], outputs: string[], attributes: Record<string, number | number[]> }} Node */

export { Tensor };

/** @type {Record<string, Operator>} */
export const OPERATORS = { ...ELEMENTWISE, ...LAYERS, ...LAYOUT };

export class InferenceSession {
  /** @param {Uint8Array} content */
  static async create(content) {
    const [graph] = new Message(content).messages(7); // ModelProto.graph
    const constants = new Map(graph.messages(5).map(readConstant));
    const nodes = graph.messages(1).map(readNode);
    const unknown = nodes.find(({ type }) => !Object.hasOwn(OPERATORS, type));
    if (unknown) {
      throw new VAEError(`this small engine has no ${unknown.type}; it runs models without convolutions.`);
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
 * Run a node whose inputs are all there, and keep its outputs; false where one is missing. An input without a name is
 * left out by the graph itself.
 * @param {Node} node
 * @param {Map<string, Tensor>} values
 */
function runs({ type, inputs, outputs, attributes }, values) {
  if (inputs.some((name) => name && !values.has(name))) {
    return false;
  }
  const given = inputs.map((name) => /** @type {Tensor} */ (values.get(name)));
  [OPERATORS[type](given, attributes, outputs.length)].flat().forEach((tensor, i) => values.set(outputs[i], tensor));
  return true;
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
 * NodeProto: input 1, output 2, op_type 4, attribute 5.
 * @param {Message} message
 * @returns {Node}
 */
function readNode(message) {
  const attributes = message.messages(5).map((attribute) => [attribute.text(1), valueOf(attribute)]);
  const [type, inputs, outputs] = [message.text(4), message.texts(1), message.texts(2)];
  return { type, inputs, outputs, attributes: Object.fromEntries(attributes) };
}

/**
 * AttributeProto: a float 2, a whole number 3, or whole numbers 8. Zero is left out by some writers.
 * @param {Message} attribute
 */
function valueOf(attribute) {
  const [float] = attribute.bytes(2);
  if (float) {
    return new DataView(float.buffer, float.byteOffset).getFloat32(0, true);
  }
  const list = attribute.numbers(8);
  return list.length ? list : (attribute.numbers(3)[0] ?? 0);
}
