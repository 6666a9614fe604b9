// @ts-check
// From one latent to another, by hand or played.

import { toBytes } from "./vae/index.js";
import { latest, paint, paintGrid, saveCanvas } from "./dom.js";
import { $ } from "./elements.js";

/** @import { VAE } from "./vae/vae.js" */
/** @import { ChosenLatent } from "./chosen.js" */

/** @typedef {Record<"setStart" | "setEnd", (z: Float32Array) => void>} Walk */

const SECONDS = 3; // from end to end
const STILLS = 8; // of a strip, and of a way played where motion is not wanted

/**
 * Until both ends are set, the way leads from the plane's middle to the chosen latent.
 * @param {VAE} vae
 * @param {ChosenLatent} latent
 * @returns {Walk}
 */
export function showWalk(vae, latent) {
  const stillness = window.matchMedia("(prefers-reduced-motion: reduce)");
  /** @type {{ start: Float32Array, end: Float32Array | null }} */
  const ends = { start: Float32Array.from(latent.centre), end: null };
  /** @type {number | undefined} */
  let playing;

  $("path-field").hidden = vae.manifest.prior.family === "none"; // an arc is one of its noise
  $("no-arc").hidden = !$("path-field").hidden;
  const at = (/** @type {number} */ t) => vae.between(ends.start, ends.end ?? latent.z, t, { path: $("path").value });
  const show = latest(async () => {
    const t = $("way").valueAsNumber;
    paint($("walk-now"), toBytes(await vae.decode(await at(t))), vae.imageShape);
    $("way").setAttribute("aria-valuetext", `${Math.round(100 * t)} percent of the way`);
  });
  const showEnds = latest(async () => {
    paint($("walk-start"), toBytes(await vae.decode(ends.start)), vae.imageShape);
    paint($("walk-end"), toBytes(await vae.decode(ends.end ?? latent.z)), vae.imageShape);
    await show();
  });

  function stop() {
    clearInterval(playing);
    playing = undefined;
    $("play").setAttribute("aria-pressed", "false");
    $("play").textContent = "Play";
  }

  function play() {
    const frames = stillness.matches ? STILLS - 1 : SECONDS * 30;
    const pause = stillness.matches ? 1000 : 1000 / 30;
    let frame = $("way").valueAsNumber < 1 ? Math.floor($("way").valueAsNumber * frames) : -1;
    $("play").setAttribute("aria-pressed", "true");
    $("play").textContent = "Pause";
    playing = window.setInterval(() => {
      frame += 1;
      $("way").value = String(Math.min(frame / frames, 1));
      show();
      if (frame >= frames) {
        stop();
      }
    }, pause);
  }

  $("way").addEventListener("input", () => {
    stop();
    show();
  });
  $("path").addEventListener("change", () => show());
  $("play").addEventListener("click", () => (playing ? stop() : play()));
  $("save-strip").addEventListener("click", async () => {
    /** @type {number[]} */
    const z = [];
    for (let i = 0; i < STILLS; i++) {
      z.push(...(await at(i / (STILLS - 1))));
    }
    const strip = document.createElement("canvas");
    paintGrid(strip, toBytes(await vae.decode(Float32Array.from(z))), vae.imageShape, STILLS);
    saveCanvas(strip, `${vae.manifest.name}-way.png`);
  });
  latent.addEventListener("change", () => ends.end ?? showEnds());
  /** @type {(end: "start" | "end") => (z: Float32Array) => void} */
  const set = (end) => (z) => {
    ends[end] = z.slice();
    showEnds();
  };
  return { setStart: set("start"), setEnd: set("end") };
}
