"""A folder of diffusers' AutoencoderKL or AutoencoderTiny, or a pipeline's folder with one in it as `vae`."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vae_runtime.errors import InputError

from ..model import ForeignModel
from .options import Adapter, Options
from .trust import require_trust

CLASSES = ("AutoencoderKL", "AutoencoderTiny")
WEIGHTS = "diffusion_pytorch_model"


def read(paths: Sequence[Path], options: Options) -> ForeignModel:
    """Read a folder as `save_pretrained` wrote it; latents come out as the maker's pipelines scale them."""
    (given,) = paths
    folder = given / "vae" if (given / "model_index.json").exists() else given
    config = _config(folder)
    image = options.image(_sides(config), f"{folder / 'config.json'}")
    model = _model(folder, config["_class_name"], options)
    is_kl = config["_class_name"] == "AutoencoderKL"
    return ForeignModel(
        encoder=(_MomentsEncoder if is_kl else _TinyEncoder)(model),
        decoder=_Decoder(model),
        image=image,
        latent_shape=_latent_shape(config, image.shape),
        value_range=options.value_range or (-1, 1),
        encoder_gives=options.encoder_gives or ("mean, logvar" if is_kl else "mean"),
        decoder_gives=options.decoder_gives or "images",
        # Trained on perceptual and adversarial losses with next to no weight on the KL: neither is a density.
        likelihood=options.likelihood or "none",
        sigma=options.sigma,
        prior=options.prior or "none",
        latent_scale=float(config.get("scaling_factor") or 1),
        latent_shift=float(config.get("shift_factor") or 0),
        made_by=f"diffusers {importlib.metadata.version('diffusers')} {config['_class_name']}",
    )


class _MomentsEncoder(nn.Module):
    """AutoencoderKL's posterior before anything is drawn from it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder, self.quant_conv = model.encoder, model.quant_conv

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        moments = self.encoder(images)
        if self.quant_conv is not None:
            moments = self.quant_conv(moments)
        mean, logvar = moments.chunk(2, dim=1)
        return mean, logvar.clamp(-30, 20)  # as diffusers' DiagonalGaussianDistribution has it


class _TinyEncoder(nn.Module):
    """AutoencoderTiny's latents, which are no distribution."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, images: Tensor) -> Tensor:
        latents: Tensor = self.encoder(images)
        return latents


class _Decoder(nn.Module):
    """Latents to images in about [-1, 1]."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.post_quant_conv, self.decoder = getattr(model, "post_quant_conv", None), model.decoder

    def forward(self, z: Tensor) -> Tensor:
        if self.post_quant_conv is not None:
            z = self.post_quant_conv(z)
        images: Tensor = self.decoder(z)
        return images


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
        kind = config["_class_name"]
    except FileNotFoundError:
        raise InputError(
            f"{folder} has no config.json; expected a folder that save_pretrained of diffusers wrote."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no configuration of diffusers: {error!r}.") from error
    if kind not in CLASSES:
        raise InputError(f"{path} is of {kind}; expected {' or '.join(CLASSES)}.")
    if config.get("latents_mean") or config.get("latents_std"):
        raise InputError(
            f"{path} scales each latent channel by itself (latents_mean, latents_std), and a model folder has one "
            "scale. Set both to null; latents are then those of the encoder, and you scale them."
        )
    return dict(config)


def _sides(config: dict[str, Any]) -> Sequence[int] | None:
    """Channels, height and width; AutoencoderTiny's configuration does not know its pictures."""
    size = config.get("sample_size")
    if not size:
        return None
    height, width = size if isinstance(size, list) else (size, size)
    return config.get("in_channels", 3), height, width


def _latent_shape(config: dict[str, Any], shape: Sequence[int]) -> tuple[int, int, int]:
    """The sides of the latents: each level of the encoder but the last halves those of the picture."""
    levels = config.get("encoder_block_out_channels") or config["block_out_channels"]
    factor = 2 ** (len(levels) - 1)
    channels, height, width = shape
    if channels != config.get("in_channels", 3):
        raise InputError(f"--image-shape has {channels} channels; this model takes {config.get('in_channels', 3)}.")
    if height % factor or width % factor:
        raise InputError(f"Images of {height} x {width} do not fit this model; expected multiples of {factor}.")
    return int(config["latent_channels"]), height // factor, width // factor


def _model(folder: Path, kind: str, options: Options) -> Any:
    import diffusers

    found = sorted(folder.glob(f"{WEIGHTS}*.safetensors"))
    pickled = sorted(folder.glob(f"{WEIGHTS}*.bin"))
    if not found and not pickled:
        raise InputError(f"{folder} has no {WEIGHTS}.safetensors; expected what save_pretrained wrote.")
    file = min(found or pickled, key=lambda path: len(path.name))
    if not found:
        require_trust(options, file, "these weights are a pickle, for there is no .safetensors beside it")
    variant = file.name[len(WEIGHTS) : -len(file.suffix)].lstrip(".") or None  # such as fp16
    try:
        model = getattr(diffusers, kind).from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=bool(found),
            variant=variant,
            torch_dtype=torch.float32,
            low_cpu_mem_usage=False,
        )
    except Exception as error:  # many kinds, of damaged files and of configurations that do not fit
        raise InputError(f"{folder}: diffusers cannot read this model: {error}") from error
    return model.eval()


ADAPTER = Adapter(
    name="diffusers",
    help="a folder of AutoencoderKL or AutoencoderTiny",
    files=("DIR",),
    needs=("diffusers",),
    read=read,
)
