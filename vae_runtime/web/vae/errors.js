// @ts-check
// What can go wrong, as in the Python package: VAEError > InputError, IntegrityError, ManifestError.

export class VAEError extends Error {
  /**
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The caller gave something that cannot be used. */
export class InputError extends VAEError {}

/** A file is not the one that the manifest promises. */
export class IntegrityError extends VAEError {}

/** manifest.json is not of this format. */
export class ManifestError extends VAEError {}

/**
 * What an error says: not everything that is thrown is an Error.
 * @param {unknown} error
 */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));
