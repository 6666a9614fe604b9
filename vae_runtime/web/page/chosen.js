// @ts-check
// The latent that is chosen, which all parts of the page look at, and the plane that it is drawn in.

import { InputError } from "./vae/index.js";

/** @import { VAE } from "./vae/vae.js" */
/** @import { Plane } from "./types.js" */

/**
 * The sample that a latent is of, where it is one.
 * @typedef {{ seed?: bigint | string, sample?: number | string, temperature?: number, label?: string }} Origin
 */

/** @typedef {Origin & { z?: Float32Array }} Named a latent, or a sample, that an address names */

/** @type {(a: readonly number[], b: readonly number[]) => number} */
const dot = (a, b) => a.reduce((sum, value, j) => sum + value * b[j], 0);

const MOST_IN_ADDRESS = 1000; // numbers; browsers cut longer addresses

/** Dispatches "change" when z is another one. */
export class ChosenLatent extends EventTarget {
  /**
   * @param {VAE} vae
   * @param {Plane} plane
   */
  constructor(vae, { centre, axes }) {
    super();
    this.vae = vae;
    this.centre = centre;
    this.axes = axes;
    /** @type {Float32Array} [latentSize] */
    this.z = Float32Array.from(centre);
    /** @type {Origin} */
    this.origin = {};
  }

  /**
   * @param {Float32Array} z
   * @param {Origin} origin
   */
  set(z, origin = {}) {
    this.z = z;
    this.origin = origin;
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Where z lies on the plane: [right, up].
   * @param {Float32Array} z
   */
  project(z) {
    const away = Array.from(z, (value, j) => value - this.centre[j]);
    return this.axes.map((axis) => dot(away, axis));
  }

  /**
   * z moved to a place of the plane; what it has beside the plane stays.
   * @param {readonly number[]} place
   */
  movedTo(place) {
    const here = this.project(this.z);
    return this.z.map((value, j) => value + this.axes.reduce((sum, axis, k) => sum + (place[k] - here[k]) * axis[j], 0));
  }

  /** Whether an address can name it: a sample always, a latent of one's own unless it has too many numbers. */
  get hasAddress() {
    return this.origin.seed !== undefined || this.z.length <= MOST_IN_ADDRESS;
  }

  /** The part of the page's address behind "#": the sample's name, or z itself to the last bit. */
  toHash() {
    const { seed, sample, label, temperature } = this.origin;
    if (seed === undefined) {
      return `z=${Array.from(this.z, (value) => Number(value.toPrecision(9))).join(",")}`;
    }
    const names = Object.entries({ seed, sample, temperature, label }).filter(([, value]) => value !== undefined);
    return new URLSearchParams(names.map(([name, value]) => [name, String(value)])).toString();
  }

  /**
   * The latent that an address names; nothing where it names none.
   * @param {string} hash
   * @returns {Named}
   */
  fromHash(hash) {
    const names = new URLSearchParams(hash.replace(/^#/, ""));
    const numbers = names.get("z");
    if (numbers !== null) {
      const z = Float32Array.from(numbers.split(","), Number);
      if (z.length !== this.z.length || !z.every(Number.isFinite)) {
        throw new InputError(`the address names ${z.length} numbers; expected ${this.z.length} finite ones.`);
      }
      return { z };
    }
    const { seed, sample = "0", temperature: warmth = "1", label } = Object.fromEntries(names);
    const temperature = Number(warmth);
    /** @type {(text: string) => boolean} */
    const whole = (text) => /^[0-9]{1,20}$/.test(text) && BigInt(text) < 2n ** 64n;
    if (seed === undefined || !whole(seed) || !whole(sample) || !(temperature >= 0 && temperature <= 1.5)) {
      return {};
    }
    return { seed, sample, temperature, ...(this.vae.labels.includes(label) && { label }) };
  }
}
