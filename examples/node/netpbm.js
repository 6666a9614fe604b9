// @ts-check
// Pictures without a library: binary PGM (P5) and PPM (P6), 8 bits. `convert in.png out.pgm` makes them.

const HEADER = /^P([56])\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*255\s/;

/**
 * Returns { width, height, data } with RGBA bytes, as `fitPicture` takes them.
 * @param {Buffer} content
 */
export function readNetpbm(content) {
  const header = HEADER.exec(content.subarray(0, 1000).toString("latin1"));
  if (!header) {
    throw new Error("expected a binary PGM or PPM with 8 bits a channel.");
  }
  const [width, height, channels] = [Number(header[2]), Number(header[3]), header[1] === "5" ? 1 : 3];
  const pixels = content.subarray(header[0].length);
  if (pixels.length < width * height * channels) {
    throw new Error("the picture is cut off.");
  }
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      data[4 * i + c] = pixels[i * channels + (channels === 1 ? 0 : c)];
    }
  }
  return { width, height, data };
}

/**
 * @param {Uint8Array | Uint8ClampedArray} bytes [channels * height * width], as of `toBytes`
 * @param {readonly number[]} shape
 */
export function writeNetpbm(bytes, [channels, height, width]) {
  const pixels = Buffer.alloc(bytes.length);
  const size = height * width;
  bytes.forEach((byte, k) => (pixels[(k % size) * channels + Math.floor(k / size)] = byte));
  return Buffer.concat([Buffer.from(`P${channels === 1 ? 5 : 6}\n${width} ${height}\n255\n`), pixels]);
}
