// @ts-check
// Monte Carlo estimates of the evidence lower bound.

import { InputError } from "../errors.js";
import { logMeanExp, logNormal, reparameterise } from "../maths/gaussian.js";
import { logLikelihood } from "../maths/likelihood.js";
import { countOf, normalRows, wholeNumber } from "../maths/noise.js";
import { volume } from "./sessions.js";

/** @import { DiagonalGaussian } from "../maths/gaussian.js" */
/** @import { WholeNumber } from "../maths/noise.js" */
/** @import { Prior } from "../maths/prior.js" */
/** @import { Model } from "./scores.js" */

const DRAW_STRIDE = 2n ** 32n; // draw s of image i is row s * stride + i of a seed

/**
 * { logLikelihood, kl, iwae } from `samples` draws for each image: Float64Array [n], nats.
 * @param {Model & { prior: Prior, manifest: { name: string, hasElbo: boolean } }} model
 * @param {Float32Array} images
 * @param {{ samples?: number, seed?: WholeNumber, start?: WholeNumber }} [options]
 */
export async function estimateElbo(model, images, { samples = 1, seed = 0, start = 0 } = {}) {
  countOf(samples, "samples", 1);
  if (!model.manifest.hasElbo) {
    throw new InputError(`the model ${model.manifest.name} has no ELBO, for it has not all of prior, posterior and likelihood.`);
  }
  const posterior = /** @type {DiagonalGaussian} */ (await model.encode(images));
  const [size, latentSize] = [volume(model.imageShape), model.latentSize];
  const n = images.length / size;
  /** @type {(give: (i: number) => number) => Float64Array} */
  const rows = (give) => Float64Array.from({ length: n }, (_, i) => give(i));
  /** @type {{ likelihood: Float64Array, ratio: Float64Array }[]} */
  const draws = [];
  for (let s = 0; s < samples; s++) {
    const first = BigInt(s) * DRAW_STRIDE + wholeNumber(start, "start");
    const numbers = Array.from({ length: n }, (_, i) => first + BigInt(i));
    const z = reparameterise(posterior, normalRows(numbers, latentSize, seed));
    const [decoded, logPrior] = [await model.decodeAll(z), await model.prior.logProb(z)];
    draws.push({
      likelihood: rows((i) => logLikelihood(model.likelihood, images, i, decoded, i, size)),
      ratio: rows((i) => logPrior[i] - logNormal(z, i, latentSize, posterior)),
    });
  }
  /** @type {(give: (draw: typeof draws[0]) => number) => number} */
  const mean = (give) => draws.reduce((sum, draw) => sum + give(draw), 0) / samples;
  return {
    logLikelihood: rows((i) => mean(({ likelihood }) => likelihood[i])),
    kl: rows((i) => model.prior.exactKl(posterior, i) ?? -mean(({ ratio }) => ratio[i])),
    iwae: rows((i) => logMeanExp(draws.map(({ likelihood, ratio }) => likelihood[i] + ratio[i]))),
  };
}
