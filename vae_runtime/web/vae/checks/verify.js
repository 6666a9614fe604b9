// @ts-check
// Does this machine run this model as torch did? The golden vectors, replayed (docs/FORMAT.md, section 7).

import { decodedOf } from "../maths/likelihood.js";
import { standardNormal } from "../maths/noise.js";
import { readGolden } from "../model/golden.js";
import { readFile } from "../model/integrity.js";

/** @import { VAE } from "../vae.js" */
/** @typedef {Float32Array | Float64Array} Numbers */

/**
 * Returns the largest absolute difference of each kind of tensor that a tolerance is for.
 * @param {VAE} vae
 */
export async function verify(vae) {
  const entry = vae.manifest.golden[vae.precision];
  const golden = readGolden(await readFile(vae.read, entry), vae.manifest);
  const given = await replay(vae, golden);
  const scores = Object.keys(given).filter((name) => name.startsWith("score_"));
  /** @type {Record<string, string[]>} */
  const kinds = {
    eps: ["eps"],
    mean: ["mean"],
    logvar: ["logvar"],
    z: ["prior_z"],
    images: ["decoded"],
    ...Object.fromEntries(decodedOf(vae.manifest).map((name) => [name, [name]])),
    nats: ["log_likelihood", "kl", "iwae", "prior_log_prob", "faults", ...scores],
  };
  /** @type {Record<string, number>} */
  const tolerances = { eps: 1e-6, ...entry.tolerance };
  // What the model has not, such as the variances of a deterministic encoder, neither side has.
  const there = Object.entries(kinds).filter(([tensor]) => Object.hasOwn(tolerances, tensor));
  const tensors = there.map(([tensor, names]) => ({
    tensor,
    difference: Math.max(...names.map((name) => difference(given[name], golden[name]))),
    tolerance: tolerances[tensor],
  }));
  return { passed: tensors.every((check) => check.difference <= check.tolerance), tensors };
}

/**
 * What this machine gives for each of the golden vectors; of scores that it does not know, it says nothing.
 * @param {VAE} vae
 * @param {Record<string, any>} golden
 * @returns {Promise<Record<string, Numbers | undefined>>}
 */
async function replay(vae, golden) {
  const { manifest, prior } = vae;
  const { mean, logvar } = await vae.encode(golden.images);
  const elbo = manifest.hasElbo ? await vae.elbo(golden.images, { samples: Number(golden.draws[0]) }) : null;
  const hasPrior = manifest.prior.family !== "none";
  const { images: decoded, ...others } = await vae.decodeAll(golden.z);
  const known = manifest.scores.filter((method) => golden[`score_${method}`]);
  const scores = Object.entries(await vae.scores(golden.images, known));
  return {
    mean,
    logvar: logvar ?? undefined,
    eps: standardNormal(golden.eps.length / vae.latentSize, vae.latentSize, { seed: 0 }),
    ...(hasPrior && { prior_z: await prior.fromNoise(golden.eps), prior_log_prob: await prior.logProb(golden.z) }),
    decoded,
    ...others,
    ...(elbo && { log_likelihood: elbo.logLikelihood, kl: elbo.kl, iwae: elbo.iwae }),
    ...Object.fromEntries(scores.map(([method, values]) => [`score_${method}`, values])),
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
