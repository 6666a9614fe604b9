"""Files of latents: what `vae encode` writes, `vae decode` reads."""

from __future__ import annotations

import io
import itertools
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .rows import rows_as_bytes
from .standard_input import standard_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ..maths.posterior import Posterior

SUFFIXES = {".npz": "npz", ".jsonl": "jsonl", ".csv": "csv"}  # and the format that each says
_NPY, _ZIP = b"\x93NUMPY", (b"PK\3\4", b"PK\5\6")  # how .npy and .npz begin; the last is an empty .npz
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM")


def to_npz(posterior: Posterior, paths: Sequence[str] | None = None) -> bytes:
    """Latents as an .npz: `mean` and, where there is one, `logvar`, and with them the `path` of each.

    Each is [batch, *latent_shape], or without paths [*latent_shape] of one image.
    """
    import numpy as np

    buffer = io.BytesIO()
    arrays = {} if paths is None else {"path": np.array(paths, np.str_)}
    np.savez(buffer, **posterior.there, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def from_npz(content: bytes, name: str) -> npt.NDArray[Any]:
    """The latents in an .npz, its `z` or else its `mean`, or in an .npy; an InputError that names it for all else."""
    from ..model.limits import LATENTS_BYTES
    from ..npz import ArraysError, read_npy, read_npz

    if not content.startswith((_NPY, *_ZIP)):
        advice = " It looks like a picture: vae encode makes latents of it." if content.startswith(_PICTURES) else ""
        raise InputError(f"{name} is not an .npz or .npy file of latents.{advice}")
    try:
        if content.startswith(_NPY):
            return read_npy(content)
        (latents,) = read_npz(content, LATENTS_BYTES, first_of=("z", "mean")).values()
        return latents
    except ArraysError as error:
        raise InputError(f"{name} is not an .npz or .npy file of latents ({error}).") from None


def read_latents(path: str) -> npt.NDArray[Any]:
    """The latents in a file, or on standard input for -."""
    return from_npz(read_content(path), path)


def read_content(path: str) -> bytes:
    """All of a file of latents, or of standard input for -; one that is too large is an InputError."""
    from ..files import read_stream
    from ..model.limits import LATENTS_BYTES

    try:
        with nullcontext(standard_input()) if path == "-" else open(path, "rb") as file:
            content = read_stream(file, LATENTS_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
    if len(content) > LATENTS_BYTES:
        raise InputError(f"{path} has more than {LATENTS_BYTES:,} bytes, the limit for latents; decode them in parts.")
    return content


def to_rows(paths: Sequence[str], posterior: Posterior, form: str, *, first: bool, seen: bool) -> bytes:
    """Latents as rows of "jsonl" (lists of their shape) or "csv" (a column a number).

    first, seen: as of `rows_as_bytes`.
    """
    from ..maths.gaussian import in_rows

    there = posterior.there
    if form == "jsonl":
        rows = [list(row) for row in zip(paths, *(part.tolist() for part in there.values()), strict=True)]
        return rows_as_bytes(["path", *there], rows, form, first=first, seen=seen)
    flat = {name: in_rows(part) for name, part in there.items()}
    columns = ["path", *(f"{name}_{index}" for name, part in flat.items() for index in range(part.shape[1]))]
    numbers = (itertools.chain(*row) for row in zip(*(part.tolist() for part in flat.values()), strict=True))
    rows = [[path, *row] for path, row in zip(paths, numbers, strict=True)]
    return rows_as_bytes(columns, rows, form, first=first, seen=seen)
