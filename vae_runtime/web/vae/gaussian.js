// Diagonal Gaussians: densities in nats, the divergence from the prior, and the reparameterisation trick.
//
// Rows lie one after the other in flat arrays; a function of one row takes its number.

const LOG_2_PI = Math.log(2 * Math.PI);

// log N(z; mean, diag exp(logvar)) of row i of z; `of` is the row of mean and logvar, which default to 0.
export function logNormal(z, i, size, { mean, logvar, of = i } = {}) {
  let sum = 0;
  for (let j = 0; j < size; j++) {
    const m = mean ? mean[of * size + j] : 0;
    const v = logvar ? logvar[of * size + j] : 0;
    sum += (z[i * size + j] - m) ** 2 * Math.exp(-v) + v + LOG_2_PI;
  }
  return -0.5 * sum;
}

// KL(q(z|x) || N(0, I)) of row i (Kingma and Welling 2014, appendix B).
export function klToStandardNormal({ mean, logvar }, i, size) {
  let sum = 0;
  for (let k = i * size; k < (i + 1) * size; k++) {
    sum += mean[k] ** 2 + Math.exp(logvar[k]) - 1 - logvar[k];
  }
  return 0.5 * sum;
}

// z = mean + exp(logvar / 2) * eps in float32, row by row.
export function reparameterise({ mean, logvar }, eps) {
  const { fround, exp } = Math;
  return eps.map((e, k) => mean[k] + fround(fround(exp(fround(logvar[k] * 0.5))) * e));
}

// log of the mean of exp(weights), without overflow.
export function logMeanExp(weights) {
  const largest = Math.max(...weights);
  const sum = weights.reduce((total, weight) => total + Math.exp(weight - largest), 0);
  return largest + Math.log(sum / weights.length);
}
