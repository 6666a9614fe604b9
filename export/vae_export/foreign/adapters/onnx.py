"""Two ONNX files that another tool left, or a folder of optimum's with both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from vae_runtime.errors import InputError

from ..model import ForeignModel
from ..onnx_graph.graph import Graph
from ..onnx_graph.halves import last_operator
from ..onnx_graph.layout import layout_of, picture_sides
from ..onnx_graph.meaning import read_decoder, read_encoder
from .options import Adapter, Options

FOLDERS = ("vae_encoder", "vae_decoder")  # of optimum, each with a model.onnx and diffusers' config.json


def read(paths: Sequence[Path], options: Options) -> ForeignModel:
    """Read both files, and compare the modules that they become with onnxruntime's results for the files."""
    encoder, decoder = (Graph.read(path) for path in _pair(paths))
    config = _config(decoder.path)
    image = options.image(_image_sides(encoder, config), encoder.path.name)
    encoding = read_encoder(encoder, decoder, image.shape, options.encoder_gives)
    decoder_half, decoding = read_decoder(decoder, image.shape)
    low, high = _value_range(options, last_operator(decoder.model, decoding.outputs[0]), decoder.path, config)
    images = low + (high - low) * torch.rand(2, *image.shape, generator=torch.Generator().manual_seed(0))
    encoder.require_same(encoding.network, encoding.half.laid_out(images))
    latents = encoding.mean(images)
    decoder.require_same(decoding, latents)
    return ForeignModel(
        encoder=encoding.half,
        decoder=decoder_half,
        image=image,
        latent_shape=tuple(latents.shape[1:]),
        value_range=(low, high),
        encoder_gives=encoding.gives,
        decoder_gives=options.decoder_gives or "images",
        # diffusers trains on perceptual and adversarial losses with next to no KL: neither is a density.
        likelihood=options.likelihood or ("none" if config else "gaussian"),
        sigma=options.sigma,
        prior=options.prior or ("none" if config or encoding.gives == "mean" else "standard_normal"),
        latent_scale=float(config.get("scaling_factor") or 1),
        latent_shift=float(config.get("shift_factor") or 0),
        made_by=encoder.made_by,
    )


def _pair(paths: Sequence[Path]) -> tuple[Path, Path]:
    """Encoder and decoder; of a folder the two that optimum writes."""
    if len(paths) == 1:
        encoder, decoder = (paths[0] / name / "model.onnx" for name in FOLDERS)
        for path in (encoder, decoder):
            if not path.exists():
                raise InputError(
                    f"{path} is not there; expected a folder that optimum wrote, or ENCODER.onnx DECODER.onnx."
                )
        return encoder, decoder
    encoder, decoder = paths
    for path in (encoder, decoder):
        if path.is_dir():
            raise InputError(f"{path} is a folder; expected an ONNX file, or one folder of optimum's alone.")
    return encoder, decoder


def _config(path: Path) -> dict[str, Any]:
    """What diffusers says of the model, where optimum left it beside the file."""
    beside = path.with_name("config.json")
    if path.parent.name not in FOLDERS or not beside.exists():
        return {}
    try:
        return dict(json.loads(beside.read_bytes()))
    except (ValueError, TypeError) as error:
        raise InputError(f"{beside} is no configuration of diffusers: {error}.") from error


def _image_sides(encoder: Graph, config: dict[str, Any]) -> tuple[int, ...] | None:
    """Channels, height and width, as far as the files say."""
    sides = encoder.signature.inputs[0].sides if encoder.signature.inputs else None
    found = picture_sides(sides[1:], layout_of(sides[1:], encoder.path.name)) if sides else None
    if found or not config.get("sample_size"):
        return found
    size = config["sample_size"]
    height, width = size if isinstance(size, list) else (size, size)
    return int(config.get("in_channels", 3)), int(height), int(width)


def _value_range(options: Options, last: str, decoder: Path, config: dict[str, Any]) -> tuple[float, float]:
    """As the user says; all of diffusers is in [-1, 1]; else as the decoder's last operator has its images."""
    if options.value_range is None and (config or options.decoder_gives == "logits"):
        return (-1.0, 1.0) if config else (0.0, 1.0)
    return options.range_of(last or "its input", decoder.name)


ADAPTER = Adapter(
    name="onnx",
    help="two ONNX files, or a folder that optimum wrote",
    files=("ENCODER.onnx", "DECODER.onnx"),
    needs=(),
    read=read,
    or_folder=True,
)
