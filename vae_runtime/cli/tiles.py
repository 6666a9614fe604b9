"""`--tile` of the verbs that encode and decode: pictures of any size, by windows whose seams are blended."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import InputError
from .latents import from_npz, read_content
from .options import Command, added
from .trees import write_bytes_below

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from ..maths.posterior import Posterior
    from ..pictures.decoded import Picture
    from ..tiles.calls import Strips
    from ..vae import VAE
    from .inputs import Inputs
    from .outputs import Output

    Size = tuple[int, int]

OVERLAP = 0.25


class Tiles(NamedTuple):
    """Whether pictures are worked on by windows, and what share of one its neighbours overlap."""

    tile: bool = False
    overlap: float | None = None

    @property
    def wanted(self) -> bool:
        """Whether they are; an overlap without them is an InputError."""
        if self.overlap is not None and not self.tile:
            raise InputError("--overlap is of windows: give --tile as well.")
        return self.tile

    @property
    def share(self) -> float:
        """The overlap, the usual one where none was given."""
        return OVERLAP if self.overlap is None else self.overlap


def tile_options(command: Command) -> Command:
    """Add --tile and --overlap, and pass them on as `tiles`, a `Tiles`."""
    return added(
        command,
        "tiles",
        Tiles,
        click.option(
            "--tile",
            is_flag=True,
            help="Pictures at their own size, by windows with blended seams; of models with spatial latents.",
        ),
        click.option(
            "--overlap",
            type=click.FloatRange(0, 0.9),
            help=f"With --tile: how much of a window its neighbours share.  [default: {OVERLAP}]",
        ),
    )


def require_one(inputs: Inputs, output: str) -> None:
    """That one file is not asked for where pictures, each of its own size, are many."""
    if inputs.count != 1:
        raise InputError(
            f"--tile gives each of {inputs.count} pictures a result of its own size, and {output} holds one; give a "
            "folder, -o DIR/."
        )


def to_npz(posterior: Posterior, size: Size) -> bytes:
    """Latents of one picture as an .npz: `mean` and `logvar` [1, channels, rows, columns], `size` [width, height]."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, **posterior.there, size=np.array(size, np.int64))  # type: ignore[arg-type]
    return buffer.getvalue()


def read_tiled(path: str) -> tuple[npt.NDArray[Any], Size | None]:
    """The latents in a file, as of `read_latents`, and the size of their picture, where the file says it."""
    from ..model.limits import LATENTS_BYTES
    from ..npz import ArraysError, read_npz

    content = read_content(path)
    latents = from_npz(content, path)
    try:
        (size,) = read_npz(content, LATENTS_BYTES, first_of=("size",)).values()
    except ArraysError:  # an .npy, or an .npz of latents alone
        return latents, None
    if size.shape != (2,) or size.dtype.kind not in "iu":
        there = f"{size.dtype} {list(size.shape)}"
        raise InputError(f"{path}: size is {there}; expected two whole numbers, width and height.")
    return latents, (int(size[0]), int(size[1]))


def reconstructed(vae: VAE, picture: Picture, tiles: Tiles) -> Image.Image:
    """What a model keeps of a picture, at its own size."""
    from ..tiles.calls import reconstruct_strips

    return painted(reconstruct_strips(vae, picture, overlap=tiles.share))


def painted(strips: Strips) -> Image.Image:
    """A large picture, a byte a number."""
    from ..tiles.painting import paint

    return paint(strips.parts, "L" if strips.channels == 1 else "RGB", strips.size)


def write_picture(output: Output, picture: Image.Image) -> None:
    """One picture where -o says: a file, the first of many, or standard output."""
    from ..pictures.writing import encode_picture, picture_format

    if output.is_many:
        write_picture_below(next(output.targets(1)), picture)
        return
    form = "PNG" if output.kind == "stdout" else picture_format(output.text)
    output.write_bytes(encode_picture(picture, format=form))


def write_picture_below(path: Path, picture: Image.Image) -> None:
    """The same as one file of many."""
    from ..pictures.writing import encode_picture, picture_format

    write_bytes_below(path, encode_picture(picture, format=picture_format(path)))
