// Variational autoencoders in JavaScript, by docs/FORMAT.md: the public names.
//
// The engine is given, not imported: onnxruntime-web, onnxruntime-node, or what else has `Tensor` and
// `InferenceSession.create(bytes, options)`. The same seed gives the same latents as the Python package, and the same
// image the same scores.

export { InputError, IntegrityError, ManifestError, VAEError } from "./errors.js";
export { fromBytes, toBytes } from "./pixels.js";
export { fitPicture } from "./fitting.js";
export { standardNormal } from "./noise.js";
export { VAE } from "./vae.js";
export { verify } from "./verify.js";
