// @ts-check
// log p(x|z) in nats from what the decoder gives: one class a family, and the table of them.

const { fround } = Math;

/**
 * What the decoder gives: images, and what else the likelihood needs, by name; rows of the images' shape.
 * @typedef {{ images: Float32Array } & Record<string, Float32Array>} Decoded
 */

/**
 * @typedef {object} Likelihood
 * @property {readonly string[]} decoded what the decoder gives beside images, of the same shape
 * @property {(x: number, decoded: Decoded, k: number) => number} logProb of a pixel, which is number k of the decoded
 */

/**
 * Pixels are 1 with probability p; grey ones count as a share of both. From the logits, which never saturate.
 * @implements {Likelihood}
 */
export class Bernoulli {
  decoded = ["logits"];

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
  /** @type {string[]} */
  decoded = [];

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
  /** @type {string[]} */
  decoded = [];

  /** @param {number} sigma */
  constructor(sigma) {
    this.sigma = sigma;
    this.constant = Math.log(sigma) + 0.5 * Math.log(2 * Math.PI);
  }

  /**
   * @param {number} x
   * @param {Decoded} decoded
   * @param {number} k
   */
  logProb(x, { images }, k) {
    return -0.5 * ((x - images[k]) / this.sigma) ** 2 - this.constant;
  }
}

/**
 * One entry a family of the manifest: its parameters there, each with the check of its value; whether its pixels are
 * dark or light; and how it is made of its entry in a manifest of a version of the format.
 * @type {Record<string, { parameters: Record<string, (value: any) => boolean>, binary: boolean, make(entry: any, version: number): Likelihood }>}
 */
export const LIKELIHOODS = {
  bernoulli: {
    parameters: {},
    binary: true,
    make: (_, version) => (version === 1 ? new ClippedBernoulli() : new Bernoulli()),
  },
  gaussian: {
    parameters: { sigma: (value) => Number.isFinite(value) && value > 0 },
    binary: false,
    make: ({ sigma }) => new Gaussian(sigma),
  },
};

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
