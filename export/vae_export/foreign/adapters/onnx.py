"""Two ONNX files that another tool left, or a folder of optimum's with both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from vae_runtime.errors import InputError

from ..model import ForeignModel
from ..onnx_graph.agreement import require_agreement, require_rows
from ..onnx_graph.graph import Graph
from ..onnx_graph.halves import STACKED, Decoder, Encoder, last_operator, named_posterior, only_output
from ..onnx_graph.layout import layout_of, picture_sides, require_fit
from ..onnx_graph.module import OnnxModule
from .options import Adapter, Options

FOLDERS = ("vae_encoder", "vae_decoder")  # of optimum, each with a model.onnx and diffusers' config.json
RANGES = {"Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0)}  # what the last operator of a decoder says of its pixels


def read(paths: Sequence[Path], options: Options) -> ForeignModel:
    """Read both files, and compare the modules that they become with onnxruntime's results for the files."""
    encoder_path, decoder_path = _pair(paths)
    config = _config(decoder_path)
    encoder, decoder = Graph.read(encoder_path), Graph.read(decoder_path)
    image = options.image(_image_sides(encoder, config), encoder_path.name)
    decoding, decoder_half = _decoder(decoder, image.shape)
    encoding, encoder_half, gives = _encoder(encoder, decoder, image.shape, options)
    value_range = options.value_range or _value_range(decoder, decoding, config)
    latents = _check(encoder, encoding, encoder_half, image.shape, value_range)
    _compare(decoder, decoding, latents)
    return ForeignModel(
        encoder=encoder_half,
        decoder=decoder_half,
        image=image,
        latent_shape=tuple(latents.shape[1:]),
        value_range=value_range,
        encoder_gives=gives,
        decoder_gives=options.decoder_gives or "images",
        # diffusers trains on perceptual and adversarial losses with next to no KL: neither is a density.
        likelihood=options.likelihood or ("none" if config else "gaussian"),
        sigma=options.sigma,
        prior=options.prior or ("none" if config or gives == "mean" else "standard_normal"),
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


def _encoder(
    encoder: Graph, decoder: Graph, shape: tuple[int, int, int], options: Options
) -> tuple[OnnxModule, Encoder, str]:
    """The graph of the outputs that are meant, the encoder with them, and what it gives."""
    place, outputs = encoder.path.name, encoder.signature.outputs
    names, gives = named_posterior(outputs) or ((), options.encoder_gives)
    if not names and gives in ("mean, logvar", "mean, std") and len(outputs) > 1:
        names = tuple(port.name for port in outputs[:2])
    elif not names and gives == "mean" and outputs:
        names = (outputs[0].name,)
    names = names or (only_output(outputs, place, "say with --encoder-gives what its first outputs are."),)
    module = encoder.module(names)
    (port,) = (port for port in encoder.signature.inputs if port.name == module.input)
    layout = layout_of(port.sides[1:], place) if port.sides else "channels first"
    require_fit(port.sides[1:] if port.sides else (), layout, shape, place)
    stacked = len(names) == 1 and gives != "mean" and _is_stacked(module, layout, shape, names[0], decoder)
    half = Encoder(module, layout, stacked=stacked, bounded=names[0] == STACKED)
    return module, half.eval(), gives or ("mean, logvar" if stacked else "mean")


def _is_stacked(module: OnnxModule, layout: str, shape: tuple[int, int, int], name: str, decoder: Graph) -> bool:
    """Mean and logvar lie on axis 1 if it is twice that of the decoder's latents."""
    with torch.no_grad():
        given = Encoder(module, layout, stacked=False, bounded=False)(torch.zeros(1, *shape))
    assert isinstance(given, torch.Tensor)
    taken = decoder.signature.inputs[0].sides if decoder.signature.inputs else None
    latents = taken[1] if taken and len(taken) > 1 else None
    return name == STACKED if latents is None else given.shape[1] == 2 * latents


def _decoder(decoder: Graph, shape: tuple[int, int, int]) -> tuple[OnnxModule, Decoder]:
    place, outputs = decoder.path.name, decoder.signature.outputs
    module = decoder.module((only_output(outputs, place, "expected a decoder of one output, its images."),))
    sides = outputs[0].sides
    layout = layout_of(sides[1:], place) if sides else "channels first"
    require_fit(sides[1:] if sides else (), layout, shape, place)
    return module, Decoder(module, layout, shape).eval()


def _value_range(decoder: Graph, module: OnnxModule, config: dict[str, Any]) -> tuple[float, float]:
    if config:
        return -1.0, 1.0  # of all that diffusers has
    last = last_operator(decoder.model, module.outputs[0])
    if last not in RANGES:
        raise InputError(
            f"{decoder.path.name} does not say what black and white are (it ends with {last or 'its input'}); give "
            "--value-range 0,1 or --value-range=-1,1."
        )
    return RANGES[last]


def _check(
    graph: Graph, module: OnnxModule, encoder: Encoder, shape: tuple[int, int, int], value_range: tuple[float, float]
) -> torch.Tensor:
    """Compare an encoder with its file; returns means of random images."""
    low, high = value_range
    images = low + (high - low) * torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        _compare(graph, module, encoder.laid_out(images))
        given = encoder(images)
    return given if isinstance(given, torch.Tensor) else given[0]


def _compare(graph: Graph, module: OnnxModule, x: torch.Tensor) -> None:
    """With onnxruntime, and rows with rows where the file was made for one batch."""
    (port,) = (port for port in graph.signature.inputs if port.name == module.input)
    fixed = port.sides[0] if port.sides else None
    rows = x if fixed is None else x[:1].expand(fixed, *x.shape[1:])
    require_agreement(module, graph.path, rows.contiguous(), half=graph.signature.is_half)
    if fixed is not None:
        require_rows(module, graph.path, x)


ADAPTER = Adapter(
    name="onnx",
    help="two ONNX files, or a folder that optimum wrote",
    files=("ENCODER.onnx", "DECODER.onnx"),
    needs=(),
    read=read,
)
