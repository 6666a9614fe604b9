// @ts-check
// What page.json says, as `vae_runtime/web/bundle.py` writes it: types alone.

/**
 * Where encoded pictures lie: two axes through a centre of the latents.
 * @typedef {object} Plane
 * @property {number[]} centre
 * @property {number[][]} axes
 * @property {number} limit how far it is shown to each side
 * @property {[right: number, up: number][]} points
 * @property {string[]} names of the points' labels, empty where they have none
 * @property {number[]} labels of the points, as places in names
 */

/**
 * A slider for a latent, or for the mean of a channel of latents that lie in places: the nats that it says of a picture,
 * where there is a posterior to say some, how far pictures differ in it, and its ends.
 * @typedef {{ latent: number, kl: number | null, spread: number, low: number, high: number }} SliderSpec
 */

/**
 * @typedef {object} Page
 * @property {string} model the folder of its files
 * @property {string} precision
 * @property {string} digest
 * @property {string[]} first graphs that samples need
 * @property {number} first_bytes
 * @property {string} plane_says
 * @property {Plane} plane
 * @property {SliderSpec[]} sliders the one that says most first
 * @property {{ version: string | null, module: string, wasm: { file: string, bytes: number, sha256: string } }} engine
 */

export {};
