// A picture of the user's: opened, dropped, pasted or drawn; encoded, rebuilt, scored.

import { fromBytes, toBytes, fitPicture } from "./vae/index.js";
import { decodePicture } from "./decoding.js";
import { $, fillTable, latest, paint, saveJSON, toRGBA } from "./dom.js";
import { showPad } from "./pad.js";

const WHAT = {
  elbo: "elbo: all of it",
  reconstruction: "reconstruction: what was not rebuilt",
  kl: "kl: how far the latent is from the others",
  complexity: "complexity: elbo less what any picture so complex takes",
  faults: "faults: the likeliest fault, log-odds",
};

export function showPicture(vae, page, latent, walk) {
  let found;
  const unit = vae.manifest.scores.includes("faults") ? "log-odds of a fault" : "nats a pixel";
  const say = (text, failed = false) => {
    $("picture-says").textContent = text;
    $("picture-says").className = failed ? "failed" : "";
  };

  // decode: gives { width, height, data } as of a canvas, or a promise of it.
  const look = latest(async (decode, name) => {
    try {
      found = await findings(vae, fromBytes(fitPicture(await decode(), vae.manifest.image)));
      display(found);
      const sure = found.scores.elbo.p === null ? "" : `, p-value ${found.scores.elbo.p.toPrecision(2)}`;
      say(`${name}: ${found.scores.elbo.nats.toFixed(2)} nats${sure}.`);
    } catch (error) {
      $("findings").hidden = true; // they are another picture's
      say(error.message, true);
    }
  });

  function display({ image, posterior, rebuilt, map, scores }) {
    paint($("seen"), toBytes(image), vae.imageShape);
    paint($("rebuilt"), toBytes(rebuilt), vae.imageShape);
    const [low, high] = paintMap($("map"), map, vae.imageShape);
    $("map-caption").textContent = `Strange: ${low.toFixed(1)} to ${high.toFixed(1)} ${unit}`;
    const rows = Object.entries(scores);
    fillTable($("scores"), rows.map(([name, { nats, p }]) => [WHAT[name], nats.toFixed(2), p?.toPrecision(2) ?? "–"]));
    const { mean, sigma } = posterior;
    fillTable($("posterior"), page.sliders.map(({ latent: j }) => [`z ${j}`, mean[j].toFixed(3), sigma[j].toFixed(3)]));
    $("findings").hidden = false;
    latent.dispatchEvent(new CustomEvent("posterior", { detail: posterior }));
  }

  $("calibrated").textContent = vae.manifest.calibration
    ? "the p-value is the share of normal pictures as strange"
    : "the model is not calibrated, so that there are no p-values";
  showPad(vae.manifest.image, (picture) => look(() => picture, "Your drawing"));
  const open = (file) => file && look(() => decodePicture(file), file.name || "The pasted picture");
  $("file").addEventListener("change", () => open($("file").files[0]));
  $("file").addEventListener("click", () => ($("file").value = "")); // the same file again is a change too
  document.addEventListener("paste", (event) => open(event.clipboardData.files[0]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    open(event.dataTransfer.files[0]);
  });
  $("look-at-latent").addEventListener("click", async () => {
    const bytes = toBytes(await vae.decode(latent.z));
    const [, height, width] = vae.imageShape;
    const data = toRGBA(vae.manifest.image.invert ? bytes.map((byte) => 255 - byte) : bytes, vae.imageShape);
    look(() => ({ width, height, data }), "The decoded latent");
  });
  $("to-latents").addEventListener("click", () => latent.set(found.posterior.mean));
  $("picture-to-start").addEventListener("click", () => walk.setStart(found.posterior.mean));
  $("picture-to-end").addEventListener("click", () => walk.setEnd(found.posterior.mean));
  $("save-findings").addEventListener("click", () => {
    const { posterior, scores } = found;
    saveJSON({ model: vae.manifest.name, digest: vae.digest, ...posterior, scores }, `${vae.manifest.name}-picture.json`);
  });
}

// Everything the page says of one image: Float32Array [imageSize].
async function findings(vae, image) {
  const { mean, logvar } = await vae.encode(image);
  const scores = {};
  for (const method of vae.manifest.scores) {
    const [nats] = await vae.score(image, { method });
    scores[method] = { nats, p: vae.pValue(nats, { method }) };
  }
  const method = vae.manifest.scores.includes("faults") ? "faults" : "reconstruction";
  return {
    image,
    posterior: { mean, sigma: logvar.map((value) => Math.exp(value / 2)) },
    rebuilt: await vae.decode(mean),
    map: await vae.anomalyMap(image, { method }),
    scores,
  };
}

// Black at the lowest, red, and yellow at the highest; returns both.
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
