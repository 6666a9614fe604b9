// @ts-check
// The elements of index.html by their ids, each of its kind.

/** @typedef {"sheet" | "plane" | "decoded" | "channels" | "drawing" | "seen" | "rebuilt" | "map" | "walk-start" | "walk-now" | "walk-end"} CanvasId */
/** @typedef {"seed" | "start" | "count" | "temperature" | "file" | "way"} InputId */
/** @typedef {"label" | "path"} SelectId */
/** @typedef {"progress"} ProgressId */

/**
 * @template {string} Id
 * @typedef {Id extends CanvasId ? HTMLCanvasElement : Id extends InputId ? HTMLInputElement : Id extends SelectId ? HTMLSelectElement : Id extends ProgressId ? HTMLProgressElement : HTMLElement} Named
 */

/**
 * @template {string} Id
 * @param {Id} id
 */
export const $ = (id) => /** @type {Named<Id>} */ (document.getElementById(id));
