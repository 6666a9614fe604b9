// onnxruntime-node (native) or onnxruntime-web (WebAssembly, the same file as in the page).

export async function engine(name) {
  process.env.ORT_DISABLE_TELEMETRY ??= "1"; // before it is first loaded
  if (name === "web") {
    const ort = await import("onnxruntime-web/wasm");
    ort.env.wasm.numThreads = 1;
    return ort;
  }
  return (await import("onnxruntime-node")).default;
}
