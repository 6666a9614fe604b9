// @ts-check
// Variational autoencoders in JavaScript, by docs/FORMAT.md: the public names.
//
// The engine is given, not imported: onnxruntime-web, onnxruntime-node, or what else has `Tensor` and
// `InferenceSession.create(bytes, options)`. The same seed gives the same latents as the Python package, and the same
// image the same scores. The folders are those of the package: maths/, model/, pictures/, checks/.

export { InputError, IntegrityError, ManifestError, VAEError } from "./errors.js";
export { fromBytes, toBytes } from "./pictures/pixels.js";
export { fitPicture } from "./pictures/fitting.js";
export { standardNormal } from "./maths/noise.js";
export { nested } from "./maths/rows.js";
export { SCORES } from "./model/scores.js";
export { VAE } from "./vae.js";
export { verify } from "./checks/verify.js";
