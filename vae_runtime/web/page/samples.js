// @ts-check
// A sheet of samples by seed; one of them is chosen.

import { messageOf } from "./vae/errors.js";
import { InputError, toBytes } from "./vae/index.js";
import { arrow, latest, paintGrid, saveCanvas } from "./dom.js";
import { $ } from "./elements.js";

/** @import { VAE } from "./vae/vae.js" */
/** @import { ChosenLatent, Named } from "./chosen.js" */

/**
 * What was asked for: samples start .. start + count - 1 of a seed.
 * @typedef {{ seed: bigint, start: number, count: number, temperature: number, label: string | undefined }} Wish
 */

/** @typedef {Wish & { z: Float32Array, columns: number, chosen: number }} Sheet */

/**
 * Draws the sheet that the page's address names, or the first samples of seed 0.
 * @param {VAE} vae
 * @param {ChosenLatent} latent
 */
export async function showSamples(vae, latent) {
  const [, height, width] = vae.imageShape;
  /** @type {Sheet | undefined} */
  let sheet;
  $("label-field").hidden = !vae.labels.length;
  $("label").replaceChildren(new Option("any", ""), ...vae.labels.map((name) => new Option(name)));

  /** @type {() => Wish} */
  const asked = () => {
    const seed = BigInt(/^[0-9]{1,20}$/.test($("seed").value) ? $("seed").value : -1);
    const [start, count] = [Number($("start").value), Number($("count").value)];
    const whole = Number.isSafeInteger(start + count) && Number.isInteger(count);
    if (!(seed >= 0n && seed < 2n ** 64n && whole && start >= 0 && count >= 1 && count <= 100)) {
      throw new InputError("expected a seed from 0 to 18446744073709551615, samples from 0 on, and 1 to 100 of them.");
    }
    return { seed, start, count, temperature: Number($("temperature").value), label: $("label").value || undefined };
  };

  const complain = (/** @type {unknown} */ error) => {
    $("sheet-help").className = "failed";
    $("sheet-help").textContent = messageOf(error);
  };

  const draw = latest(async () => {
    try {
      const wish = asked();
      const { seed, start, count } = wish;
      const z = await vae.sampleLatents(count, wish);
      const bytes = toBytes(await vae.decode(z));
      const columns = Math.min(count, Math.max(4, Math.round(Math.sqrt((count * 3 * height) / width))));
      paintGrid($("sheet"), bytes, vae.imageShape, columns);
      $("sheet-frame").style.maxWidth = `${columns * 5.5}rem`;
      sheet = { ...wish, z, columns, chosen: 0 };
      $("sheet").setAttribute("aria-label", `Samples ${start} to ${start + count - 1} of seed ${seed}`);
      choose(sheet, 0);
    } catch (error) {
      complain(error);
    }
  });

  /**
   * @param {Sheet} sheet
   * @param {number} i
   */
  function choose(sheet, i) {
    const { z, seed, start, temperature, label } = sheet;
    sheet.chosen = i;
    $("sheet-help").className = "hint";
    markChosen(sheet, vae.imageShape);
    $("sheet-help").textContent =
      `Sample ${start + i} of seed ${seed} is chosen: click another one, or use the arrow keys. ` +
      "The same seed gives the same samples on every machine.";
    const row = z.slice(i * vae.latentSize, (i + 1) * vae.latentSize);
    latent.set(row, { seed, sample: start + i, temperature, label });
  }

  $("samples-form").addEventListener("submit", (event) => {
    event.preventDefault();
    draw();
  });
  for (const id of ["seed", "start", "count", "label", "temperature"]) {
    $(id).addEventListener("change", () => draw());
  }
  $("temperature").addEventListener("input", () => {
    $("temperature").value = $("temperature").valueAsNumber.toFixed(2); // a link may name any, the hand a round one
    $("temperature-shown").textContent = String($("temperature").valueAsNumber);
  });
  $("another").addEventListener("click", () => {
    $("seed").value = String(crypto.getRandomValues(new Uint32Array(1))[0]);
    $("start").value = "0";
    draw();
  });
  $("sheet").addEventListener("click", ({ offsetX, offsetY }) => {
    if (!sheet) {
      return;
    }
    const side = $("sheet").clientWidth / sheet.columns;
    const i = Math.floor(offsetY / ((side * (height + 1)) / (width + 1))) * sheet.columns + Math.floor(offsetX / side);
    if (i < sheet.count) {
      choose(sheet, i);
    }
  });
  $("sheet").addEventListener("keydown", (event) => {
    const step = arrow(event, 1, 1);
    const next = step && sheet ? sheet.chosen + step[0] - step[1] * sheet.columns : -1;
    if (sheet && next >= 0 && next < sheet.count) {
      choose(sheet, next);
    }
  });
  $("save-sheet").addEventListener("click", () => saveCanvas($("sheet"), `${vae.manifest.name}-${sheet?.seed}.png`));

  /** @type {() => Named & { error?: unknown }} */
  const named = () => {
    try {
      return latent.fromHash(location.hash);
    } catch (error) {
      return { error };
    }
  };
  const goTo = async () => {
    const { error, z, seed, sample, temperature, label } = named();
    if (seed !== undefined) {
      $("seed").value = String(seed);
      $("start").value = String(sample);
      $("temperature").value = $("temperature-shown").textContent = String(temperature);
      $("label").value = label ?? "";
    }
    await draw();
    if (z) {
      latent.set(z);
    } else if (error) {
      complain(error);
    }
  };
  window.addEventListener("hashchange", goTo);
  await goTo();
}

/**
 * Frame the chosen sample; the sheet itself stays as it would be saved.
 * @param {Sheet} sheet
 * @param {readonly number[]} shape
 */
function markChosen({ chosen, columns }, [, height, width]) {
  const { width: across, height: down } = $("sheet");
  /** @type {(value: number, whole: number) => string} */
  const place = (value, whole) => `${(100 * value) / whole}%`;
  Object.assign($("chosen").style, {
    left: place((chosen % columns) * (width + 1), across),
    top: place(Math.floor(chosen / columns) * (height + 1), down),
    width: place(width, across),
    height: place(height, down),
  });
}
