// @ts-check
// Diagonal Gaussians: densities in nats, the divergence from the prior, and the reparameterisation trick.
//
// Rows lie one after the other in flat arrays; a function of one row takes its number.

const LOG_2_PI = Math.log(2 * Math.PI);

/**
 * Rows of means and log-variances: of q(z|x), or of a label.
 * @typedef {{ mean: Float32Array, logvar: Float32Array }} DiagonalGaussian
 */

/**
 * What an encoder says; a deterministic one says no variances.
 * @typedef {{ mean: Float32Array, logvar: Float32Array | null }} Posterior
 */

/**
 * log N(z; mean, diag exp(logvar)) of row i of z.
 * @param {Float32Array} z
 * @param {number} i
 * @param {number} size of a row
 * @param {Partial<DiagonalGaussian> & { of?: number }} [gaussian] mean and logvar are 0 where missing; of: their row
 */
export function logNormal(z, i, size, { mean, logvar, of = i } = {}) {
  let sum = 0;
  for (let j = 0; j < size; j++) {
    const m = mean ? mean[of * size + j] : 0;
    const v = logvar ? logvar[of * size + j] : 0;
    sum += (z[i * size + j] - m) ** 2 * Math.exp(-v) + v + LOG_2_PI;
  }
  return -0.5 * sum;
}

/**
 * KL(q(z|x) || N(0, I)) of row i (Kingma and Welling 2014, appendix B).
 * @param {DiagonalGaussian} posterior
 * @param {number} i
 * @param {number} size
 */
export function klToStandardNormal({ mean, logvar }, i, size) {
  let sum = 0;
  for (let k = i * size; k < (i + 1) * size; k++) {
    sum += mean[k] ** 2 + Math.exp(logvar[k]) - 1 - logvar[k];
  }
  return 0.5 * sum;
}

/**
 * z = mean + exp(logvar / 2) * eps in float32, row by row.
 * @param {DiagonalGaussian} posterior
 * @param {Float32Array} eps
 */
export function reparameterise({ mean, logvar }, eps) {
  const { fround, exp } = Math;
  return eps.map((e, k) => mean[k] + fround(fround(exp(fround(logvar[k] * 0.5))) * e));
}

/**
 * log of the mean of exp(weights), without overflow.
 * @param {readonly number[]} weights
 */
export function logMeanExp(weights) {
  const largest = Math.max(...weights);
  const sum = weights.reduce((total, weight) => total + Math.exp(weight - largest), 0);
  return largest + Math.log(sum / weights.length);
}
