// Graphs, open in the engine that the caller gave, run in batches.

import { IntegrityError, VAEError } from "./errors.js";
import { metadata } from "./wire.js";

// What goes wrong is thrown; nothing is printed.
const OPTIONS = { graphOptimizationLevel: "all", executionMode: "sequential", logSeverityLevel: 4 };
const PIXELS_AT_ONCE = 64 * 28 * 28; // the engine keeps the working memory of its largest run

// A graph that is opened when it is first needed, once.
export class Graph {
  // open: gives a promise of a Session.
  constructor(open) {
    this.open = open;
  }

  opened() {
    return (this.session ??= this.open());
  }

  async run(rows) {
    return (await this.opened()).run(rows);
  }
}

export class Session {
  // ort: the engine. content: the checked bytes of the graph. shapes: { tensor: shape of one row }, the input first.
  static async open(ort, content, { role, file, pairId, shapes }) {
    checkStamps(metadata(content), { role, file, pairId });
    let session;
    try {
      session = await ort.InferenceSession.create(content, OPTIONS);
    } catch (error) {
      throw new VAEError(`the engine refuses ${file}: ${error.message ?? error}`, { cause: error });
    }
    const [input, ...outputs] = Object.keys(shapes);
    const found = [...session.inputNames, ...session.outputNames].sort().join(", ");
    if (found !== [input, ...outputs].sort().join(", ")) {
      throw new IntegrityError(`${file} has the tensors ${found}; expected ${Object.keys(shapes).join(", ")}.`);
    }
    return new Session(ort, session, file, input, shapes);
  }

  constructor(ort, session, file, input, shapes) {
    Object.assign(this, { ort, session, file, input, shapes });
    this.atOnce = Math.max(1, Math.floor(PIXELS_AT_ONCE / Math.max(...Object.values(shapes).map(volume))));
  }

  // rows: Float32Array [n * row size]. Returns { output: Float32Array [n * row size] }. Calls wait for each other: an
  // engine of one thread takes one at a time.
  run(rows) {
    const result = (this.last ?? Promise.resolve()).then(() => this.runAll(rows));
    this.last = result.then(() => {}, () => {}); // and not the result, which may be large
    return result;
  }

  async runAll(rows) {
    const { [this.input]: row, ...outputs } = this.shapes;
    const n = rows.length / volume(row);
    const results = Object.fromEntries(Object.entries(outputs).map(([k, s]) => [k, new Float32Array(n * volume(s))]));
    for (let begin = 0; begin < n; begin += this.atOnce) {
      const count = Math.min(this.atOnce, n - begin);
      const part = rows.slice(begin * volume(row), (begin + count) * volume(row));
      const tensor = new this.ort.Tensor("float32", part, [count, ...row]);
      const found = await this.session.run({ [this.input]: tensor });
      for (const [name, shape] of Object.entries(outputs)) {
        if (found[name].data.length !== count * volume(shape)) {
          throw new IntegrityError(`${this.file} gives ${name} as [${found[name].dims}]; expected rows of [${shape}].`);
        }
        results[name].set(found[name].data, begin * volume(shape));
        found[name].dispose?.();
      }
      tensor.dispose?.();
    }
    return results;
  }
}

export const volume = (shape) => shape.reduce((product, side) => product * side, 1);

function checkStamps(found, { role, file, pairId }) {
  for (const [key, expected] of [["format_version", "1"], ["role", role], ["pair_id", pairId]]) {
    if (found[`vae.${key}`] !== expected) {
      const value = found[`vae.${key}`] ?? "missing";
      throw new IntegrityError(`${file} has the ${key} ${value}, expected ${expected}: it is of another export.`);
    }
  }
}
