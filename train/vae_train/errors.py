"""What can go wrong in training beyond a bad input."""

from vae_runtime.errors import VAEError


class TrainingError(VAEError):
    """A run that cannot go on: a loss that is not finite, a checkpoint that cannot be read."""

    exit_code = 1
