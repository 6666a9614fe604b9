// @ts-check
// What the model is, from its manifest, and whether this device runs it as torch did.

import { messageOf } from "./vae/errors.js";
import { verify } from "./vae/index.js";
import { $ } from "./elements.js";

/** @import { VAE } from "./vae/vae.js" */
/** @import { Page } from "./types.js" */

/**
 * @param {VAE} vae
 * @param {Page} page
 */
export function showFacts(vae, page) {
  const { manifest, digest } = vae;
  const { image, prior, training } = manifest;
  const { family, ...parameters } = manifest.likelihood;
  /** @type {(value: number | number[]) => string} */
  const written = (value) => [value].flat().map((number) => number.toPrecision(3)).join(" ");
  const likelihood = [family, ...Object.entries(parameters).map(([name, value]) => `${name} ${written(value)}`)].join(", ");
  const { shape, scale, shift } = manifest.latent;
  const facts = {
    Name: manifest.name,
    Images: `${image.shape.join(" x ")} (channels, height, width), pictures are made to fit by ${image.fit}, ${image.resample}`,
    Latents: shape.join(" x ") + (scale !== 1 || shift !== 0 ? `, (the maker's - ${shift}) x ${scale}` : ""),
    Prior: (prior.family === "none" ? "none: no samples" : prior.family.replace("_", " ")) + (vae.labels.length ? `, with the labels ${vae.labels.join(", ")}` : ""),
    Posterior: manifest.posterior.family === "none" ? "none: the encoder is deterministic" : "",
    Likelihood: family === "none" ? "none: scores are squared errors" : likelihood,
    "Trained on": [training.data, training.train_images && `${training.train_images} images`].filter(Boolean).join(", "),
    "-ELBO": typeof training.elbo_nats !== "number" ? "" : `${(-training.elbo_nats).toFixed(1)} nats an image`,
    Calibration: manifest.calibration ? `${Object.keys(manifest.calibration).join(", ")}` : "none: no p-values",
    Precision: vae.precision,
    Licence: manifest.license,
    Engine: page.engine.version ? `onnxruntime-web ${page.engine.version}` : "the page's own, for models without convolutions",
    "sha256 of its manifest": digest,
  };
  for (const [name, value] of Object.entries(facts)) {
    if (value) {
      const [term, fact] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      fact.textContent = value;
      $("facts").append(term, fact);
    }
  }
  $("verify").addEventListener("click", async () => {
    $("verdict").textContent = "Replaying the golden vectors …";
    try {
      const { passed, tensors } = await verify(vae);
      const differences = tensors.map(({ tensor, difference }) => `${tensor} ${difference.toExponential(1)}`).join(", ");
      $("verdict").textContent = `${passed ? "PASS" : "FAIL"}: the largest differences from torch are ${differences}.`;
    } catch (error) {
      $("verdict").textContent = `FAIL: ${messageOf(error)}`;
    }
  });
}
