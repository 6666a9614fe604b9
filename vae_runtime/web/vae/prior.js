// Priors: the image of noise under an invertible map, with or without labels. Each has fromNoise, toNoise, logProb.

import { klToStandardNormal, logMeanExp, logNormal } from "./gaussian.js";
import { InputError } from "./errors.js";
import { uniformChoice } from "./noise.js";

// p(z) = N(0, I): the noise is the latent.
export class StandardNormal {
  constructor(size) {
    this.size = size;
  }

  async fromNoise(eps) {
    return eps;
  }

  async toNoise(z) {
    return z;
  }

  // log p of each row of z, nats.
  async logProb(z) {
    return rowsOf(z, this.size, (i) => logNormal(z, i, this.size));
  }

  async noiseAndLogProb(z) {
    return [z, await this.logProb(z)];
  }

  exactKl(posterior, i) {
    return klToStandardNormal(posterior, i, this.size);
  }
}

// z = T(eps), two graphs: T, and its inverse with log p(z).
export class Flow {
  constructor(size, sample, logProb) {
    this.size = size;
    this.graphs = { sample, logProb };
  }

  async fromNoise(eps) {
    return (await this.graphs.sample.run(eps)).z;
  }

  async toNoise(z) {
    return (await this.graphs.logProb.run(z)).eps;
  }

  async logProb(z) {
    return (await this.noiseAndLogProb(z))[1];
  }

  // Both at once: the graph gives both.
  async noiseAndLogProb(z) {
    const { eps, log_prob: logProb } = await this.graphs.logProb.run(z);
    return [eps, Float64Array.from(logProb)];
  }
}

// A prior whose noise is the equal mixture of its labels' Gaussians in the place of N(0, I).
export class LabelledPrior {
  // labels: [{ name, mean, logvar }] of the manifest.
  constructor(prior, labels, size) {
    Object.assign(this, { prior, size });
    this.names = labels.map(({ name }) => name);
    this.mean = Float32Array.from(labels.flatMap(({ mean }) => mean));
    this.logvar = Float32Array.from(labels.flatMap(({ logvar }) => logvar));
    this.fromNoise = (eps) => prior.fromNoise(eps);
    this.toNoise = (z) => prior.toNoise(z);
  }

  // Which labels samples start .. start + n - 1 of a seed have: the named one, or any, all equally likely.
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

  // Move standard normal noise into the Gaussians of these labels, in float32.
  place(eps, which) {
    const { fround, exp } = Math;
    return eps.map((e, k) => {
      const at = which[Math.floor(k / this.size)] * this.size + (k % this.size);
      return this.mean[at] + fround(fround(exp(fround(this.logvar[at] * 0.5))) * e);
    });
  }

  async logProb(z) {
    const [eps, ofPrior] = await this.prior.noiseAndLogProb(z);
    return rowsOf(z, this.size, (i) => ofPrior[i] - logNormal(eps, i, this.size) + logMeanExp(this.logProbs(eps, i)));
  }

  // p(label | z) of row i of eps, in the order of `names`.
  probabilities(eps, i) {
    const logProbs = this.logProbs(eps, i);
    const largest = Math.max(...logProbs);
    const weights = logProbs.map((value) => Math.exp(value - largest));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  }

  logProbs(eps, i) {
    return this.names.map((_, of) => logNormal(eps, i, this.size, { mean: this.mean, logvar: this.logvar, of }));
  }
}

function rowsOf(z, size, give) {
  return Float64Array.from({ length: z.length / size }, (_, i) => give(i));
}
