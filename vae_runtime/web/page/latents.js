// @ts-check
// The plane and the sliders: where the latent is, and what the decoder makes of it.

import { nested, toBytes } from "./vae/index.js";
import { rows } from "./vae/maths/rows.js";
import { latest, paint, paintGrid, rested, saveCanvas, saveJSON } from "./dom.js";
import { $ } from "./elements.js";
import { showPlane } from "./plane.js";
import { groupsOf } from "./groups.js";

/** @import { VAE } from "./vae/vae.js" */
/** @import { ChosenLatent, Origin } from "./chosen.js" */
/** @import { Page, SliderSpec } from "./types.js" */
/** @import { Groups } from "./groups.js" */
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
  const rename = rested(() => history.replaceState(null, "", latent.hasAddress ? `#${latent.toHash()}` : location.pathname));
  const groups = groupsOf(vae.latentShape);
  const show = latest(async (/** @type {Float32Array} */ z) => {
    const bytes = toBytes(await vae.decode(z));
    paint($("decoded"), bytes, vae.imageShape);
    if (groups.size > 1) {
      paintChannels(z, vae.latentShape);
    }
    const text = describe(z, z === latent.z ? latent.origin : {}); // under the pointer it is no sample
    $("decoded").setAttribute("aria-label", `The decoder's image of ${text}`);
    say(text);
  });
  const plane = showPlane(page, latent, show);
  const sliders = makeSliders(page.sliders, latent, groups);
  $("channels-frame").hidden = groups.size === 1;
  $("channels-caption").textContent = `The latent: ${groups.count} ${groups.names}, dark at the lowest number of each, light at the highest`;

  latent.addEventListener("change", () => {
    plane.draw();
    sliders.forEach((slider) => slider.follow());
    show(latent.z);
    $("copy-link").hidden = !latent.hasAddress;
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
    const content = { model: vae.manifest.name, digest: vae.digest, z: nested(latent.z, vae.latentShape), seed: seed?.toString(), ...origin };
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
 * The channels of a latent side by side, each dark at its lowest number and light at its highest.
 * @param {Float32Array} z
 * @param {readonly number[]} shape
 */
function paintChannels(z, shape) {
  const [count, height, width] = shape.length > 2 ? shape : [1, ...shape];
  const bytes = rows(z, width * height).flatMap((row) => {
    const low = row.reduce((a, b) => Math.min(a, b));
    const high = row.reduce((a, b) => Math.max(a, b));
    return row.map((value) => Math.round((255 * (value - low)) / (high - low || 1)));
  });
  paintGrid($("channels"), Uint8Array.from(bytes), [1, height, width], Math.min(count, 8));
}

/**
 * @param {SliderSpec[]} specs
 * @param {ChosenLatent} latent
 * @param {Groups} groups
 */
function makeSliders(specs, latent, groups) {
  const order = specs[0].kl === null ? "the one that differs most first" : "the one that says most of a picture first";
  const what = groups.size > 1 ? `${groups.name}: it moves all of its ${groups.size} numbers; ${order}` : `latent, ${order}`;
  $("sliders-legend").textContent = specs.length > 2 || groups.size > 1 ? `One slider for each ${what}` : "The latents";
  const [first, rest] = [specs.slice(0, AT_FIRST), specs.slice(AT_FIRST)];
  $("more-sliders").hidden = !rest.length;
  const [summary, folded] = $("more-sliders").children;
  summary.textContent = `${rest.length} more`;
  /** @type {(parent: Element) => (spec: SliderSpec) => { follow(): void }} */
  const into = (parent) => (spec) => makeSlider(parent, spec, latent, groups);
  return [...first.map(into($("sliders"))), ...rest.map(into(folded))];
}

/**
 * @param {Element} parent
 * @param {SliderSpec} spec
 * @param {ChosenLatent} latent
 * @param {Groups} groups
 */
function makeSlider(parent, { latent: j, kl, spread, low, high }, latent, groups) {
  const field = document.createElement("label");
  const told = kl === null ? `± ${spread.toFixed(2)}` : `${kl.toFixed(2)} nats`;
  const note = Object.assign(document.createElement("small"), { textContent: told });
  const name = document.createElement("span");
  const range = { type: "range", min: String(low), max: String(high), step: "0.01" };
  const input = Object.assign(document.createElement("input"), range);
  const output = document.createElement("output");
  name.append(`${groups.label(j)} `, note);
  field.append(name, input, output);
  parent.append(field);
  input.addEventListener("input", () => latent.set(groups.moved(latent.z, j, Number(input.value))));
  const follow = () => {
    const value = groups.mean(latent.z, j);
    input.value = String(value);
    output.textContent = value.toFixed(2);
  };
  return { follow };
}
