// @ts-check
// Graphs, open in the engine that the caller gave, run in batches.

import { IntegrityError, VAEError, messageOf } from "../errors.js";
import { metadata } from "./wire.js";

// What goes wrong is thrown; nothing is printed.
const OPTIONS = /** @type {const} */ ({ graphOptimizationLevel: "all", executionMode: "sequential", logSeverityLevel: 4 });
const PIXELS_AT_ONCE = 64 * 28 * 28; // the engine keeps the working memory of its largest run

/**
 * What onnxruntime-web, onnxruntime-node and dense.js have in common.
 * @typedef {object} Engine
 * @property {new (type: "float32", data: Float32Array, dims: number[]) => any} Tensor
 * @property {{ create(content: Uint8Array, options?: typeof OPTIONS): Promise<EngineSession> }} InferenceSession
 *
 * @typedef {object} EngineSession
 * @property {readonly string[]} inputNames
 * @property {readonly string[]} outputNames
 * @property {(feeds: Record<string, any>) => Promise<Record<string, any>>} run
 */

/**
 * The tensors of a graph, each with the shape of one row; the input first.
 * @typedef {Record<string, readonly number[]>} Tensors
 */

/**
 * What a graph must be: its role, its file, the model that it belongs to, the format, its tensors.
 * @typedef {{ role: string, file: string, pairId: string, version: number, tensors: Tensors }} Expected
 */

/** A graph that is opened when it is first needed, once. */
export class Graph {
  /** @param {() => Promise<Session>} open */
  constructor(open) {
    this.open = open;
    /** @type {Promise<Session> | undefined} */
    this.session = undefined;
  }

  opened() {
    return (this.session ??= this.open());
  }

  /** @param {Float32Array} rows */
  async run(rows) {
    return (await this.opened()).run(rows);
  }
}

export class Session {
  /**
   * @param {Engine} ort
   * @param {Uint8Array} content the checked bytes of the graph
   * @param {Expected} expected
   */
  static async open(ort, content, expected) {
    const { file, tensors } = expected;
    checkStamps(metadata(content), expected);
    let session;
    try {
      session = await ort.InferenceSession.create(content, OPTIONS);
    } catch (error) {
      throw new VAEError(`the engine refuses ${file}: ${messageOf(error)}`, { cause: error });
    }
    const names = [...session.inputNames, ...session.outputNames].sort().join(", ");
    if (names !== Object.keys(tensors).sort().join(", ")) {
      throw new IntegrityError(`${file} has the tensors ${names}; expected ${Object.keys(tensors).join(", ")}.`);
    }
    return new Session(ort, session, file, tensors);
  }

  /**
   * @param {Engine} ort
   * @param {EngineSession} session
   * @param {string} file
   * @param {Tensors} tensors
   */
  constructor(ort, session, file, tensors) {
    this.ort = ort;
    this.session = session;
    this.file = file;
    const [[input, row], ...outputs] = Object.entries(tensors);
    this.input = input;
    this.row = row;
    this.outputs = outputs;
    this.atOnce = Math.max(1, Math.floor(PIXELS_AT_ONCE / Math.max(...Object.values(tensors).map(volume))));
    /** @type {Promise<void>} */
    this.last = Promise.resolve();
  }

  /**
   * Give the outputs by name, each Float32Array [n * row size]. Calls wait for each other: an engine of one thread takes
   * one at a time.
   * @param {Float32Array} rows [n * row size]
   */
  run(rows) {
    const result = this.last.then(() => this.runAll(rows));
    this.last = result.then(() => {}, () => {}); // and not the result, which may be large
    return result;
  }

  /**
   * @param {Float32Array} rows
   * @returns {Promise<Record<string, Float32Array>>}
   */
  async runAll(rows) {
    const size = volume(this.row);
    const n = rows.length / size;
    const results = Object.fromEntries(this.outputs.map(([name, shape]) => [name, new Float32Array(n * volume(shape))]));
    for (let begin = 0; begin < n; begin += this.atOnce) {
      const count = Math.min(this.atOnce, n - begin);
      const part = rows.slice(begin * size, (begin + count) * size);
      const tensor = new this.ort.Tensor("float32", part, [count, ...this.row]);
      const given = await this.session.run({ [this.input]: tensor });
      for (const [name, shape] of this.outputs) {
        const { data, dims } = given[name];
        if (data.length !== count * volume(shape) || String(dims) !== String([count, ...shape])) {
          throw new IntegrityError(`${this.file} gives ${name} as [${dims}]; expected rows of [${shape}].`);
        }
        results[name].set(data, begin * volume(shape));
        given[name].dispose?.();
      }
      tensor.dispose?.();
    }
    return results;
  }
}

/** @param {readonly number[]} shape */
export const volume = (shape) => shape.reduce((product, side) => product * side, 1);

/**
 * @param {Record<string, string>} stamps
 * @param {Expected} expected
 */
function checkStamps(stamps, { role, file, pairId, version }) {
  for (const [key, expected] of Object.entries({ format_version: String(version), role, pair_id: pairId })) {
    const stamp = stamps[`vae.${key}`] ?? "missing";
    if (stamp !== expected) {
      throw new IntegrityError(`${file} has the ${key} ${stamp}, expected ${expected}: it is of another export.`);
    }
  }
}
