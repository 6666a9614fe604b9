// @ts-check
// The plane and the sliders: where the latent is, and what the decoder makes of it.

import { toBytes } from "./vae/index.js";
import { latest, paint, rested, saveCanvas, saveJSON } from "./dom.js";
import { $ } from "./elements.js";
import { showPlane } from "./plane.js";

/** @import { VAE } from "./vae/vae.js" */
/** @import { ChosenLatent, Origin } from "./chosen.js" */
/** @import { Page, SliderSpec } from "./types.js" */
/** @import { Walk } from "./walk.js" */

const AT_FIRST = 8; // sliders; the others are folded away

/**
 * @param {VAE} vae
 * @param {Page} page
 * @param {ChosenLatent} latent
 * @param {Walk} walk
 */
export function showLatents(vae, page, latent, walk) {
  const say = rested((/** @type {string} */ text) => ($("where").textContent = text));
  const rename = rested(() => history.replaceState(null, "", `#${latent.toHash()}`));
  const show = latest(async (/** @type {Float32Array} */ z) => {
    const bytes = toBytes(await vae.decode(z));
    paint($("decoded"), bytes, vae.imageShape);
    const text = describe(z, z === latent.z ? latent.origin : {}); // under the pointer it is no sample
    $("decoded").setAttribute("aria-label", `The decoder's image of ${text}`);
    say(text);
  });
  const plane = showPlane(page, latent, show);
  const sliders = makeSliders(page.sliders, latent);

  latent.addEventListener("change", () => {
    plane.draw();
    sliders.forEach((slider) => slider.follow());
    show(latent.z);
    rename();
  });
  $("centre").addEventListener("click", () => latent.set(Float32Array.from(latent.centre)));
  $("latent-to-start").addEventListener("click", () => walk.setStart(latent.z));
  $("latent-to-end").addEventListener("click", () => walk.setEnd(latent.z));
  $("copy-link").addEventListener("click", async () => {
    const { href } = new URL(`#${latent.toHash()}`, location.href);
    // Pages of plain http have no clipboard.
    const copied = await navigator.clipboard?.writeText(href).then(() => true, () => false);
    say(copied ? "The link is copied." : `The link: ${href}`);
  });
  $("save-png").addEventListener("click", () => saveCanvas($("decoded"), `${vae.manifest.name}.png`));
  $("save-json").addEventListener("click", () => {
    const { seed, ...origin } = latent.origin;
    const content = { model: vae.manifest.name, digest: vae.digest, z: latent.z, seed: seed?.toString(), ...origin };
    saveJSON(content, `${vae.manifest.name}.json`);
  });
}

/**
 * @param {Float32Array} z
 * @param {Origin} origin
 */
function describe(z, origin) {
  if (origin.seed !== undefined) {
    return `Sample ${origin.sample} of seed ${origin.seed}`;
  }
  return z.length === 2 ? `z = (${z[0].toFixed(2)}, ${z[1].toFixed(2)})` : "A latent of your own";
}

/**
 * @param {SliderSpec[]} specs
 * @param {ChosenLatent} latent
 */
function makeSliders(specs, latent) {
  $("sliders-legend").textContent =
    specs.length > 2 ? "One slider for each latent, the one that says most of a picture first" : "The latents";
  const [first, rest] = [specs.slice(0, AT_FIRST), specs.slice(AT_FIRST)];
  $("more-sliders").hidden = !rest.length;
  const [summary, folded] = $("more-sliders").children;
  summary.textContent = `${rest.length} more`;
  return [...first.map((spec) => makeSlider($("sliders"), spec, latent)), ...rest.map((spec) => makeSlider(folded, spec, latent))];
}

/**
 * @param {Element} parent
 * @param {SliderSpec} spec
 * @param {ChosenLatent} latent
 */
function makeSlider(parent, { latent: j, kl, low, high }, latent) {
  const field = document.createElement("label");
  const note = Object.assign(document.createElement("small"), { textContent: `${kl.toFixed(2)} nats` });
  const name = document.createElement("span");
  const range = { type: "range", min: String(low), max: String(high), step: "0.01" };
  const input = Object.assign(document.createElement("input"), range);
  const output = document.createElement("output");
  name.append(`z ${j} `, note);
  field.append(name, input, output);
  parent.append(field);
  input.addEventListener("input", () => latent.set(latent.z.with(j, Number(input.value))));
  const follow = () => {
    input.value = String(latent.z[j]);
    output.textContent = latent.z[j].toFixed(2);
  };
  return { follow };
}
