// @ts-check
// Small things that every part of the page needs.

/** @typedef {Uint8Array | Uint8ClampedArray} Bytes */

/**
 * Show bytes [channels * height * width] on a canvas, one pixel each; CSS makes it larger.
 * @param {HTMLCanvasElement} canvas
 * @param {Bytes} bytes
 * @param {readonly number[]} shape
 */
export function paint(canvas, bytes, shape) {
  const [, height, width] = shape;
  canvas.width = width;
  canvas.height = height;
  contextOf(canvas).putImageData(new ImageData(toRGBA(bytes, shape), width, height), 0, 0);
}

/**
 * The drawing context of a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [options]
 */
export function contextOf(canvas, options) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", options));
}

/**
 * @param {Bytes} bytes
 * @param {readonly number[]} shape
 */
export function toRGBA(bytes, [channels, height, width]) {
  const size = height * width;
  const pixels = new Uint8ClampedArray(4 * size).fill(255);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) {
      pixels[4 * i + c] = bytes[i + (channels === 3 ? c * size : 0)];
    }
  }
  return pixels;
}

/**
 * Images side by side with a pixel between them, as Python's `image_grid` lays them out.
 * @param {HTMLCanvasElement} canvas
 * @param {Bytes} bytes
 * @param {readonly number[]} shape
 * @param {number} columns
 */
export function paintGrid(canvas, bytes, shape, columns) {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const n = bytes.length / size;
  canvas.width = columns * (width + 1) - 1;
  canvas.height = Math.ceil(n / columns) * (height + 1) - 1;
  const context = contextOf(canvas);
  for (let i = 0; i < n; i++) {
    const image = new ImageData(toRGBA(bytes.subarray(i * size, (i + 1) * size), shape), width, height);
    context.putImageData(image, (i % columns) * (width + 1), Math.floor(i / columns) * (height + 1));
  }
}

/**
 * A function that runs `work` with the newest arguments alone: what comes while it is busy replaces what waits.
 * @template {unknown[]} Arguments
 * @param {(...args: Arguments) => Promise<void>} work
 * @returns {(...args: Arguments) => Promise<void>}
 */
export function latest(work) {
  /** @type {Arguments | undefined} */
  let waiting;
  /** @type {Promise<void> | undefined} */
  let busy;
  return (...args) => {
    waiting = args;
    busy ??= (async () => {
      try {
        while (waiting) {
          const now = waiting;
          waiting = undefined;
          await work(...now);
        }
      } finally {
        busy = undefined;
      }
    })();
    return busy;
  };
}

/**
 * Arrow keys as a step [right, up]. Other keys give nothing.
 * @param {KeyboardEvent} event
 * @param {number} small
 * @param {number} large with Shift
 */
export function arrow(event, small, large) {
  const step = event.shiftKey ? large : small;
  const way = ARROWS[event.key];
  if (way) {
    event.preventDefault();
  }
  return way?.map((part) => part * step);
}

/** @type {Record<string, [right: number, up: number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * A function that runs `work` once the hand rests: a screen reader cannot follow every step, nor the address bar.
 * @template {unknown[]} Arguments
 * @param {(...args: Arguments) => void} work
 * @param {number} delay milliseconds
 * @returns {(...args: Arguments) => void}
 */
export function rested(work, delay = 300) {
  /** @type {number | undefined} */
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => work(...args), delay);
  };
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @type {(canvas: HTMLCanvasElement, name: string) => void} */
export const saveCanvas = (canvas, name) => canvas.toBlob((blob) => blob && save(blob, name), "image/png");

/**
 * @param {object} content
 * @param {string} name
 */
export function saveJSON(content, name) {
  const text = JSON.stringify(content, (_, value) => (value instanceof Float32Array ? Array.from(value) : value), 2);
  save(new Blob([text], { type: "application/json" }), name);
}

/**
 * Rows of text into a table's body; the first cell heads its row.
 * @param {HTMLElement} body
 * @param {string[][]} rows
 */
export function fillTable(body, rows) {
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      cells.forEach((text, i) => {
        const cell = i ? document.createElement("td") : Object.assign(document.createElement("th"), { scope: "row" });
        cell.textContent = text;
        row.append(cell);
      });
      return row;
    }),
  );
}
