// The latent that the page is looking at, and the plane that it is drawn in.

import { InputError } from "./vae/index.js";

const dot = (a, b) => a.reduce((sum, value, j) => sum + value * b[j], 0);

// Dispatches "change" when z is another one. z: Float32Array [latentSize]; origin: { seed, sample, … } of a sample.
export class Latent extends EventTarget {
  constructor(vae, { centre, axes }) {
    super();
    Object.assign(this, { vae, centre, axes });
    this.z = Float32Array.from(centre);
    this.origin = {};
  }

  set(z, origin = {}) {
    this.z = z;
    this.origin = origin;
    this.dispatchEvent(new Event("change"));
  }

  // Where z lies on the plane: [right, up].
  project(z) {
    const away = Array.from(z, (value, j) => value - this.centre[j]);
    return this.axes.map((axis) => dot(away, axis));
  }

  // z moved to a place of the plane; what it has beside the plane stays.
  movedTo(place) {
    const here = this.project(this.z);
    return this.z.map((value, j) => value + this.axes.reduce((sum, axis, k) => sum + (place[k] - here[k]) * axis[j], 0));
  }

  // The part of the page's address behind "#": the sample's name, or z itself to the last bit.
  toHash() {
    const { seed, sample, label, temperature } = this.origin;
    if (seed === undefined) {
      return `z=${Array.from(this.z, (value) => Number(value.toPrecision(9))).join(",")}`;
    }
    return new URLSearchParams({ seed, sample, temperature, ...(label !== undefined && { label }) }).toString();
  }

  // The latent that an address names: { z } or { seed, sample, label, temperature }; nothing where it names none.
  fromHash(hash) {
    const names = new URLSearchParams(hash.replace(/^#/, ""));
    if (names.has("z")) {
      const z = Float32Array.from(names.get("z").split(","), Number);
      if (z.length !== this.z.length || !z.every(Number.isFinite)) {
        throw new InputError(`the address names ${z.length} numbers; expected ${this.z.length} finite ones.`);
      }
      return { z };
    }
    const { seed, sample = "0", temperature = "1", label } = Object.fromEntries(names);
    const whole = (text) => /^[0-9]{1,20}$/.test(text) && BigInt(text) < 2n ** 64n;
    if (seed === undefined || !whole(seed) || !whole(sample) || !(temperature >= 0 && temperature <= 1.5)) {
      return {};
    }
    return { seed, sample, temperature: Number(temperature), ...(this.vae.labels.includes(label) && { label }) };
  }
}
