"""Files that run code when they are read: refused unless the user knows who wrote them."""

from __future__ import annotations

from pathlib import Path

from vae_runtime.errors import InputError

from .options import Options


def require_trust(options: Options, path: Path, why: str) -> None:
    """Refuse what would unpickle, without --trust-pickle. why: what in the file needs it."""
    if not options.trust_pickle:
        raise InputError(
            f"{path}: {why}, and a pickle can run any code while it is read. "
            "If you know who wrote it, add --trust-pickle; if not, do not."
        )
