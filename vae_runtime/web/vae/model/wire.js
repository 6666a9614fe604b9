// @ts-check
// The fields of a protobuf message, as ONNX files are made of them.

import { IntegrityError } from "../errors.js";

const decoder = new TextDecoder();

/** A message whose fields are asked for by their numbers. */
export class Message {
  /** @param {Uint8Array} content */
  constructor(content) {
    /** @type {Map<number, (number | Uint8Array)[]>} */
    this.fields = new Map();
    for (const [number, value] of fields(content)) {
      this.fields.set(number, [...(this.fields.get(number) ?? []), value]);
    }
  }

  /**
   * The values of a field of bytes.
   * @param {number} field
   * @returns {Uint8Array[]}
   */
  bytes(field) {
    return (this.fields.get(field) ?? []).filter((value) => value instanceof Uint8Array);
  }

  /**
   * The whole numbers of a field; they lie one a field, or packed into one.
   * @param {number} field
   */
  numbers(field) {
    return (this.fields.get(field) ?? []).flatMap((value) => (typeof value === "number" ? [value] : [...varints(value)]));
  }

  /**
   * The texts of a field.
   * @param {number} field
   */
  texts(field) {
    return this.bytes(field).map((bytes) => decoder.decode(bytes));
  }

  /**
   * The first text of a field, empty where it is missing.
   * @param {number} field
   */
  text(field) {
    return this.texts(field)[0] ?? "";
  }

  /**
   * The messages of a field.
   * @param {number} field
   */
  messages(field) {
    return this.bytes(field).map((bytes) => new Message(bytes));
  }
}

/**
 * ModelProto.metadata_props (field 14) as an object: the engines have no call for it.
 * @param {Uint8Array} model
 * @returns {Record<string, string>}
 */
export function metadata(model) {
  return Object.fromEntries(new Message(model).messages(14).map((entry) => [entry.text(1), entry.text(2)]));
}

/**
 * Yields [number, value] of each field: a number for a varint, bytes for bytes, messages and fixed widths.
 * @param {Uint8Array} content
 * @returns {Generator<[number, number | Uint8Array]>}
 */
function* fields(content) {
  for (let at = 0; at < content.length; ) {
    const [key, start] = varint(content, at);
    const wire = key % 8;
    if (wire === 0) {
      const [value, end] = varint(content, start);
      yield [key >>> 3, value];
      at = end;
      continue;
    }
    const [length, begin] = wire === 2 ? varint(content, start) : [{ 1: 8, 5: 4 }[wire] ?? NaN, start];
    if (!(length >= 0 && begin + length <= content.length)) {
      throw cutOff();
    }
    yield [key >>> 3, content.subarray(begin, begin + length)];
    at = begin + length;
  }
}

/**
 * The number that begins at a place, and where it ends. Exact below 2^53; sizes, dimensions and axes are.
 * @param {Uint8Array} content
 * @param {number} at
 * @returns {[number, number]}
 */
function varint(content, at) {
  let [value, complement] = [0, 0];
  for (let power = 1; at < content.length && power < 2 ** 63; power *= 128) {
    const byte = content[at++];
    value += (byte & 127) * power;
    complement += (~byte & 127) * power;
    if (byte < 128) {
      return [value, at];
    }
  }
  if (content[at] === 1) {
    return [-1 - complement, at + 1]; // all 64 bits are there: it is negative
  }
  throw cutOff();
}

/** @param {Uint8Array} packed */
function* varints(packed) {
  for (let at = 0; at < packed.length; ) {
    const [value, end] = varint(packed, at);
    yield value;
    at = end;
  }
}

const cutOff = () => new IntegrityError("the graph is cut off or no ONNX file.");
