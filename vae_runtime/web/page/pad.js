// @ts-check
// A pad to draw on, by pointer or by keys; what is drawn is a picture like any other.

import { arrow, contextOf } from "./dom.js";
import { $ } from "./elements.js";

/** @import { ImageSpec, Picture } from "./vae/pictures/fitting.js" */

const SIDE = 280; // pixels of the longer side, more or less

/**
 * @param {ImageSpec} spec
 * @param {(picture: Picture) => void} drawn called after every stroke
 */
export function showPad({ shape: [, height, width], invert }, drawn) {
  const canvas = $("drawing");
  const scale = Math.max(1, Math.floor(SIDE / Math.max(height, width)));
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = contextOf(canvas, { willReadFrequently: true });
  const [ground, ink] = invert ? ["#fff", "#000"] : ["#000", "#fff"];
  /** @type {{ at: [right: number, down: number], down: boolean }} */
  let pen = { at: [canvas.width / 2, canvas.height / 2], down: false };

  function clear() {
    context.fillStyle = ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }

  /**
   * A stroke two model pixels and a half wide, as MNIST's are.
   * @param {[right: number, down: number]} at
   */
  function lineTo(at) {
    context.strokeStyle = ink;
    context.lineWidth = 2.5 * scale;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...pen.at);
    context.lineTo(...at);
    context.stroke();
    pen.at = at;
  }

  const finish = () => drawn(context.getImageData(0, 0, canvas.width, canvas.height));
  /** @type {(event: PointerEvent) => [right: number, down: number]} */
  const place = ({ offsetX, offsetY }) => {
    const scaling = canvas.width / canvas.clientWidth;
    return [offsetX * scaling, offsetY * scaling];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) {
      return; // a menu, not a stroke
    }
    canvas.setPointerCapture(event.pointerId);
    pen = { at: place(event), down: true };
    lineTo(pen.at);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons && pen.down) {
      lineTo(place(event));
    }
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    canvas.addEventListener(end, () => {
      if (pen.down) {
        pen.down = false;
        finish();
      }
    });
  }

  function showPen() {
    $("pen").style.left = `${(100 * pen.at[0]) / canvas.width}%`;
    $("pen").style.top = `${(100 * pen.at[1]) / canvas.height}%`;
    $("pen").classList.toggle("down", pen.down);
  }
  canvas.addEventListener("keydown", (event) => {
    const step = arrow(event, scale, 4 * scale);
    if (step) {
      /** @type {(value: number, most: number) => number} */
      const clamp = (value, most) => Math.min(Math.max(value, 0), most);
      /** @type {[right: number, down: number]} */
      const at = [clamp(pen.at[0] + step[0], canvas.width), clamp(pen.at[1] - step[1], canvas.height)];
      if (pen.down) {
        lineTo(at);
      }
      pen.at = at;
    } else if (event.key === " ") {
      event.preventDefault();
      pen.down = !pen.down;
      if (pen.down) {
        lineTo(pen.at);
      } else {
        finish();
      }
    }
    $("pen").hidden = false;
    showPen();
  });
  canvas.addEventListener("blur", () => ($("pen").hidden = true));
  $("clear").addEventListener("click", clear);
  clear();
}
