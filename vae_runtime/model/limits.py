"""What a model may cost whoever opens it: every limit of docs/FORMAT.md, "The gate", in one place.

Together they are to keep the loading and checking of any folder, sound or hostile, below 1 GiB and 10 seconds
(`python -m fuzz.machine.costs`), and leave room for 100 MB of weights and for convolutional VAEs of colour images of
256x256. Whoever trusts a model that needs more, and has the room, says so, and its limits are those of `LARGE`; nothing
in a folder can.
"""

from __future__ import annotations

from typing import NamedTuple

MOST_MEMORY = 2**30  # bytes: what `memory.needed` may give for a model
MOST_WORK = 2**35  # multiplications of a graph for one row of the batch
MOST_REPLAY = 2**37  # multiplications of a check's golden vectors

FILE_BYTES = 2**27  # of one file of a model
GOLDEN_BYTES = 2**25  # of golden vectors
FILES_BYTES = 2**28  # of all files of a model together

MOST_NODES = 2048  # of a graph
MOST_FIELDS = 2**17  # fields of all messages of a graph's file
MOST_TEXT = 2**20  # bytes of all texts of a graph's file

MOST_GOLDEN_ROWS = 64  # images of golden vectors, and draws of each
MOST_SCORES = 64  # whose values golden vectors hold


LATENTS_BYTES = 2**28  # of a file of latents, and of what it is when unpacked


class Limits(NamedTuple):
    """What differs between a model that anybody may open and one that somebody says to trust."""

    memory: int = MOST_MEMORY
    work: int = MOST_WORK
    replay: int = MOST_REPLAY
    file_bytes: int = FILE_BYTES
    golden_bytes: int = GOLDEN_BYTES
    files_bytes: int = FILES_BYTES


USUAL = Limits()
# Files of 2 GiB are the largest that protobuf reads; an autoencoder of latent diffusion at 512x512 needs an eighth.
LARGE = Limits(memory=2**34, work=2**42, replay=2**44, file_bytes=2**31 - 1, golden_bytes=2**29, files_bytes=2**33)

_LARGER = "If you trust who made it and have the room for it, open it as a large model: --large, VAE.load(large=True)."
_SMALLER = "Train and export a smaller model, or ask who made it."


def limits_of(*, large: bool) -> Limits:
    """Those of a large model, or of any."""
    return LARGE if large else USUAL


def remedy(limits: Limits, *, large_enough: bool) -> str:
    """What to do about a model beyond `limits`; large_enough: whether it is within those of large models."""
    return _LARGER if large_enough and limits != LARGE else _SMALLER
