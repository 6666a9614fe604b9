// @ts-check
// The parts of a page that is one file: all of them lie in it, and the small engine runs the graphs.

import * as dense from "./vae/model/dense.js";
import { VAE } from "./vae/index.js";

/** @import { Read } from "./vae/model/integrity.js" */
/** @import { Page } from "./types.js" */
/** @typedef {{ page: Page, files: Record<string, string> }} Embedded files: by name, in base 64 */

/**
 * The open model and what page.json would say, as the page of a folder gives them.
 * @param {(bytes: number, all: number) => void} progress
 */
export async function load(progress) {
  /** @type {Embedded} */
  const { page, files } = JSON.parse(document.getElementById("embedded")?.textContent ?? "");
  progress(page.first_bytes, page.first_bytes);
  /** @type {Read} */
  const read = async (name) => Uint8Array.from(atob(files[name]), (character) => character.charCodeAt(0));
  const { precision, digest } = page;
  return { vae: await VAE.load(dense, read, { precision, digest }), page };
}
