// The fields of a protobuf message, as ONNX files are made of them.

import { IntegrityError } from "./errors.js";

// Yields [number, value] of each field: a number for a varint, a Uint8Array for bytes, messages and fixed widths.
export function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let power = 1; at < bytes.length && power < 2 ** 64; power *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * power; // exact below 2^53; sizes and dimensions are
      if (byte < 128) {
        return value;
      }
    }
    throw new IntegrityError("the graph is cut off or no ONNX file.");
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key % 8;
    if (wire === 0) {
      yield [key >>> 3, varint()];
      continue;
    }
    const length = { 1: 8, 2: 0, 5: 4 }[wire] || (wire === 2 ? varint() : NaN);
    if (!(at + length <= bytes.length)) {
      throw new IntegrityError("the graph is cut off or no ONNX file.");
    }
    yield [key >>> 3, bytes.subarray(at, at + length)];
    at += length;
  }
}

// The fields as { number: [values] }.
export function message(bytes) {
  const found = {};
  for (const [number, value] of fields(bytes)) {
    (found[number] ??= []).push(value);
  }
  return found;
}

const decoder = new TextDecoder();

export const text = (bytes) => decoder.decode(bytes);

// ModelProto.metadata_props (field 14) as an object: the engines have no call for it.
export function metadata(model) {
  const properties = {};
  for (const [number, value] of fields(model)) {
    if (number === 14) {
      const entry = message(value);
      properties[text(entry[1][0])] = text(entry[2]?.[0] ?? new Uint8Array());
    }
  }
  return properties;
}
