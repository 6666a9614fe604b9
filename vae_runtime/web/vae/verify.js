// Does this machine run this model as torch did? The golden vectors, replayed (docs/FORMAT.md, section 7).

import { readGolden } from "./golden.js";
import { readFile } from "./integrity.js";
import { standardNormal } from "./noise.js";

const KINDS = {
  eps: ["eps"],
  mean: ["mean"],
  logvar: ["logvar"],
  z: ["prior_z"],
  images: ["decoded"],
  nats: ["log_likelihood", "kl", "iwae", "score", "prior_log_prob", "faults"],
};

// Returns { passed, tensors: [{ tensor, difference, tolerance }] }, the largest absolute difference of each.
export async function verify(vae) {
  const entry = vae.manifest.golden[vae.precision];
  const golden = readGolden(await readFile(vae.read, entry), vae.manifest);
  const posterior = await vae.encode(golden.images);
  const elbo = await vae.elbo(golden.images, { samples: Number(golden.draws[0]) });
  const found = {
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
    faults: vae.sessions.detector ? await vae.anomalyMap(golden.images, { method: "faults" }) : undefined,
  };
  const tolerance = { eps: 1e-6, ...entry.tolerance };
  const tensors = Object.entries(KINDS).map(([tensor, names]) => ({
    tensor,
    difference: Math.max(...names.map((name) => difference(found[name], golden[name]))),
    tolerance: tolerance[tensor],
  }));
  return { passed: tensors.every((check) => check.difference <= check.tolerance), tensors };
}

// NaN and a wrong length are an infinite difference.
function difference(found, expected) {
  if (found?.length !== expected?.length) {
    return Infinity;
  }
  const largest = (found ?? []).reduce((most, value, k) => Math.max(most, Math.abs(value - expected[k])), 0);
  return Number.isFinite(largest) ? largest : Infinity;
}
