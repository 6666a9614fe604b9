"""What can go wrong in an export."""

from vae_runtime.errors import VAEError


class ExportError(VAEError):
    """The model breaks a promise of the format, or differs from torch; nothing was written."""

    exit_code = 1
