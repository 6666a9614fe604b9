// @ts-check
// What a model can score images by: one entry a score, and the evidence that all of them are made of.

import { codeLength } from "../maths/complexity.js";
import { logNormal } from "../maths/gaussian.js";
import { LIKELIHOODS, logLikelihood, logLikelihoodTerms } from "../maths/likelihood.js";
import { volume } from "./sessions.js";

/** @import { DiagonalGaussian, Posterior } from "../maths/gaussian.js" */
/** @import { Decoded, Likelihood } from "../maths/likelihood.js" */

/**
 * What evidence asks of a model. Images are rows, one after the other, and so are latents.
 * @typedef {object} Model
 * @property {readonly number[]} imageShape
 * @property {number} latentSize
 * @property {Likelihood} likelihood
 * @property {{ logProb(z: Float32Array): Promise<Float64Array> }} prior
 * @property {(images: Float32Array) => Promise<Posterior>} encode
 * @property {(z: Float32Array) => Promise<Decoded>} decodeAll
 * @property {(images: Float32Array) => Promise<Float32Array>} detect log-odds of a fault at each place
 */

/**
 * What is known of images: each part is computed once, and only if a score asks for it.
 */
export class Evidence {
  /**
   * @param {Model} model
   * @param {Float32Array} images
   */
  constructor(model, images) {
    this.model = model;
    this.images = images;
    this.size = volume(model.imageShape);
    this.n = images.length / this.size;
    /** @type {Record<string, Promise<any>>} */
    this.parts = {};
  }

  /** @returns {Promise<Posterior>} q(z|x) */
  posterior() {
    return (this.parts.posterior ??= this.model.encode(this.images));
  }

  /** @returns {Promise<Decoded>} of the posterior means */
  decoded() {
    return (this.parts.decoded ??= this.posterior().then(({ mean }) => this.model.decodeAll(mean)));
  }

  /** @returns {Promise<Float32Array>} [n * height * width] */
  faults() {
    return (this.parts.faults ??= this.model.detect(this.images));
  }

  /** @returns {Promise<Float64Array>} log p(x|z), nats */
  logLikelihood() {
    return (this.parts.logLikelihood ??= this.decoded().then((decoded) =>
      this.rows((i) => logLikelihood(this.model.likelihood, this.images, i, decoded, i, this.size)),
    ));
  }

  /** @returns {Promise<Float64Array>} log p(z) - log q(z|x) at the posterior means, nats */
  logRatio() {
    const compute = async () => {
      const posterior = /** @type {DiagonalGaussian} */ (await this.posterior());
      const logPrior = await this.model.prior.logProb(posterior.mean);
      return this.rows((i) => logPrior[i] - logNormal(posterior.mean, i, this.model.latentSize, posterior));
    };
    return (this.parts.logRatio ??= compute());
  }

  /**
   * One number an image.
   * @param {(i: number) => number} give
   */
  rows(give) {
    return Float64Array.from({ length: this.n }, (_, i) => give(i));
  }
}

/**
 * What scores ask of a manifest.
 * @typedef {{ prior: Family, posterior: Family, likelihood: Family, graphs: object }} Kind
 * @typedef {{ family: string }} Family
 */

/**
 * isFor: whether a model of this manifest has the score. compute: one number an image, higher is stranger. map: where
 * images are strange, Float32Array [n * height * width]; window: over how many pixels it is smoothed.
 * @typedef {object} Score
 * @property {string} says what it measures, for people
 * @property {(manifest: Kind) => string} unit of the number
 * @property {(manifest: Kind) => boolean} isFor
 * @property {(evidence: Evidence) => Promise<Float64Array>} compute
 * @property {{ unit(manifest: Kind): string, window: number, compute(evidence: Evidence): Promise<Float32Array> }} [map]
 */

/** @type {(...parts: Family[]) => boolean} */
const isThere = (...parts) => parts.every(({ family }) => family !== "none");

/**
 * Whether a model has a bound on log p(x).
 * @param {Kind} manifest
 */
export const hasElbo = ({ prior, posterior, likelihood }) => isThere(prior, posterior, likelihood);

const nats = () => "nats";
/** @type {(manifest: Kind) => string} */
const ofLikelihood = ({ likelihood }) => LIKELIHOODS[likelihood.family].unit;

/** @type {Score} */
const elbo = {
  says: "all of it",
  unit: nats,
  isFor: hasElbo,
  async compute(evidence) {
    const [likelihood, ratio] = [await evidence.logLikelihood(), await evidence.logRatio()];
    return likelihood.map((nats, i) => -nats - ratio[i]);
  },
};

/** @type {Score} */
const reconstruction = {
  says: "what was not rebuilt",
  unit: ofLikelihood,
  isFor: () => true,
  compute: async (evidence) => (await evidence.logLikelihood()).map((nats) => -nats),
  map: {
    unit: (manifest) => `${ofLikelihood(manifest)} a pixel`,
    window: 5,
    async compute(evidence) {
      const { model, images, n, size } = evidence;
      const decoded = await evidence.decoded();
      const pixels = size / model.imageShape[0];
      const map = new Float32Array(n * pixels);
      for (let i = 0; i < n; i++) {
        const terms = logLikelihoodTerms(model.likelihood, images, i, decoded, i, size);
        for (let k = 0; k < pixels; k++) {
          let sum = 0;
          for (let at = k; at < size; at += pixels) {
            sum -= terms[at]; // over the channels
          }
          map[i * pixels + k] = sum;
        }
      }
      return map;
    },
  },
};

/** @type {Score} */
const kl = {
  says: "how far the latent is from the others",
  unit: nats,
  isFor: ({ prior, posterior }) => isThere(prior, posterior),
  compute: async (evidence) => (await evidence.logRatio()).map((nats) => -nats),
};

/** @type {Score} */
const complexity = {
  says: "elbo less what any picture so complex takes",
  unit: nats,
  isFor: (manifest) => hasElbo(manifest) && LIKELIHOODS[manifest.likelihood.family].binary,
  async compute(evidence) {
    const { images, model } = evidence;
    return (await elbo.compute(evidence)).map((nats, i) => nats - codeLength(images, i, model.imageShape));
  },
};

/** @type {Score} */
const faults = {
  says: "the likeliest fault",
  unit: () => "log-odds",
  isFor: ({ graphs }) => "detector" in graphs,
  async compute(evidence) {
    const maps = await evidence.faults();
    const pixels = maps.length / evidence.n;
    return evidence.rows((i) => maps.subarray(i * pixels, (i + 1) * pixels).reduce((a, b) => Math.max(a, b)));
  },
  map: { unit: () => "log-odds of a fault", window: 1, compute: (evidence) => evidence.faults() },
};

/** By name, in the order in which they are listed. @type {Record<string, Score>} */
export const SCORES = { elbo, reconstruction, kl, complexity, faults };
