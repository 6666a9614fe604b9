"""Two models that Keras 3 saved, ENCODER.keras and DECODER.keras, traced on its torch backend."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vae_runtime.errors import InputError
from vae_runtime.spec import MODES, ImageSpec

from ..model import ForeignModel
from .options import Adapter, Options
from .programs import free_module, last_operator

GIVES = {1: "mean", 2: "mean, logvar", 3: "mean, logvar"}  # by the count of outputs; a third is a draw
BATCH = 3  # of the images that the trace is made with; the batch stays free


def read(paths: Sequence[Path], options: Options) -> ForeignModel:
    """Read a pair as the tutorials of Keras save it: [z_mean, z_log_var, z], whose draw z is left out."""
    _require_torch_backend()
    from .keras_files import load

    encoder_file, decoder_file = paths
    encoder, decoder = (load(path, trusted=options.trust_pickle) for path in paths)
    encoder = _without_draw(encoder, encoder_file)
    _require_known(decoder, decoder_file)
    import keras

    image = options.image(_sides(encoder.input_shape[1:]), str(encoder_file))
    _require_fit(encoder.input_shape[1:], image, encoder_file)
    _require_fit(decoder.output_shape[1:], image, decoder_file)
    latent = _channels_first(decoder.input_shape[1:])
    traced = _traced(_Decoder(decoder, image), latent, decoder_file)
    return ForeignModel(
        encoder=_traced(_Encoder(encoder), image.shape, encoder_file),
        decoder=traced,
        image=image,
        latent_shape=latent,
        value_range=options.range_of(last_operator(traced), str(decoder_file)),
        encoder_gives=options.encoder_gives or GIVES[len(encoder.outputs)],
        decoder_gives=options.decoder_gives or "images",
        likelihood=options.likelihood or "gaussian",
        sigma=options.sigma,
        prior=options.prior or ("standard_normal" if len(encoder.outputs) > 1 else "none"),
        made_by=f"keras {keras.__version__}",
    )


class _Encoder(nn.Module):
    """Channels first outside, whatever the encoder takes inside: channels last, or flat."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        sides = self.model.input_shape[1:]
        given = self.model(_last(images, sides), training=False)
        outputs = given if isinstance(given, (list, tuple)) else [given]
        return tuple(_first(output) for output in outputs)


class _Decoder(nn.Module):
    """Latents to images [batch, channels, height, width]."""

    def __init__(self, model: Any, image: ImageSpec) -> None:
        super().__init__()
        self.model, self.shape = model, image.shape

    def forward(self, z: Tensor) -> Tensor:
        images = self.model(_last(z, self.model.input_shape[1:]), training=False)
        if images.shape[1:] == self.shape:
            return images
        channels, height, width = self.shape
        return _first(images.reshape(-1, height, width, channels))


def _last(tensor: Tensor, sides: Sequence[int]) -> Tensor:
    """A tensor with channels first as Keras takes it; one channel is first and last."""
    if tensor.ndim == 4 and tensor.shape[1] > 1 and tuple(tensor.shape[1:]) != tuple(sides):
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(-1, *sides)


def _first(tensor: Tensor) -> Tensor:
    if tensor.ndim != 4:
        return tensor
    _, height, width, channels = tensor.shape
    return tensor.permute(0, 3, 1, 2) if channels > 1 else tensor.reshape(-1, channels, height, width)


def _channels_first(sides: Sequence[int]) -> tuple[int, ...]:
    return (sides[2], sides[0], sides[1]) if len(sides) == 3 else tuple(sides)


def _sides(sides: Sequence[int]) -> Sequence[int] | None:
    """Channels, height and width of an input; None of flat ones, which do not say."""
    if len(sides) == 2:
        return (1, *sides)
    if len(sides) != 3:
        return None
    return sides if sides[0] in MODES.values() and sides[2] not in MODES.values() else _channels_first(sides)


def _without_draw(encoder: Any, path: Path) -> Any:
    """The encoder up to its distribution, so that no layer is left which draws noise."""
    import keras

    if len(encoder.outputs) not in GIVES:
        raise InputError(
            f"{path} gives {len(encoder.outputs)} tensors; expected mean, or mean and logvar, or these and z."
        )
    cut = keras.Model(encoder.inputs, encoder.outputs[:2])
    _require_known(cut, path)
    return cut


def _require_known(model: Any, path: Path) -> None:
    """Refuse a model that needs a layer whose code is not here."""
    from .keras_files import Unknown

    for layer in model._flatten_layers():
        if isinstance(layer, Unknown):
            raise InputError(layer.refusal(path))


def _require_fit(sides: Sequence[int | None], image: ImageSpec, path: Path) -> None:
    """Refuse pictures of another size than the model's."""
    said = f"--image-shape is {','.join(map(str, image.shape))}, {math.prod(image.shape)} numbers"
    if None in sides:
        raise InputError(f"{path} has pictures of no fixed size ({sides}); build it with the size in its Input.")
    if math.prod(side for side in sides if side) != math.prod(image.shape):
        raise InputError(f"{path} has pictures of {math.prod(side for side in sides if side)} numbers; {said}.")


def _traced(module: nn.Module, sides: Sequence[int], path: Path) -> nn.Module:
    example = torch.zeros(BATCH, *sides)
    batch = torch.export.Dim("batch")
    try:
        with torch.no_grad():
            program = torch.export.export(module.eval(), (example,), dynamic_shapes=({0: batch},))
    except Exception as error:  # whatever a layer raises that torch cannot trace
        raise InputError(f"{path} cannot be traced by torch: {error}") from error
    return free_module(program, str(path))


def _require_torch_backend() -> None:
    """Keras decides on its backend when it is imported, and on that alone."""
    loaded = sys.modules.get("keras")
    if loaded is None:
        os.environ["KERAS_BACKEND"] = "torch"
    elif loaded.backend.backend() != "torch":
        raise InputError('Keras was imported with another backend; set KERAS_BACKEND="torch" before it is.')


ADAPTER = Adapter(
    name="keras",
    help="two models that Keras 3 saved",
    files=("ENCODER.keras", "DECODER.keras"),
    needs=("keras",),
    read=read,
)
