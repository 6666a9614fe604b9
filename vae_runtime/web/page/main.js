// @ts-check
// The page: load, then hand the open model to each part.

import { messageOf } from "./vae/errors.js";
import { followAddress } from "./address.js";
import { ChosenLatent } from "./chosen.js";
import { $ } from "./elements.js";
import { showFacts } from "./facts.js";
import { showLatents } from "./latents.js";
import { showPicture } from "./picture.js";
import { showSamples } from "./samples.js";
import { load } from "./source.js";
import { showWalk } from "./walk.js";

/** The open model, or why there is none. */
export const opened = open();

async function open() {
  $("status").textContent = "Loading the engine and the model …";
  $("progress").hidden = false;
  try {
    const { vae, page } = await load((bytes, all) => {
      if (!$("progress").hidden) {
        // Nothing has failed while this part was still on its way.
        $("progress").value = bytes / all;
        $("status").textContent = `Loading: ${megabytes(bytes)} of ${megabytes(all)} MB`;
      }
    });
    document.title = $("name").textContent = vae.manifest.name;
    $("app").hidden = false;
    const latent = new ChosenLatent(vae, page.plane);
    const walk = showWalk(vae, latent);
    showLatents(vae, page, latent, walk);
    showPicture(vae, page, latent, walk);
    showFacts(vae, page);
    const hasPrior = vae.manifest.prior.family !== "none";
    $("samples").hidden = !hasPrior;
    $("no-samples").hidden = hasPrior;
    await (hasPrior ? showSamples(vae, latent) : followAddress(latent));
    $("loading").hidden = true;
    await vae.open(); // what samples do not need comes after them
    return vae;
  } catch (error) {
    $("loading").hidden = false;
    $("progress").hidden = true;
    $("app").hidden = true;
    $("status").className = "failed";
    $("status").textContent = sentence(error);
    throw error;
  }
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

/** @param {unknown} error */
function sentence(error) {
  if (typeof WebAssembly === "undefined" || error instanceof WebAssembly.CompileError) {
    return `This browser cannot run WebAssembly with SIMD; a newer one can. (${messageOf(error)})`;
  }
  return `This page cannot start: ${messageOf(error)}`;
}
