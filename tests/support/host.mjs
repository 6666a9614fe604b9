// Calls functions of vae_runtime/web/vae: reads lines of JSON {module, call, args}, answers each with a line {result} or
// {error}. A typed array goes as {"Float32Array": [...]}, a whole number above 2^53 as {"BigInt": "..."}.

import { createInterface } from "node:readline";

const TYPES = { Float32Array, Float64Array, Uint8Array, Uint8ClampedArray };

function receive(_, value) {
  const [[type, content]] = value && typeof value === "object" ? [...Object.entries(value), [null]] : [[null]];
  return type === "BigInt" ? BigInt(content) : TYPES[type] ? TYPES[type].from(content) : value;
}

function send(_, value) {
  const type = Object.entries(TYPES).find(([, kind]) => value instanceof kind);
  return type ? Array.from(value) : typeof value === "bigint" ? String(value) : value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { module, call, args } = JSON.parse(line, receive);
  let answer;
  try {
    const functions = await import(`../../vae_runtime/web/vae/${module}.js`);
    answer = { result: await functions[call](...args) };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  console.log(JSON.stringify(answer, send));
}
