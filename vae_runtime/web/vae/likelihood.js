// log p(x|z) in nats, by family, from the decoder's mean image.

const { fround } = Math;
const MARGIN = fround(1e-6); // Bernoulli probabilities are clipped to [margin, 1 - margin]
const CEILING = fround(1 - MARGIN);

// log p(x|z) of each pixel of row i of `images`, given row j of `means`: Float64Array [pixels].
export function logLikelihoodTerms(images, i, means, j, pixels, { family, sigma }) {
  const term = family === "bernoulli" ? bernoulli : gaussian(sigma);
  const terms = new Float64Array(pixels);
  for (let k = 0; k < pixels; k++) {
    terms[k] = term(images[i * pixels + k], means[j * pixels + k]);
  }
  return terms;
}

// The same, summed.
export function logLikelihood(images, i, means, j, pixels, likelihood) {
  return logLikelihoodTerms(images, i, means, j, pixels, likelihood).reduce((sum, term) => sum + term, 0);
}

// In float32, step by step, as in Python: the sum over pixels of what is rounded otherwise differs by 1e-4 nats.
function bernoulli(x, p) {
  const logP = fround(Math.log(Math.min(Math.max(p, MARGIN), CEILING)));
  const logNotP = fround(Math.log(Math.min(Math.max(fround(1 - p), MARGIN), CEILING)));
  return fround(fround(x * fround(logP - logNotP)) + logNotP);
}

function gaussian(sigma) {
  const constant = Math.log(sigma) + 0.5 * Math.log(2 * Math.PI);
  return (x, mean) => -0.5 * ((x - mean) / sigma) ** 2 - constant;
}
