// @ts-check
// A picture of the user's: opened, dropped, pasted or drawn; encoded, rebuilt, scored.

import { messageOf } from "./vae/errors.js";
import { SCORES, fitPicture, fromBytes, nested, toBytes } from "./vae/index.js";
import { decodePicture } from "./decoding.js";
import { fillTable, latest, paint, saveJSON, toRGBA } from "./dom.js";
import { $ } from "./elements.js";
import { groupsOf } from "./groups.js";
import { showPad } from "./pad.js";

/** @import { Picture } from "./vae/pictures/fitting.js" */
/** @import { VAE } from "./vae/vae.js" */
/** @import { ChosenLatent } from "./chosen.js" */
/** @import { Groups } from "./groups.js" */
/** @import { Page } from "./types.js" */
/** @import { Walk } from "./walk.js" */
/** @typedef {Awaited<ReturnType<typeof judge>>} Findings */

/**
 * @param {VAE} vae
 * @param {Page} page
 * @param {ChosenLatent} latent
 * @param {Walk} walk
 */
export function showPicture(vae, page, latent, walk) {
  /** @type {Findings | undefined} */
  let findings;
  const { usualScore } = vae.manifest;
  const unitOf = (/** @type {string} */ method) => SCORES[method].unit(vae.manifest);
  const [usualUnit, groups] = [unitOf(usualScore), groupsOf(vae.latentShape)];
  /** @type {(text: string, failed?: boolean) => void} */
  const say = (text, failed = false) => {
    $("picture-says").textContent = text;
    $("picture-says").className = failed ? "failed" : "";
  };

  /** @type {(decode: () => Picture | Promise<Picture>, name: string) => Promise<void>} */
  const look = latest(async (decode, name) => {
    try {
      findings = await judge(vae, fromBytes(fitPicture(await decode(), vae.manifest.image)));
      display(findings);
      const { score, p } = findings.scores[usualScore];
      say(`${name}: ${score.toFixed(2)} ${usualUnit}${p === null ? "" : `, p-value ${p.toPrecision(2)}`}.`);
    } catch (error) {
      $("findings").hidden = true; // they are another picture's
      say(messageOf(error), true);
    }
  });

  /** @param {Findings} findings */
  function display({ image, posterior, rebuilt, map, scores }) {
    paint($("seen"), toBytes(image), vae.imageShape);
    paint($("rebuilt"), toBytes(rebuilt), vae.imageShape);
    const [low, high] = paintMap($("map"), map.values, vae.imageShape);
    $("map-caption").textContent = `Strange: ${low.toFixed(1)} to ${high.toFixed(1)} ${map.unit}`;
    const rows = Object.entries(scores).map(([name, { score, p }]) => {
      const unit = unitOf(name);
      return [`${name}: ${SCORES[name].says}${unit === usualUnit ? "" : `, ${unit}`}`, score.toFixed(2), p?.toPrecision(2) ?? "–"];
    });
    fillTable($("scores"), rows);
    const each = [posterior.mean, ...(posterior.sigma ? [posterior.sigma] : [])];
    fillTable($("posterior"), page.sliders.map(({ latent: j }) => [groups.label(j), ...each.map((part) => groups.mean(part, j).toFixed(3))]));
    $("findings").hidden = false;
    latent.dispatchEvent(new CustomEvent("posterior", { detail: posterior }));
  }

  nameColumns(groups, vae.manifest.posterior.family !== "none");
  $("score-unit").textContent = usualUnit;
  $("calibrated").textContent = vae.manifest.calibration
    ? "the p-value is the share of normal pictures as strange"
    : "the model is not calibrated, so that there are no p-values";
  showPad(vae.manifest.image, (picture) => look(() => picture, "Your drawing"));
  /** @type {(files: FileList | undefined | null) => void} */
  const open = (files) => {
    const file = files?.[0];
    if (file) {
      look(() => decodePicture(file), file.name || "The pasted picture");
    }
  };
  $("file").addEventListener("change", () => open($("file").files));
  $("file").addEventListener("click", () => ($("file").value = "")); // the same file again is a change too
  document.addEventListener("paste", (event) => open(event.clipboardData?.files));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    open(event.dataTransfer?.files);
  });
  $("look-at-latent").addEventListener("click", async () => {
    const bytes = toBytes(await vae.decode(latent.z));
    const [, height, width] = vae.imageShape;
    const data = toRGBA(vae.manifest.image.invert ? bytes.map((byte) => 255 - byte) : bytes, vae.imageShape);
    look(() => ({ width, height, data }), "The decoded latent");
  });
  /** @type {(id: string, use: (findings: Findings) => void) => void} */
  const onClick = (id, use) => $(id).addEventListener("click", () => findings && use(findings));
  onClick("to-latents", ({ posterior }) => latent.set(posterior.mean));
  onClick("picture-to-start", ({ posterior }) => walk.setStart(posterior.mean));
  onClick("picture-to-end", ({ posterior }) => walk.setEnd(posterior.mean));
  onClick("save-findings", ({ posterior, scores }) => {
    const [mean, sigma] = [posterior.mean, posterior.sigma].map((part) => part && nested(part, vae.latentShape));
    const content = { model: vae.manifest.name, digest: vae.digest, mean, ...(sigma && { sigma }), scores };
    saveJSON(content, `${vae.manifest.name}-picture.json`);
  });
}

/**
 * What the table of the picture's latent says, of single ones or of channels.
 * @param {Groups} groups
 * @param {boolean} hasPosterior
 */
function nameColumns({ size, name, names }, hasPosterior) {
  const what = hasPosterior ? "Mean and sigma" : "The number";
  $("posterior-summary").textContent = size > 1 ? `The latent, as means over its ${names}` : `${what} of each latent`;
  $("latent-head").textContent = name[0].toUpperCase() + name.slice(1);
  $("sigma-head").hidden = !hasPosterior;
}

/**
 * Everything the page says of one image.
 * @param {VAE} vae
 * @param {Float32Array} image
 */
async function judge(vae, image) {
  const { mean, logvar } = await vae.encode(image);
  const scores = Object.entries(await vae.scores(image)).map(([method, [score]]) => [method, { score, p: vae.pValue(score, { method }) }]);
  const method = vae.maps[vae.maps.length - 1];
  return {
    image,
    posterior: { mean, sigma: logvar && logvar.map((value) => Math.exp(value / 2)) },
    rebuilt: await vae.decode(mean),
    map: { values: await vae.anomalyMap(image, { method }), unit: SCORES[method].map?.unit(vae.manifest) },
    /** @type {Record<string, { score: number, p: number | null }>} */
    scores: Object.fromEntries(scores),
  };
}

/**
 * Black at the lowest, red, and yellow at the highest; returns both.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} map
 * @param {readonly number[]} shape
 */
function paintMap(canvas, map, [, height, width]) {
  const low = map.reduce((least, value) => Math.min(least, value));
  const high = map.reduce((most, value) => Math.max(most, value));
  const bytes = new Uint8ClampedArray(3 * map.length);
  map.forEach((value, k) => {
    const share = (value - low) / (high - low || 1);
    bytes[k] = 255 * Math.min(1, 2 * share);
    bytes[map.length + k] = 255 * Math.max(0, 2 * share - 1);
  });
  paint(canvas, bytes, [3, height, width]);
  return [low, high];
}
