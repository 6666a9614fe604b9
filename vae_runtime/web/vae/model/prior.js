// @ts-check
// The learned prior: a flow between noise and latents, as two graphs. And the table of all priors.

import { NoPrior, StandardNormal } from "../maths/prior.js";
import { volume } from "./sessions.js";

/** @import { Prior } from "../maths/prior.js" */
/** @import { Graph, Tensors } from "./sessions.js" */

/**
 * z = T(eps), two graphs: T, and its inverse with log p(z).
 * @implements {Prior}
 */
export class Flow {
  /**
   * @param {Graph} sample eps -> z
   * @param {Graph} logProb z -> eps, log_prob
   */
  constructor(sample, logProb) {
    this.graphs = { sample, logProb };
  }

  /** @param {Float32Array} eps */
  async fromNoise(eps) {
    return (await this.graphs.sample.run(eps)).z;
  }

  /** @param {Float32Array} z */
  async toNoise(z) {
    return (await this.graphs.logProb.run(z)).eps;
  }

  /** @param {Float32Array} z */
  async logProb(z) {
    return (await this.noiseAndLogProb(z))[1];
  }

  /**
   * Both at once: the graph gives both.
   * @param {Float32Array} z
   * @returns {Promise<[Float32Array, Float64Array]>}
   */
  async noiseAndLogProb(z) {
    const { eps, log_prob: logProb } = await this.graphs.logProb.run(z);
    return [eps, Float64Array.from(logProb)];
  }

  /** There is no closed form: the caller averages over its draws. */
  exactKl() {
    return null;
  }
}

/**
 * The graphs that a family brings, each with its tensors for latents of a shape, and how it is made of them.
 * @typedef {object} Family
 * @property {(shape: readonly number[]) => Record<string, Tensors>} tensors
 * @property {(manifest: { name: string, latent: { shape: readonly number[] } }, graphs: Record<string, Graph>) => Prior} make
 */

/** One entry a family of the manifest. @type {Record<string, Family>} */
export const PRIORS = {
  standard_normal: { tensors: () => ({}), make: ({ latent }) => new StandardNormal(volume(latent.shape)) },
  none: { tensors: () => ({}), make: ({ name }) => new NoPrior(name) },
  flow: {
    tensors: (shape) => ({
      prior_sample: { eps: shape, z: shape },
      prior_log_prob: { z: shape, eps: shape, log_prob: [] },
    }),
    make: (_, { prior_sample: sample, prior_log_prob: logProb }) => new Flow(sample, logProb),
  },
};
