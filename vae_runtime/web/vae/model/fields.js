// @ts-check
// Checks of what lies in a manifest: each takes a value and tells whether it is as expected.

import { ManifestError } from "../errors.js";

/**
 * place: where the value lies, for the sentence of an object that is wrong.
 * @typedef {((value: any, place?: string) => boolean) & { optional?: boolean }} Check
 */

/** @type {(from: number, below?: number) => Check} */
export const whole = (from, below = 2 ** 31) => (value) => Number.isInteger(value) && value >= from && value < below;

/** @type {Check} */
export const positive = (value) => Number.isFinite(value) && value > 0;

/** @type {Check} */
export const bool = (value) => typeof value === "boolean";

/** @type {Check} */
export const string = (value) => typeof value === "string";

/** @type {(pattern: RegExp) => Check} */
export const like = (pattern) => (value) => string(value) && pattern.test(value);

/** @type {(...choices: unknown[]) => Check} */
export const among = (...choices) => (value) => choices.includes(value);

/** @type {(check: Check, least: number, most: number) => Check} */
export const list = (check, least, most) => (value) =>
  Array.isArray(value) && value.length >= least && value.length <= most && value.every((item) => check(item));

/** @type {Check} */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @type {(pattern: RegExp, check: Check) => Check} */
export const entries = (pattern, check) => (value) =>
  isObject(value) && Object.entries(value).every(([name, item]) => pattern.test(name) && check(item));

/** @type {(check: Check) => Check} */
export const optional = (check) => Object.assign((/** @type {any} */ value, place = "") => check(value, place), { optional: true });

/**
 * Exactly these keys, each with its check; what is wrong first is thrown by its place.
 * @param {Record<string, Check>} checks
 * @returns {Check}
 */
export function object(checks) {
  return (value, place = "") => {
    const keys = isObject(value) ? Object.keys(value) : [];
    const unknown = keys.find((key) => !Object.hasOwn(checks, key));
    if (!isObject(value) || unknown !== undefined) {
      throw new ManifestError(`the manifest's ${place || "text"} is no object, or has an unknown key ${unknown ?? ""}.`);
    }
    for (const [key, check] of Object.entries(checks)) {
      const missing = !Object.hasOwn(value, key);
      if (missing ? !check.optional : !check(value[key], `${place}${key}.`)) {
        const given = missing ? "missing" : (JSON.stringify(value[key]) ?? "").slice(0, 80);
        throw new ManifestError(`the manifest's ${place}${key} is ${given}; see docs/FORMAT.md for what is expected.`);
      }
    }
    return true;
  };
}
