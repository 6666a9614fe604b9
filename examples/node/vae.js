// @ts-check
// A VAE in Node. Each verb prints one line of JSON, or writes pictures:
//
//   node vae.js verify MODEL
//   node vae.js sample MODEL --n 4 --seed 0 --out sample      (sample-0.pgm ... and their latents)
//   node vae.js encode MODEL picture.pgm ...
//   node vae.js score  MODEL picture.pgm ... [--method reconstruction]
//
// --engine web runs WebAssembly in the place of the native engine, --engine dense plain JavaScript (no convolutions);
// --precision int8 the quantised graphs.

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";

import { VAE, VAEError, fitPicture, fromBytes, nested, toBytes, verify } from "../../vae_runtime/web/vae/index.js";
import { engine } from "./engines.js";
import { readNetpbm, writeNetpbm } from "./netpbm.js";

/** @typedef {Record<"n" | "seed" | "start" | "out", string> & { label?: string, method?: string }} Options */

/** @type {Record<string, (vae: VAE, paths: string[], options: Options) => Promise<object[]>>} */
const verbs = {
  async verify(vae) {
    const report = await verify(vae);
    process.exitCode = report.passed ? 0 : 4;
    return [report];
  },

  async sample(vae, _, { n, seed, start, label, out }) {
    const options = { seed: BigInt(seed), start: BigInt(start), label };
    const z = await vae.sampleLatents(Number(n), options);
    const bytes = toBytes(await vae.decode(z));
    for (let i = 0; out && i < Number(n); i++) {
      const one = bytes.subarray(i * vae.imageSize, (i + 1) * vae.imageSize);
      await writeFile(`${out}-${i}.${vae.imageShape[0] === 1 ? "pgm" : "ppm"}`, writeNetpbm(one, vae.imageShape));
    }
    return latents(vae, z).map((latent, i) => ({ sample: String(BigInt.asUintN(64, BigInt(start) + BigInt(i))), z: latent }));
  },

  async encode(vae, paths) {
    const { mean, logvar } = await vae.encode(await read(vae, paths));
    const [means, logvars] = [latents(vae, mean), logvar && latents(vae, logvar)];
    return paths.map((name, i) => ({ path: name, mean: means[i], ...(logvars && { logvar: logvars[i] }) }));
  },

  async score(vae, paths, { method }) {
    const scores = await vae.score(await read(vae, paths), { method });
    return paths.map((name, i) => ({ path: name, score: scores[i], p_value: vae.pValue(scores[i], { method }) }));
  },
};

/**
 * Pictures as images of the model, one after the other.
 * @param {VAE} vae
 * @param {string[]} paths
 */
async function read(vae, paths) {
  const images = new Float32Array(paths.length * vae.imageSize);
  for (const [i, name] of paths.entries()) {
    const picture = readNetpbm(await readFile(name));
    images.set(fromBytes(fitPicture(picture, vae.manifest.image)), i * vae.imageSize);
  }
  return images;
}

/** A list for each latent, of its shape. @type {(vae: VAE, flat: Float32Array) => any[]} */
const latents = (vae, flat) => nested(flat, [flat.length / vae.latentSize, ...vae.latentShape]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: "string", default: "node" },
    precision: { type: "string", default: "float32" },
    n: { type: "string", default: "1" },
    seed: { type: "string", default: "0" },
    start: { type: "string", default: "0" },
    label: { type: "string" },
    out: { type: "string", default: "" },
    method: { type: "string" },
  },
});
const [verb, model, ...paths] = positionals;
if (!verbs[verb] || !model) {
  console.error(`usage: node vae.js ${Object.keys(verbs).join("|")} MODEL [PICTURE.pgm ...]`);
  process.exit(2);
}
try {
  const file = async (/** @type {string} */ name) => new Uint8Array(await readFile(path.join(model, name)));
  const vae = await VAE.load(await engine(values.engine), file, { precision: values.precision });
  for (const line of await verbs[verb](vae, paths, values)) {
    console.log(JSON.stringify(line));
  }
} catch (error) {
  console.error(`vae: error: ${error instanceof Error ? error.message : error}`);
  process.exitCode = error instanceof VAEError ? 4 : 2;
}
