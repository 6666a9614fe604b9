// @ts-check
// class VAE: a model folder, open. Flat Float32Arrays in and out, one image or latent after the other.

import { InputError } from "./errors.js";
import { conformalPValue } from "./maths/conformal.js";
import { LabelledPrior } from "./maths/labels.js";
import { LIKELIHOODS } from "./maths/likelihood.js";
import { countOf, standardNormal } from "./maths/noise.js";
import { linear, spherical } from "./maths/paths.js";
import { windowMeans } from "./maths/smoothing.js";
import { estimateElbo } from "./model/elbo.js";
import { openModel } from "./model/folder.js";
import { PRIORS } from "./model/prior.js";
import { Evidence, SCORES } from "./model/scores.js";
import { volume } from "./model/sessions.js";

/** @import { Posterior } from "./maths/gaussian.js" */
/** @import { Decoded, Likelihood } from "./maths/likelihood.js" */
/** @import { WholeNumber } from "./maths/noise.js" */
/** @import { Prior } from "./maths/prior.js" */
/** @import { LoadOptions, Model } from "./model/folder.js" */
/** @import { Read } from "./model/integrity.js" */
/** @import { Engine } from "./model/sessions.js" */

/**
 * Which samples: start .. start + n - 1 of a seed. temperature: 1 is the model's own. label: one of `labels`.
 * @typedef {{ seed?: WholeNumber, start?: WholeNumber, temperature?: number, label?: string | number | null }} SampleOptions
 */

export class VAE {
  /**
   * Open a model.
   * @param {Engine | Promise<Engine>} ort
   * @param {Read} read gives the bytes of a file of the model by its name
   * @param {LoadOptions} [options]
   */
  static async load(ort, read, options) {
    return new VAE(await openModel(ort, read, options));
  }

  /** @param {Model} model */
  constructor({ manifest, graphs, read, precision, digest }) {
    this.manifest = manifest;
    this.graphs = graphs;
    this.read = read;
    this.precision = precision;
    this.digest = digest;
    this.imageShape = manifest.image.shape;
    this.imageSize = volume(this.imageShape);
    this.latentShape = manifest.latent.shape;
    this.latentSize = volume(this.latentShape);
    /** @type {Likelihood} */
    this.likelihood = LIKELIHOODS[manifest.likelihood.family].make(manifest);
    const labels = manifest.prior.labels ?? [];
    const prior = PRIORS[manifest.prior.family].make(manifest, graphs);
    /** @type {LabelledPrior | null} */
    this.labelled = labels.length ? new LabelledPrior(prior, labels, this.latentSize) : null;
    /** @type {Prior} */
    this.prior = this.labelled ?? prior;
    this.labels = labels.map(({ name }) => name);
  }

  /**
   * Open the graphs of these roles, all by default, each once.
   * @param {readonly string[]} [roles]
   */
  async open(roles = Object.keys(this.graphs)) {
    await Promise.all(roles.map((role) => this.graphs[role]?.opened()));
  }

  /**
   * Latents of samples start .. start + n - 1 of a seed: Float32Array [n * latentSize].
   * @param {number} n
   * @param {SampleOptions} [options]
   */
  async sampleLatents(n, { seed = 0, start = 0, temperature = 1, label } = {}) {
    if (!(temperature >= 0 && temperature <= 1000)) {
      throw new InputError(`temperature is ${temperature}; expected a number from 0 to 1000; 1 is the model's own.`);
    }
    if (label !== undefined && label !== null && !this.labelled) {
      throw new InputError(`the model ${this.manifest.name} has no labels; sample it without one.`);
    }
    const warmth = Math.fround(temperature);
    let eps = standardNormal(countOf(n, "n", 0), this.latentSize, { seed, start }).map((value) => value * warmth);
    if (this.labelled) {
      eps = this.labelled.place(eps, this.labelled.draw(n, label, { seed, start }));
    }
    return this.prior.fromNoise(eps);
  }

  /**
   * Samples start .. start + n - 1 of a seed: Float32Array [n * imageSize]; of a Bernoulli in [0, 1].
   * @param {number} n
   * @param {SampleOptions} [options]
   */
  async sample(n, options) {
    return this.decode(await this.sampleLatents(n, options));
  }

  /**
   * q(z|x), each part Float32Array [n * latentSize]; a deterministic encoder gives no logvar.
   * @param {Float32Array} images
   * @returns {Promise<Posterior>}
   */
  async encode(images) {
    const { mean, logvar } = await this.graphs.encoder.run(this.checkImages(images));
    return { mean, logvar: logvar ?? null };
  }

  /**
   * The mean of p(x|z): Float32Array [n * imageSize].
   * @param {Float32Array} z
   */
  async decode(z) {
    return (await this.decodeAll(z)).images;
  }

  /**
   * The same, with what else the likelihood needs: for a Bernoulli, { images, logits }.
   * @param {Float32Array} z
   */
  async decodeAll(z) {
    if (!(z instanceof Float32Array) || z.length % this.latentSize || !z.every(Number.isFinite)) {
      const count = /** @type {any} */ (z)?.length;
      throw new InputError(`latents are ${count} numbers; expected a Float32Array of finite rows of ${this.latentSize}.`);
    }
    return /** @type {Decoded} */ (await this.graphs.decoder.run(z));
  }

  /**
   * The log-odds of a fault at each place, of a model with a detector: Float32Array [n * height * width].
   * @param {Float32Array} images
   */
  async detect(images) {
    return (await this.graphs.detector.run(this.checkImages(images))).faults;
  }

  /** @param {Float32Array} images */
  async reconstruct(images) {
    return this.decode((await this.encode(images)).mean);
  }

  /**
   * Latents on the way from one to another, at t in [0, 1]: along a line, or in the prior's noise along an arc.
   * @param {Float32Array} start
   * @param {Float32Array} end
   * @param {number} t
   * @param {{ path?: string }} [options] linear, or spherical
   */
  async between(start, end, t, { path = "linear" } = {}) {
    if (path === "linear") {
      return linear(start, end, t);
    }
    const [from, to] = [await this.prior.toNoise(start), await this.prior.toNoise(end)];
    return this.prior.fromNoise(spherical(from, to, t));
  }

  /**
   * Anomaly scores: Float64Array [n], higher is stranger; methods and the usual one as in Python's `VAE.score`.
   * @param {Float32Array} images
   * @param {{ method?: string }} [options]
   */
  async score(images, { method = this.manifest.usualScore } = {}) {
    return (await this.scores(images, [method]))[method];
  }

  /**
   * The same by several methods, all that the model has by default, at the cost of one encode and one decode.
   * @param {Float32Array} images
   * @param {readonly string[]} [methods]
   * @returns {Promise<Record<string, Float64Array>>}
   */
  async scores(images, methods = this.manifest.scores) {
    const missing = methods.find((method) => !this.manifest.scores.includes(method));
    if (missing !== undefined) {
      throw new InputError(`method is ${missing}; expected one of ${this.manifest.scores.join(", ")}.`);
    }
    const evidence = new Evidence(this, this.checkImages(images));
    const scored = methods.map(async (method) => [method, await SCORES[method].compute(evidence)]);
    return Object.fromEntries(await Promise.all(scored));
  }

  /** The scores that say where an image is strange, the most telling one last. */
  get maps() {
    return this.manifest.scores.filter((method) => SCORES[method].map);
  }

  /**
   * Where images are strange: Float32Array [n * height * width], each the mean over a square of `window` pixels.
   * @param {Float32Array} images
   * @param {{ method?: string, window?: number }} [options]
   */
  async anomalyMap(images, { method = "reconstruction", window } = {}) {
    const map = this.maps.includes(method) ? SCORES[method].map : undefined;
    if (!map) {
      throw new InputError(`method is ${method}; expected one of ${this.maps.join(", ")}.`);
    }
    const side = countOf(window ?? map.window, "window", 1);
    if (side % 2 === 0) {
      throw new InputError(`window is ${window}; expected an odd number of pixels, for it has a middle.`);
    }
    const [, height, width] = this.imageShape;
    return windowMeans(await map.compute(new Evidence(this, this.checkImages(images))), height, width, side);
  }

  /**
   * How rare a score as high is among normal images; null where the model has no calibration for the method.
   * @param {number} score
   * @param {{ method?: string, twoSided?: boolean }} [options]
   */
  pValue(score, { method = this.manifest.usualScore, twoSided = false } = {}) {
    const known = this.manifest.calibration?.[method];
    return known ? conformalPValue(score, known, { twoSided }) : null;
  }

  /**
   * Monte Carlo estimates from `samples` draws each: { logLikelihood, kl, iwae }, Float64Array [n], nats.
   * @param {Float32Array} images
   * @param {{ samples?: number, seed?: WholeNumber, start?: WholeNumber }} [options]
   */
  async elbo(images, options) {
    return estimateElbo(this, this.checkImages(images), options);
  }

  /**
   * p(label | z) at the posterior mean of one image, in the order of `labels`.
   * @param {Float32Array} image
   */
  async labelProbabilities(image) {
    if (!this.labelled) {
      throw new InputError(`the model ${this.manifest.name} has no labels.`);
    }
    return this.labelled.probabilities(await this.prior.toNoise((await this.encode(image)).mean), 0);
  }

  /** @param {Float32Array} images */
  checkImages(images) {
    if (!(images instanceof Float32Array) || images.length % this.imageSize) {
      const [count, shape] = [/** @type {any} */ (images)?.length, this.imageShape.join("x")];
      throw new InputError(`images are ${count} numbers; expected a Float32Array of whole images of ${shape}.`);
    }
    if (!images.every((value) => value >= 0 && value <= 1)) {
      throw new InputError("images hold values outside [0, 1]; make them of bytes with fromBytes.");
    }
    return images;
  }
}
