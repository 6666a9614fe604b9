// @ts-check
// log p(x|z) in nats from what the decoder gives: one class a family, and the table of them.

const { fround } = Math;

/**
 * What the decoder gives: images, and what else the likelihood needs, by name; rows of the images' shape.
 * @typedef {{ images: Float32Array } & Record<string, Float32Array>} Decoded
 */

/**
 * @typedef {object} Likelihood
 * @property {(x: number, decoded: Decoded, k: number) => number} logProb of a pixel, which is number k of the decoded
 */

/**
 * Pixels are 1 with probability p; grey ones count as a share of both. From the logits, which never saturate.
 * @implements {Likelihood}
 */
export class Bernoulli {
  /**
   * x l - softplus(l).
   * @param {number} x
   * @param {Decoded} decoded
   * @param {number} k
   */
  logProb(x, { logits }, k) {
    const logit = logits[k];
    return x * logit - Math.max(logit, 0) - Math.log1p(Math.exp(-Math.abs(logit)));
  }
}

const MARGIN = fround(1e-6); // probabilities are clipped to [margin, 1 - margin]
const CEILING = fround(1 - MARGIN);

/**
 * The same from the probabilities, as models of format version 1 have it.
 * @implements {Likelihood}
 */
export class ClippedBernoulli {
  /**
   * In float32, step by step, as in Python: the sum over pixels of what is rounded otherwise differs by 1e-4 nats.
   * @param {number} x
   * @param {Decoded} decoded
   * @param {number} k
   */
  logProb(x, { images }, k) {
    const logP = fround(Math.log(Math.min(Math.max(images[k], MARGIN), CEILING)));
    const logNotP = fround(Math.log(Math.min(Math.max(fround(1 - images[k]), MARGIN), CEILING)));
    return fround(fround(x * fround(logP - logNotP)) + logNotP);
  }
}

/**
 * Pixels are N(mean, sigma^2).
 * @implements {Likelihood}
 */
export class Gaussian {
  /**
   * @param {number | readonly number[]} sigma one for all, or one a channel
   * @param {number} [pixels] of a channel
   */
  constructor(sigma, pixels = 1) {
    this.sigma = [sigma].flat();
    this.pixels = pixels;
    this.constant = this.sigma.map((channel) => Math.log(channel) + 0.5 * Math.log(2 * Math.PI));
  }

  /**
   * @param {number} x
   * @param {Decoded} decoded
   * @param {number} k
   */
  logProb(x, { images }, k) {
    const channel = Math.floor(k / this.pixels) % this.sigma.length;
    return -0.5 * ((x - images[k]) / this.sigma[channel]) ** 2 - this.constant[channel];
  }
}

/**
 * Of a model without a likelihood: no density, but what is told in the place of one, higher where the picture is nearer.
 * @implements {Likelihood}
 */
export class SquaredError {
  /**
   * @param {number} x
   * @param {Decoded} decoded
   * @param {number} k
   */
  logProb(x, { images }, k) {
    return -((x - images[k]) ** 2);
  }
}

/**
 * @typedef {object} Family
 * @property {(version: number, channels: number) => Record<string, (value: any) => boolean>} parameters in the manifest,
 *     each with the check of its value
 * @property {(version: number) => readonly string[]} decoded what the decoder gives beside images, of the same shape
 * @property {boolean} binary whether pixels are dark or light
 * @property {string} unit of its sum over pixels
 * @property {(manifest: { likelihood: any, format_version: number, image: { shape: readonly number[] } }) => Likelihood} make
 */

/** @type {(value: any) => boolean} */
const positive = (value) => Number.isFinite(value) && value > 0;

/** One entry a family of the manifest. @type {Record<string, Family>} */
export const LIKELIHOODS = {
  bernoulli: {
    parameters: () => ({}),
    decoded: (version) => (version === 1 ? [] : ["logits"]),
    binary: true,
    unit: "nats",
    make: ({ format_version: version }) => (version === 1 ? new ClippedBernoulli() : new Bernoulli()),
  },
  gaussian: {
    parameters: (version, channels) => ({
      sigma: (value) => positive(value) || (version > 1 && Array.isArray(value) && value.length === channels && value.every(positive)),
    }),
    decoded: () => [],
    binary: false,
    unit: "nats",
    make: ({ likelihood: { sigma }, image: { shape } }) => new Gaussian(sigma, shape[1] * shape[2]),
  },
  none: {
    parameters: () => ({}),
    decoded: () => [],
    binary: false,
    unit: "squared error",
    make: () => new SquaredError(),
  },
};

/**
 * What the decoder of a model gives beside images.
 * @param {{ likelihood: { family: string }, format_version: number }} manifest
 */
export const decodedOf = ({ likelihood, format_version: version }) => LIKELIHOODS[likelihood.family].decoded(version);

/**
 * log p(x|z) of each pixel of row i of `images`, given row j of the decoded: Float64Array [pixels].
 * @param {Likelihood} likelihood
 * @param {Float32Array} images
 * @param {number} i
 * @param {Decoded} decoded
 * @param {number} j
 * @param {number} pixels
 */
export function logLikelihoodTerms(likelihood, images, i, decoded, j, pixels) {
  return Float64Array.from({ length: pixels }, (_, k) => likelihood.logProb(images[i * pixels + k], decoded, j * pixels + k));
}

/**
 * The same, summed.
 * @param {Likelihood} likelihood
 * @param {Float32Array} images
 * @param {number} i
 * @param {Decoded} decoded
 * @param {number} j
 * @param {number} pixels
 */
export function logLikelihood(likelihood, images, i, decoded, j, pixels) {
  let sum = 0;
  for (let k = 0; k < pixels; k++) {
    sum += likelihood.logProb(images[i * pixels + k], decoded, j * pixels + k);
  }
  return sum;
}
