// class VAE: a model folder, open. Flat Float32Arrays in and out, one image or latent after the other.

import { InputError, ManifestError } from "./errors.js";
import { codeLength } from "./complexity.js";
import { conformalPValue } from "./conformal.js";
import { logMeanExp, logNormal, reparameterise } from "./gaussian.js";
import { readFile, sha256 } from "./integrity.js";
import { logLikelihood, logLikelihoodTerms } from "./likelihood.js";
import { FILE_NAME, parseManifest } from "./manifest.js";
import { countOf, normalRows, standardNormal, wholeNumber } from "./noise.js";
import { linear, spherical } from "./paths.js";
import { Flow, LabelledPrior, StandardNormal } from "./prior.js";
import { Graph, Session, volume } from "./sessions.js";
import { windowMeans } from "./smoothing.js";

const LIMIT_BYTES = 2 ** 20; // of a manifest
const DRAW_STRIDE = 2n ** 32n; // draw s of image i is row s * stride + i of a seed

export class VAE {
  // ort: the engine, or a promise of it. read: gives the bytes of a file of the model by its name, a promise of a Uint8Array.
  // digest: the sha256 of its manifest.json; with it, the model is the very one that was meant. first: roles of graphs to
  // open now, all by default; others open when they are needed, or by `open`.
  static async load(ort, read, { precision = "float32", digest, first } = {}) {
    const engine = Promise.resolve(ort);
    engine.catch(() => {}); // reported below, where it is waited for
    const content = await read(FILE_NAME);
    const found = await sha256(content);
    if (digest && found !== digest) {
      throw new ManifestError(`${FILE_NAME} has the sha256 ${found}, expected ${digest}: it is another model.`);
    }
    const manifest = parseManifest(decodeText(content));
    if (!manifest.golden[precision]) {
      throw new InputError(`precision is ${precision}; the model has ${Object.keys(manifest.golden).join(", ")}.`);
    }
    let turn = engine; // engines open one session at a time; files are read meanwhile
    const open = (role, file) => {
      const bytes = readFile(read, file);
      bytes.catch(() => {}); // reported below too
      const expected = { role, file: file.file, pairId: manifest.pair_id, shapes: tensors(role, manifest) };
      return (turn = turn.then(async () => Session.open(await engine, await bytes, expected)));
    };
    const graphs = Object.entries(manifest.graphs).map(([role, graph]) => [role, graph[precision] ?? graph.float32]);
    const sessions = Object.fromEntries(graphs.map(([role, file]) => [role, new Graph(() => open(role, file))]));
    const vae = new VAE(manifest, sessions, { read, precision, digest: found });
    await vae.open(first);
    return vae;
  }

  constructor(manifest, sessions, { read, precision, digest }) {
    Object.assign(this, { manifest, sessions, read, precision, digest });
    this.imageShape = manifest.image.shape;
    this.imageSize = volume(this.imageShape);
    this.latentSize = manifest.latent.size;
    const { prior_sample: sample, prior_log_prob: logProb } = sessions;
    const prior = sample ? new Flow(this.latentSize, sample, logProb) : new StandardNormal(this.latentSize);
    this.labels = (manifest.prior.labels ?? []).map(({ name }) => name);
    this.prior = this.labels.length ? new LabelledPrior(prior, manifest.prior.labels, this.latentSize) : prior;
  }

  // Open the graphs of these roles, all by default, each once.
  async open(roles = Object.keys(this.sessions)) {
    await Promise.all(roles.map((role) => this.sessions[role]?.opened()));
  }

  // Latents of samples start .. start + n - 1 of a seed: Float32Array [n * latentSize].
  async sampleLatents(n, { seed = 0, start = 0, temperature = 1, label } = {}) {
    if (!(temperature >= 0 && temperature <= 1000)) {
      throw new InputError(`temperature is ${temperature}; expected a number from 0 to 1000; 1 is the model's own.`);
    }
    if (label !== undefined && label !== null && !this.labels.length) {
      throw new InputError(`the model ${this.manifest.name} has no labels; sample it without one.`);
    }
    const warmth = Math.fround(temperature);
    let eps = standardNormal(countOf(n, "n", 0), this.latentSize, { seed, start }).map((value) => value * warmth);
    if (this.labels.length) {
      eps = this.prior.place(eps, this.prior.draw(n, label, { seed, start }));
    }
    return this.prior.fromNoise(eps);
  }

  // Samples start .. start + n - 1 of a seed: Float32Array [n * imageSize]; of a Bernoulli in [0, 1].
  async sample(n, options) {
    return this.decode(await this.sampleLatents(n, options));
  }

  // q(z|x): { mean, logvar }, each Float32Array [n * latentSize].
  async encode(images) {
    return this.sessions.encoder.run(this.checkImages(images));
  }

  // The mean of p(x|z): Float32Array [n * imageSize].
  async decode(z) {
    if (!(z instanceof Float32Array) || z.length % this.latentSize || !z.every(Number.isFinite)) {
      throw new InputError(`latents are ${z?.length} numbers; expected a Float32Array of finite rows of ${this.latentSize}.`);
    }
    return (await this.sessions.decoder.run(z)).images;
  }

  async reconstruct(images) {
    return this.decode((await this.encode(images)).mean);
  }

  // Latents on the way from one to another, at t in [0, 1]: along a line, or in the prior's noise along an arc.
  async between(start, end, t, { path = "linear" } = {}) {
    if (path === "linear") {
      return linear(start, end, t);
    }
    const [from, to] = [await this.prior.toNoise(start), await this.prior.toNoise(end)];
    return this.prior.fromNoise(spherical(from, to, t));
  }

  // Anomaly scores: Float64Array [n], nats, higher is stranger; methods as in Python's `VAE.score`.
  async score(images, { method = "elbo" } = {}) {
    if (!this.manifest.scores.includes(method)) {
      throw new InputError(`method is ${method}; expected one of ${this.manifest.scores.join(", ")}.`);
    }
    if (method === "faults") {
      const { faults } = await this.sessions.detector.run(this.checkImages(images));
      const pixels = this.imageShape[1] * this.imageShape[2];
      return this.rows(images, (i) => faults.subarray(i * pixels, (i + 1) * pixels).reduce((a, b) => Math.max(a, b)));
    }
    const posterior = await this.encode(images);
    const means = method === "kl" ? null : await this.decode(posterior.mean);
    const logPrior = method === "reconstruction" ? null : await this.prior.logProb(posterior.mean);
    return this.rows(images, (i) => {
      let score = means ? -this.logLikelihood(images, i, means, i) : 0;
      score -= logPrior ? logPrior[i] - logNormal(posterior.mean, i, this.latentSize, posterior) : 0;
      return score - (method === "complexity" ? codeLength(images, i, this.imageShape) : 0);
    });
  }

  // Where images are strange: Float32Array [n * height * width], nats a pixel, each the mean over a square of `window`.
  async anomalyMap(images, { method = "reconstruction", window = method === "faults" ? 1 : 5 } = {}) {
    const [channels, height, width] = this.imageShape;
    const pixels = height * width;
    let maps;
    if (method === "faults" && this.sessions.detector) {
      maps = (await this.sessions.detector.run(this.checkImages(images))).faults;
    } else if (method === "reconstruction") {
      const means = await this.reconstruct(images);
      maps = new Float32Array((images.length / this.imageSize) * pixels);
      for (let i = 0; i < images.length / this.imageSize; i++) {
        const terms = logLikelihoodTerms(images, i, means, i, this.imageSize, this.manifest.likelihood);
        for (let k = 0; k < pixels; k++) {
          let sum = 0;
          for (let c = 0; c < channels; c++) {
            sum -= terms[c * pixels + k];
          }
          maps[i * pixels + k] = sum;
        }
      }
    } else {
      throw new InputError(`method is ${method}; expected reconstruction, or faults where there is a detector.`);
    }
    if (countOf(window, "window", 1) % 2 === 0) {
      throw new InputError(`window is ${window}; expected an odd number of pixels, for it has a middle.`);
    }
    return windowMeans(maps, height, width, window);
  }

  // How rare a score as high is among normal images; null where the model has no calibration for the method.
  pValue(score, { method = "elbo", twoSided = false } = {}) {
    const known = this.manifest.calibration?.[method];
    return known ? conformalPValue(score, known, { twoSided }) : null;
  }

  // Monte Carlo estimates from `samples` draws each: { logLikelihood, kl, iwae }, Float64Array [n], nats.
  async elbo(images, { samples = 1, seed = 0, start = 0 } = {}) {
    countOf(samples, "samples", 1);
    const posterior = await this.encode(images);
    const n = images.length / this.imageSize;
    const first = wholeNumber(start, "start");
    const [likelihoods, ratios] = [[], []]; // of each draw, [n]
    for (let s = 0; s < samples; s++) {
      const rows = Array.from({ length: n }, (_, i) => BigInt(s) * DRAW_STRIDE + first + BigInt(i));
      const z = reparameterise(posterior, normalRows(rows, this.latentSize, seed));
      const means = await this.decode(z);
      const logPrior = await this.prior.logProb(z);
      likelihoods.push(this.rows(images, (i) => this.logLikelihood(images, i, means, i)));
      ratios.push(this.rows(images, (i) => logPrior[i] - logNormal(z, i, this.latentSize, posterior)));
    }
    const mean = (draws, i) => draws.reduce((sum, draw) => sum + draw[i], 0) / samples;
    return {
      logLikelihood: this.rows(images, (i) => mean(likelihoods, i)),
      kl: this.rows(images, (i) => this.prior.exactKl?.(posterior, i) ?? -mean(ratios, i)),
      iwae: this.rows(images, (i) => logMeanExp(likelihoods.map((draw, s) => draw[i] + ratios[s][i]))),
    };
  }

  // p(label | z) at the posterior mean of one image, in the order of `labels`.
  async labelProbabilities(image) {
    if (!this.labels.length) {
      throw new InputError(`the model ${this.manifest.name} has no labels.`);
    }
    return this.prior.probabilities(await this.prior.toNoise((await this.encode(image)).mean), 0);
  }

  logLikelihood(images, i, means, j) {
    return logLikelihood(images, i, means, j, this.imageSize, this.manifest.likelihood);
  }

  rows(images, give) {
    return Float64Array.from({ length: images.length / this.imageSize }, (_, i) => give(i));
  }

  checkImages(images) {
    if (!(images instanceof Float32Array) || images.length % this.imageSize) {
      const shape = this.imageShape.join("x");
      throw new InputError(`images are ${images?.length} numbers; expected a Float32Array of whole images of ${shape}.`);
    }
    if (!images.every((value) => value >= 0 && value <= 1)) {
      throw new InputError("images hold values outside [0, 1]; make them of bytes with fromBytes.");
    }
    return images;
  }
}

function decodeText(content) {
  if (content.length > LIMIT_BYTES) {
    throw new ManifestError(`${FILE_NAME} has more than ${LIMIT_BYTES} bytes; a manifest has fewer.`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new ManifestError(`${FILE_NAME} is not UTF-8 text; copy the model again.`);
  }
}

// The tensors of each graph and the shape of a row of each, the input first (docs/FORMAT.md, section 2).
function tensors(role, { image: { shape }, latent: { size } }) {
  return {
    encoder: { images: shape, mean: [size], logvar: [size] },
    decoder: { z: [size], images: shape },
    prior_sample: { eps: [size], z: [size] },
    prior_log_prob: { z: [size], eps: [size], log_prob: [] },
    detector: { images: shape, faults: shape.slice(1) },
  }[role];
}
