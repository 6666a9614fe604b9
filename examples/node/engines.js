// onnxruntime-node (native), onnxruntime-web (WebAssembly, the same file as in the page), or for models of dense layers
// the small engine in plain JavaScript, which needs no package at all.

export async function engine(name) {
  process.env.ORT_DISABLE_TELEMETRY ??= "1"; // before it is first loaded
  if (name === "web") {
    const ort = await import("onnxruntime-web/wasm");
    ort.env.wasm.numThreads = 1;
    return ort;
  }
  if (name === "dense") {
    return import("../../vae_runtime/web/vae/dense.js");
  }
  return (await import("onnxruntime-node")).default;
}
