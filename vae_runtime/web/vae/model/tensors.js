// @ts-check
// The tensors of each graph and the shape of a row of each, the input first (docs/FORMAT.md, section 2).

import { PRIORS } from "./prior.js";

/** @import { Tensors } from "./sessions.js" */

/**
 * @param {{ image: { shape: number[] }, latent: { size: number }, prior: { family: string } }} manifest
 * @param {readonly string[]} decoded what the decoder gives beside images
 * @returns {Record<string, Tensors>}
 */
export function tensorsOf({ image: { shape }, latent: { size }, prior }, decoded) {
  return {
    encoder: { images: shape, mean: [size], logvar: [size] },
    decoder: { z: [size], images: shape, ...Object.fromEntries(decoded.map((name) => [name, shape])) },
    ...PRIORS[prior.family].tensors(size),
    detector: { images: shape, faults: shape.slice(1) },
  };
}
