// onnxruntime-web, as `vae web` copied it from its package.

export * as ort from "./engine/ort.wasm.bundle.min.mjs";
