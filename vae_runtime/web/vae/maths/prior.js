// @ts-check
// The standard normal prior, and none. model/prior.js has the learned one and the table of all, labels.js one with labels.

import { InputError } from "../errors.js";
import { klToStandardNormal, logNormal } from "./gaussian.js";

/** @import { DiagonalGaussian } from "./gaussian.js" */

/**
 * p(z), the image of standard normal noise under an invertible map. Latents and noise are rows, one after the other;
 * densities are in nats, one a row.
 * @typedef {object} Prior
 * @property {(eps: Float32Array) => Promise<Float32Array>} fromNoise eps -> z
 * @property {(z: Float32Array) => Promise<Float32Array>} toNoise z -> eps, its inverse
 * @property {(z: Float32Array) => Promise<Float64Array>} logProb
 * @property {(z: Float32Array) => Promise<[Float32Array, Float64Array]>} noiseAndLogProb both, at the cost of one
 * @property {(posterior: DiagonalGaussian, i: number) => number | null} exactKl of row i, where it has a closed form
 */

/**
 * p(z) = N(0, I): the noise is the latent.
 * @implements {Prior}
 */
export class StandardNormal {
  /** @param {number} size of a latent */
  constructor(size) {
    this.size = size;
  }

  /** @param {Float32Array} eps */
  async fromNoise(eps) {
    return eps;
  }

  /** @param {Float32Array} z */
  async toNoise(z) {
    return z;
  }

  /** @param {Float32Array} z */
  async logProb(z) {
    return Float64Array.from({ length: z.length / this.size }, (_, i) => logNormal(z, i, this.size));
  }

  /**
   * @param {Float32Array} z
   * @returns {Promise<[Float32Array, Float64Array]>}
   */
  async noiseAndLogProb(z) {
    return [z, await this.logProb(z)];
  }

  /**
   * @param {DiagonalGaussian} posterior
   * @param {number} i
   */
  exactKl(posterior, i) {
    return klToStandardNormal(posterior, i, this.size);
  }
}

/**
 * Of a model that only encodes and decodes: whatever needs a prior is refused.
 * @implements {Prior}
 */
export class NoPrior {
  /** @param {string} name of the model */
  constructor(name) {
    this.name = name;
  }

  /** @returns {never} */
  refuse() {
    throw new InputError(`the model ${this.name} has no prior: it encodes and decodes, and there is nothing to sample from.`);
  }

  /** @returns {Promise<Float32Array>} */
  async fromNoise() {
    return this.refuse();
  }

  /** @returns {Promise<Float32Array>} */
  async toNoise() {
    return this.refuse();
  }

  /** @returns {Promise<Float64Array>} */
  async logProb() {
    return this.refuse();
  }

  /** @returns {Promise<[Float32Array, Float64Array]>} */
  async noiseAndLogProb() {
    return this.refuse();
  }

  /** @returns {number | null} */
  exactKl() {
    return this.refuse();
  }
}
