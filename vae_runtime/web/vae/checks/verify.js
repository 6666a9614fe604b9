// @ts-check
// Does this machine run this model as torch did? The golden vectors, replayed (docs/FORMAT.md, section 7).

import { standardNormal } from "../maths/noise.js";
import { readGolden } from "../model/golden.js";
import { readFile } from "../model/integrity.js";

/** @import { VAE } from "../vae.js" */
/** @typedef {Float32Array | Float64Array} Numbers */

/** @type {Record<string, string[]>} */
const KINDS = {
  eps: ["eps"],
  mean: ["mean"],
  logvar: ["logvar"],
  z: ["prior_z"],
  images: ["decoded"],
  nats: ["log_likelihood", "kl", "iwae", "score", "prior_log_prob", "faults"],
};

/**
 * Returns the largest absolute difference of each tensor.
 * @param {VAE} vae
 */
export async function verify(vae) {
  const entry = vae.manifest.golden[vae.precision];
  const golden = readGolden(await readFile(vae.read, entry), vae.manifest);
  const given = await replay(vae, golden);
  /** @type {Record<string, number>} */
  const tolerances = { eps: 1e-6, ...entry.tolerance };
  const tensors = Object.entries(KINDS).map(([tensor, names]) => ({
    tensor,
    difference: Math.max(...names.map((name) => difference(given[name], golden[name]))),
    tolerance: tolerances[tensor],
  }));
  return { passed: tensors.every((check) => check.difference <= check.tolerance), tensors };
}

/**
 * What this machine gives for each of the golden vectors.
 * @param {VAE} vae
 * @param {Record<string, any>} golden
 * @returns {Promise<Record<string, Numbers | undefined>>}
 */
async function replay(vae, golden) {
  const posterior = await vae.encode(golden.images);
  const elbo = await vae.elbo(golden.images, { samples: Number(golden.draws[0]) });
  return {
    mean: posterior.mean,
    logvar: posterior.logvar,
    eps: standardNormal(golden.eps.length / vae.latentSize, vae.latentSize, { seed: 0 }),
    prior_z: await vae.prior.fromNoise(golden.eps),
    prior_log_prob: await vae.prior.logProb(golden.z),
    decoded: await vae.decode(golden.z),
    log_likelihood: elbo.logLikelihood,
    kl: elbo.kl,
    iwae: elbo.iwae,
    score: await vae.score(golden.images),
    faults: vae.graphs.detector ? await vae.detect(golden.images) : undefined,
  };
}

/**
 * NaN and a wrong length are an infinite difference.
 * @param {Numbers | undefined} given
 * @param {Numbers | undefined} expected
 */
function difference(given, expected) {
  if (given?.length !== expected?.length) {
    return Infinity;
  }
  let largest = 0;
  expected?.forEach((/** @type {number} */ value, /** @type {number} */ k) => {
    largest = Math.max(largest, Math.abs(value - (given?.[k] ?? NaN))); // NaN stays
  });
  return Number.isFinite(largest) ? largest : Infinity;
}
