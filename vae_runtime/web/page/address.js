// @ts-check
// The page's address where there are no samples: it names a latent, or nothing.

import { messageOf } from "./vae/errors.js";
import { $ } from "./elements.js";

/** @import { ChosenLatent } from "./chosen.js" */

/**
 * Go to the latent that the address names, now and whenever it changes; else to the middle.
 * @param {ChosenLatent} latent
 */
export function followAddress(latent) {
  const follow = () => {
    try {
      latent.set(latent.fromHash(location.hash).z ?? Float32Array.from(latent.centre));
    } catch (error) {
      $("no-samples-says").className = "failed";
      $("no-samples-says").textContent = messageOf(error);
      latent.set(Float32Array.from(latent.centre));
    }
  };
  window.addEventListener("hashchange", follow);
  follow();
}
