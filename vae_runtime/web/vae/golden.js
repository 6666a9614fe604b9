// golden.npz: a zip of uncompressed .npy arrays (docs/FORMAT.md, section 7).

import { IntegrityError } from "./errors.js";

const TYPES = { "<f4": Float32Array, "<f8": Float64Array, "<i8": BigInt64Array };

// The arrays by name, flat.
export function readGolden(content) {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const arrays = {};
  const end = content.length - 22; // the end of the central directory; the format has no comment
  check(end >= 0 && view.getUint32(end, true) === 0x06054b50);
  let entry = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    check(entry + 46 <= end && view.getUint32(entry, true) === 0x02014b50 && view.getUint16(entry + 10, true) === 0);
    const [size, nameLength] = [view.getUint32(entry + 24, true), view.getUint16(entry + 28, true)];
    const local = view.getUint32(entry + 42, true);
    const name = ascii(content.subarray(entry + 46, entry + 46 + nameLength));
    const data = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    arrays[name.replace(/\.npy$/, "")] = readArray(content.slice(data, data + size));
    entry += 46 + nameLength + view.getUint16(entry + 30, true) + view.getUint16(entry + 32, true);
  }
  return arrays;
}

function readArray(content) {
  check(ascii(content.subarray(1, 6)) === "NUMPY" && content[6] === 1);
  const start = 10 + content[8] + 256 * content[9];
  const type = TYPES[/'descr': '(...)', 'fortran_order': False/.exec(ascii(content.subarray(10, start)))?.[1]];
  check(type);
  return new type(content.slice(start).buffer);
}

const ascii = (bytes) => String.fromCharCode(...bytes);

function check(holds) {
  if (!holds) {
    throw new IntegrityError("golden.npz does not hold the golden vectors of the format.");
  }
}
