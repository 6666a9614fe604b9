// Small things that every part of the page needs.

export const $ = (id) => document.getElementById(id);

// Show bytes [channels * height * width] on a canvas, one pixel each; CSS makes it larger.
export function paint(canvas, bytes, shape) {
  const [, height, width] = shape;
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(toRGBA(bytes, shape), width, height), 0, 0);
}

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

// Images side by side with a pixel between them, as Python's `image_grid` lays them out.
export function paintGrid(canvas, bytes, shape, columns) {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const n = bytes.length / size;
  canvas.width = columns * (width + 1) - 1;
  canvas.height = Math.ceil(n / columns) * (height + 1) - 1;
  const context = canvas.getContext("2d");
  for (let i = 0; i < n; i++) {
    const image = new ImageData(toRGBA(bytes.subarray(i * size, (i + 1) * size), shape), width, height);
    context.putImageData(image, (i % columns) * (width + 1), Math.floor(i / columns) * (height + 1));
  }
}

// A function that runs `work` with the newest arguments alone: what comes while it is busy replaces what waits.
export function latest(work) {
  let waiting;
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

// Arrow keys as a step [right, up]; `large` with Shift. Other keys give nothing.
export function arrow(event, small, large) {
  const step = event.shiftKey ? large : small;
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (way) {
    event.preventDefault();
  }
  return way?.map((part) => part * step);
}

// A function that runs `work` once the hand rests: a screen reader cannot follow every step, nor the address bar.
export function rested(work, delay = 300) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), delay);
  };
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const saveCanvas = (canvas, name) => canvas.toBlob((blob) => save(blob, name), "image/png");

export function saveJSON(content, name) {
  const text = JSON.stringify(content, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value), 2);
  save(new Blob([text], { type: "application/json" }), name);
}

// Rows of text into a table's body; the first cell heads its row.
export function fillTable(body, rows) {
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      cells.forEach((text, i) => {
        const cell = document.createElement(i ? "td" : "th");
        if (!i) {
          cell.scope = "row";
        }
        cell.textContent = text;
        row.append(cell);
      });
      return row;
    }),
  );
}
