// Where the page's parts come from: its own folder, each file checked before it is used.

import { IntegrityError, VAE } from "./vae/index.js";
import { readFile } from "./vae/integrity.js";

// Returns { vae, page }: the open model and page.json. progress(bytes, all) is told how much there is.
export async function load(progress) {
  const page = JSON.parse(new TextDecoder().decode(await get("page.json")));
  const all = page.engine.bytes + page.model_bytes;
  let done = 0;
  const read = (name) => get(name, (bytes) => progress((done += bytes), all));
  const { precision, digest } = page;
  const vae = await VAE.load(engine(read, page.engine), (name) => read(`model/${name}`), { precision, digest });
  return { vae, page };
}

// onnxruntime-web, its WebAssembly checked.
async function engine(read, file) {
  const [wasm, { ort }] = await Promise.all([readFile(read, file), import("./engine.js")]);
  ort.env.wasm.wasmBinary = wasm.buffer;
  ort.env.wasm.numThreads = 1; // more need headers that static hosts do not send
  return ort;
}

// The bytes of a file beside this page.
async function get(name, tell = () => {}) {
  const response = await fetch(new URL(name, import.meta.url)).catch(() => null);
  if (!response?.ok) {
    const answer = response ? `the server answered ${response.status}` : "the server does not answer";
    throw new IntegrityError(`${name} did not come: ${answer}. Copy the whole folder to the server.`);
  }
  const parts = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) {
      return new Uint8Array(await new Blob(parts).arrayBuffer());
    }
    parts.push(value);
    tell(value.length);
  }
}
