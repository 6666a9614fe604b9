// @ts-check
// The plane of latents: encoded pictures as points, the latent in its place, live decoding under the pointer.

import { arrow, contextOf } from "./dom.js";
import { $ } from "./elements.js";

/** @import { ChosenLatent } from "./chosen.js" */
/** @import { Page } from "./types.js" */

/** @typedef {{ mean: Float32Array, sigma: Float32Array | null }} Spread where a picture's latent lies */

// Okabe and Ito's colours, told apart by most eyes. Short labels are written where they lie, long ones in a legend.
const COLOURS = ["#3a8fd0", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#8f74d8", "#8c8c8c", "#dd5555", "#33aa88"];

/**
 * Returns { draw }, which draws again.
 * @param {Page} page
 * @param {ChosenLatent} latent
 * @param {(z: Float32Array) => void} show decode and show
 */
export function showPlane({ plane: { limit, points, labels, names }, ...page }, latent, show) {
  const canvas = $("plane");
  /** @type {Spread | undefined} */
  let posterior;
  $("plane-help").textContent =
    `${page.plane_says} Point to decode, click to stay; the arrow keys move, with Shift further, Home goes to the middle.`;

  /** @type {(place: readonly number[], side: number) => [x: number, y: number]} */
  const toScreen = ([right, up], side) => [(0.5 + right / (2 * limit)) * side, (0.5 - up / (2 * limit)) * side];
  /** @type {(event: PointerEvent) => [right: number, up: number]} */
  const toPlane = ({ offsetX, offsetY }) => {
    const side = canvas.clientWidth;
    return [(offsetX / side - 0.5) * 2 * limit, (0.5 - offsetY / side) * 2 * limit];
  };

  function draw() {
    const side = canvas.clientWidth;
    if (!side) {
      return;
    }
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(side * ratio);
    const context = contextOf(canvas);
    context.scale(ratio, ratio);
    const style = getComputedStyle(canvas);
    drawPoints(context, side);
    context.strokeStyle = style.color;
    context.lineWidth = 2;
    if (posterior?.sigma) {
      drawEllipse(context, side, posterior.mean, posterior.sigma);
    }
    const [x, y] = toScreen(latent.project(latent.z), side);
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.moveTo(x - 12, y);
    context.lineTo(x + 12, y);
    context.moveTo(x, y - 12);
    context.lineTo(x, y + 12);
    context.stroke();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} side
   */
  function drawPoints(context, side) {
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    const written = names.every((name) => name.length <= 2);
    if (!written) {
      names.forEach((name, label) => {
        context.fillStyle = COLOURS[label % COLOURS.length];
        context.fillText(`■ ${name}`, 8, 12 + 14 * label);
      });
    }
    context.textAlign = "center";
    points.forEach((point, i) => {
      const [x, y] = toScreen(point, side);
      const label = labels[i] ?? 0;
      context.fillStyle = COLOURS[label % COLOURS.length];
      if (names.length && written) {
        context.fillText(names[label], x, y);
      } else {
        context.fillRect(x - 1.5, y - 1.5, 3, 3);
      }
    });
  }

  /**
   * Two sigmas around the mean, seen on the plane.
   * @param {CanvasRenderingContext2D} context
   * @param {number} side
   * @param {Float32Array} mean
   * @param {Float32Array} sigma
   */
  function drawEllipse(context, side, mean, sigma) {
    const [u, v] = latent.axes;
    /** @type {(a: readonly number[], b: readonly number[]) => number} */
    const spread = (a, b) => sigma.reduce((sum, s, j) => sum + a[j] * b[j] * s * s, 0);
    const first = Math.sqrt(spread(u, u)); // Cholesky of the 2 x 2 covariance
    const shared = spread(u, v) / first;
    const second = Math.sqrt(Math.max(spread(v, v) - shared ** 2, 0));
    const [right, up] = latent.project(mean);
    context.beginPath();
    for (let step = 0; step <= 64; step++) {
      const [c, s] = [2 * Math.cos((step * Math.PI) / 32), 2 * Math.sin((step * Math.PI) / 32)];
      context.lineTo(...toScreen([right + first * c, up + shared * c + second * s], side));
    }
    context.setLineDash([4, 3]);
    context.stroke();
    context.setLineDash([]);
  }

  canvas.addEventListener("pointermove", (event) => {
    const z = latent.movedTo(toPlane(event));
    if (event.buttons) {
      latent.set(z);
    } else {
      show(z);
    }
  });
  canvas.addEventListener("pointerleave", () => show(latent.z));
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    latent.set(latent.movedTo(toPlane(event)));
  });
  canvas.addEventListener("keydown", (event) => {
    const step = arrow(event, limit / 60, limit / 12);
    if (step) {
      const here = latent.project(latent.z);
      latent.set(latent.movedTo(here.map((value, k) => Math.min(Math.max(value + step[k], -limit), limit))));
    } else if (event.key === "Home") {
      event.preventDefault();
      latent.set(latent.movedTo([0, 0]));
    }
  });
  new ResizeObserver(draw).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  latent.addEventListener("posterior", (event) => {
    posterior = /** @type {CustomEvent<Spread>} */ (event).detail;
    draw();
  });
  return { draw };
}
