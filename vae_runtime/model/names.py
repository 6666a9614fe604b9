"""Names of the format that a command's help shows: here, where nothing has to be imported for them."""

SCORES = ("elbo", "reconstruction", "kl", "complexity", "faults")  # methods of `VAE.score`
