// The parts of a page that is one file: all of them lie in it, and the small engine runs the graphs.

import * as dense from "./vae/dense.js";
import { VAE } from "./vae/index.js";

// Returns { vae, page }, as the page of a folder does.
export async function load(progress) {
  const { page, files } = JSON.parse(document.getElementById("embedded").textContent);
  progress(page.first_bytes, page.first_bytes);
  const read = async (name) => Uint8Array.from(atob(files[name]), (character) => character.charCodeAt(0));
  const { precision, digest } = page;
  return { vae: await VAE.load(dense, read, { precision, digest }), page };
}
