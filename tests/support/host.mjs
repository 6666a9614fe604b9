// @ts-check
// Calls functions of vae_runtime/web/vae: reads lines of JSON {module: "maths/noise", call, args}, answers each with a line
// {result} or {error}. A typed array goes as {"Float32Array": [...]}, a whole number above 2^53 as {"BigInt": "..."}, an
// object of a class as {"new": [module, class, ...arguments]}.

import { createInterface } from "node:readline";

/** @type {Record<string, { from(content: any): ArrayLike<number> }>} */
const TYPES = { Float32Array, Float64Array, Uint8Array, Uint8ClampedArray };

/** @type {(key: string, value: any) => any} */
function receive(_, value) {
  const [type, content] = Object.entries(value && typeof value === "object" ? value : {})[0] ?? ["", null];
  return type === "BigInt" ? BigInt(content) : TYPES[type] ? TYPES[type].from(content) : value;
}

/** @type {(key: string, value: any) => any} */
function send(_, value) {
  return ArrayBuffer.isView(value) ? Array.from(/** @type {Float32Array} */ (value)) : typeof value === "bigint" ? String(value) : value;
}

/** @type {(module: string) => Promise<any>} */
const load = (module) => import(`../../vae_runtime/web/vae/${module}.js`);

/** @type {(arg: any) => Promise<any>} */
async function made(arg) {
  if (!Array.isArray(arg?.new)) {
    return arg;
  }
  const [module, name, ...args] = arg.new;
  return new (await load(module))[name](...args);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { module, call, args } = JSON.parse(line, receive);
  let answer;
  try {
    answer = { result: await (await load(module))[call](...(await Promise.all(args.map(made)))) };
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer, send));
}
