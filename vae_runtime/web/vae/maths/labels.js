// @ts-check
// Classes in the prior: its noise is the equal mixture of its labels' Gaussians in the place of N(0, I).

import { InputError } from "../errors.js";
import { logMeanExp, logNormal, reparameterise } from "./gaussian.js";
import { uniformChoice } from "./noise.js";

/** @import { WholeNumber } from "./noise.js" */
/** @import { Prior } from "./prior.js" */

/**
 * A class as the manifest has it.
 * @typedef {{ name: string, mean: number[], logvar: number[] }} Label
 */

/** @implements {Prior} */
export class LabelledPrior {
  /**
   * @param {Prior} prior the map of the noise
   * @param {readonly Label[]} labels
   * @param {number} size of a latent
   */
  constructor(prior, labels, size) {
    this.prior = prior;
    this.size = size;
    this.names = labels.map(({ name }) => name);
    this.mean = Float32Array.from(labels.flatMap(({ mean }) => mean));
    this.logvar = Float32Array.from(labels.flatMap(({ logvar }) => logvar));
  }

  /**
   * Which labels samples start .. start + n - 1 of a seed have: the named one, or any, all equally likely.
   * @param {number} n
   * @param {string | number | null | undefined} label
   * @param {{ seed: WholeNumber, start?: WholeNumber }} rows
   */
  draw(n, label, { seed, start }) {
    if (label === undefined || label === null) {
      return uniformChoice(n, this.names.length, { seed, start });
    }
    const number = this.names.indexOf(String(label));
    if (number < 0) {
      throw new InputError(`label is ${label}; expected one of ${this.names.join(", ")}.`);
    }
    return Array(n).fill(number);
  }

  /**
   * Move standard normal noise into the Gaussians of these labels, in float32.
   * @param {Float32Array} eps
   * @param {readonly number[]} which
   */
  place(eps, which) {
    const { mean, logvar, size } = this;
    /** @type {(numbers: Float32Array) => Float32Array} */
    const rows = (numbers) => eps.map((_, k) => numbers[which[Math.floor(k / size)] * size + (k % size)]);
    return reparameterise({ mean: rows(mean), logvar: rows(logvar) }, eps);
  }

  /** @param {Float32Array} eps */
  fromNoise(eps) {
    return this.prior.fromNoise(eps);
  }

  /** @param {Float32Array} z */
  toNoise(z) {
    return this.prior.toNoise(z);
  }

  /** @param {Float32Array} z */
  async logProb(z) {
    return (await this.noiseAndLogProb(z))[1];
  }

  /**
   * @param {Float32Array} z
   * @returns {Promise<[Float32Array, Float64Array]>}
   */
  async noiseAndLogProb(z) {
    const [eps, ofPrior] = await this.prior.noiseAndLogProb(z);
    return [eps, ofPrior.map((nats, i) => nats - logNormal(eps, i, this.size) + logMeanExp(this.logProbs(eps, i)))];
  }

  /** There is no closed form: the caller averages over its draws. */
  exactKl() {
    return null;
  }

  /**
   * p(label | z) of row i of the noise, in the order of `names`.
   * @param {Float32Array} eps
   * @param {number} i
   */
  probabilities(eps, i) {
    const logProbs = this.logProbs(eps, i);
    const largest = Math.max(...logProbs);
    const weights = logProbs.map((value) => Math.exp(value - largest));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  }

  /**
   * log N(eps; label) of row i for each label.
   * @param {Float32Array} eps
   * @param {number} i
   */
  logProbs(eps, i) {
    return this.names.map((_, of) => logNormal(eps, i, this.size, { mean: this.mean, logvar: this.logvar, of }));
  }
}
