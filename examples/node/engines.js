// @ts-check
// onnxruntime-node (native), onnxruntime-web (WebAssembly, the same file as in the page), or for models without
// convolutions the small engine in plain JavaScript, which needs no package at all.

/** @import { Engine } from "../../vae_runtime/web/vae/model/sessions.js" */

/**
 * @param {string} name node, web or dense
 * @returns {Promise<Engine>}
 */
export async function engine(name) {
  process.env.ORT_DISABLE_TELEMETRY ??= "1"; // before it is first loaded
  if (name === "web") {
    const ort = await import("onnxruntime-web/wasm");
    ort.env.wasm.numThreads = 1;
    return ort;
  }
  if (name === "dense") {
    return import("../../vae_runtime/web/vae/model/dense.js");
  }
  return (await import("onnxruntime-node")).default;
}
