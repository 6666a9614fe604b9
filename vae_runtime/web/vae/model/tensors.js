// @ts-check
// The tensors of each graph and the shape of a row of each, the input first (docs/FORMAT.md, section 2).

import { decodedOf } from "../maths/likelihood.js";
import { PRIORS } from "./prior.js";

/** @import { Manifest } from "./manifest.js" */
/** @import { Tensors } from "./sessions.js" */

/**
 * @param {Manifest} manifest
 * @returns {Record<string, Tensors>}
 */
export function tensorsOf(manifest) {
  const { image: { shape }, latent, prior, posterior } = manifest;
  return {
    encoder: { images: shape, mean: latent.shape, ...(posterior.family !== "none" && { logvar: latent.shape }) },
    decoder: { z: latent.shape, images: shape, ...Object.fromEntries(decodedOf(manifest).map((name) => [name, shape])) },
    ...PRIORS[prior.family].tensors(latent.shape),
    detector: { images: shape, faults: shape.slice(1) },
  };
}
