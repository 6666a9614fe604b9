"""Two programs that torch.export.save wrote: an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from vae_runtime.errors import InputError

from ..model import ForeignModel
from .options import Adapter, Options
from .programs import free_module, last_operator
from .trust import require_trust


def read(paths: Sequence[Path], options: Options) -> ForeignModel:
    """Read ENCODER.pt2 and DECODER.pt2, both with a batch of any size."""
    encoder, decoder = (_program(path, options) for path in paths)
    latent = _input(decoder, paths[1])
    free = free_module(decoder, str(paths[1]))
    return ForeignModel(
        encoder=free_module(encoder, str(paths[0])),
        decoder=free,
        image=options.image(_input(encoder, paths[0]), str(paths[0])),
        latent_shape=latent,
        value_range=options.range_of(last_operator(free), str(paths[1])),
        encoder_gives=options.encoder_gives,
        decoder_gives=options.decoder_gives or "images",
        likelihood=options.likelihood or "gaussian",
        sigma=options.sigma,
        prior=options.prior or "standard_normal",
        made_by=f"torch {torch.__version__}",
    )


def _program(path: Path, options: Options) -> ExportedProgram:
    require_trust(options, path, "torch.export.load unpickles parts of a program")
    try:
        return torch.export.load(path)
    except Exception as error:  # torch raises many kinds of a damaged file
        raise InputError(f"{path} is no program that torch.export.save wrote: {error}") from error


def _input(program: ExportedProgram, path: Path) -> tuple[int, ...]:
    """Sides of the one input behind the batch."""
    inputs = [value for value in program.graph_signature.user_inputs if isinstance(value, str)]
    if len(inputs) != 1:
        raise InputError(f"{path} takes {len(inputs)} tensors ({', '.join(inputs)}); expected one.")
    node: Any = next(node for node in program.graph.nodes if node.name == inputs[0])
    batch, *sides = node.meta["val"].shape
    if isinstance(batch, int):
        raise InputError(
            f"{path} was exported for a batch of {batch}; export it again with "
            'dynamic_shapes=({0: torch.export.Dim("batch")},).'
        )
    if not all(isinstance(side, int) for side in sides):
        raise InputError(f"{path} takes inputs of shape {list(map(str, sides))}; expected whole numbers.")
    return tuple(sides)


ADAPTER = Adapter(
    name="torch",
    help="two programs of torch.export.save",
    files=("ENCODER.pt2", "DECODER.pt2"),
    needs=(),
    read=read,
)
