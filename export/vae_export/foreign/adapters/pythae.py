"""A folder that pythae saved: model_config.json, model.pt, and pickles of networks that are not pythae's own."""

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

# Models of a diagonal Gaussian posterior and the prior N(0, I): class by the name of its config.
GAUSSIAN = {
    "Adversarial_AE_Config": "Adversarial_AE",
    "BetaTCVAEConfig": "BetaTCVAE",
    "BetaVAEConfig": "BetaVAE",
    "CIWAEConfig": "CIWAE",
    "DisentangledBetaVAEConfig": "DisentangledBetaVAE",
    "FactorVAEConfig": "FactorVAE",
    "INFOVAE_MMD_Config": "INFOVAE_MMD",
    "IWAEConfig": "IWAE",
    "MIWAEConfig": "MIWAE",
    "MSSSIM_VAEConfig": "MSSSIM_VAE",
    "PIWAEConfig": "PIWAE",
    "VAEConfig": "VAE",
    "VAEGANConfig": "VAEGAN",
}
WITHOUT_PRIOR = {"VAMPConfig": "VAMP"}  # a mixture: no map from noise to latents that has an inverse
DETERMINISTIC = {"WAE_MMD_Config": "WAE_MMD"}  # latents are trained towards N(0, I), so there is something to sample
BARE = {"AEConfig": "AE", "RAE_GP_Config": "RAE_GP", "RAE_L2_Config": "RAE_L2"}  # nothing to sample from
WITHOUT_DENSITY = ("MSSSIM_VAEConfig", "VAEGANConfig")  # their reconstruction loss compares no pixels
CLASSES = {**GAUSSIAN, **WITHOUT_PRIOR, **DETERMINISTIC, **BARE}
PICKLES = ("encoder.pkl", "decoder.pkl")


def read(paths: Sequence[Path], options: Options) -> ForeignModel:
    """Read a folder as `model.save` of pythae wrote it."""
    (folder,) = paths
    config = _config(folder)
    kind = config["name"]
    image = options.image(_sides(config), f"{folder / 'model_config.json'}")
    model = _model(folder, config, options)
    has_posterior = kind in GAUSSIAN or kind in WITHOUT_PRIOR
    likelihood = options.likelihood or _likelihood(config)
    return ForeignModel(
        encoder=_Encoder(model.encoder, config["input_dim"], ("embedding", "log_covariance")[: 1 + has_posterior]),
        decoder=_Decoder(model.decoder, image.shape),
        image=image,
        latent_shape=(config["latent_dim"],),
        value_range=options.value_range or (0, 1),
        encoder_gives=options.encoder_gives or ("mean, logvar" if has_posterior else "mean"),
        decoder_gives=options.decoder_gives or "images",
        likelihood=likelihood,
        # pythae's squared error, halved and summed, is a Gaussian of sigma 1, as its own get_nll takes it.
        sigma=options.sigma or (1.0 if likelihood == "gaussian" else None),
        prior=options.prior or ("standard_normal" if kind in GAUSSIAN or kind in DETERMINISTIC else "none"),
        made_by=f"pythae {importlib.metadata.version('pythae')} {CLASSES[kind]}",
    )


class _Encoder(nn.Module):
    """An encoder of pythae, its named outputs as a tuple."""

    def __init__(self, network: nn.Module, input_dim: Sequence[int] | None, outputs: Sequence[str]) -> None:
        super().__init__()
        self.network, self.input_dim, self.outputs = network, input_dim, tuple(outputs)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        given = self.network(images.reshape(-1, *self.input_dim) if self.input_dim else images)
        return tuple(given[name] for name in self.outputs)


class _Decoder(nn.Module):
    """A decoder of pythae, its reconstruction in the shape of a picture."""

    def __init__(self, network: nn.Module, shape: Sequence[int]) -> None:
        super().__init__()
        self.network, self.shape = network, tuple(shape)

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.network(z)["reconstruction"]
        return images.reshape(-1, *self.shape)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "model_config.json"
    try:
        config = json.loads(path.read_bytes())
        kind = config["name"]
    except FileNotFoundError:
        raise InputError(
            f"{folder} has no model_config.json; expected a folder that model.save of pythae wrote."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no configuration of pythae: {error!r}.") from error
    if kind not in CLASSES:
        raise InputError(
            f"{path} is of {kind}: its latents are no Gaussian vectors with a mean and a variance each. "
            f"pythae's models that can come in: {', '.join(sorted(CLASSES.values()))}."
        )
    config.setdefault("input_dim", None)
    config.setdefault("latent_dim", 10)
    return dict(config)


def _sides(config: dict[str, Any]) -> Sequence[int] | None:
    """Channels, height and width, where the configuration has them; flat inputs say nothing of their pictures."""
    sides = config["input_dim"]
    return sides if sides and len(sides) == 3 else None


def _likelihood(config: dict[str, Any]) -> str:
    """What the reconstruction loss is the logarithm of; models without an ELBO of their own have none."""
    if config["name"] in (*WITHOUT_DENSITY, *DETERMINISTIC, *BARE):
        return "none"
    return "bernoulli" if config.get("reconstruction_loss", "mse") == "bce" else "gaussian"


def _model(folder: Path, config: dict[str, Any], options: Options) -> Any:
    """The model of pythae with its weights; nothing is unpickled unless the user trusts the folder."""
    from pythae import models

    custom = {}
    for half, pickled in zip(("encoder", "decoder"), PICKLES, strict=True):
        if not config.get(f"uses_default_{half}", True):
            require_trust(options, folder / pickled, f"the {half} is a network of its maker's own, saved as a pickle")
            custom[half] = _unpickled(folder / pickled)
    try:
        kind = getattr(models, config["name"])
        model = getattr(models, CLASSES[config["name"]])(kind.from_json_file(folder / "model_config.json"), **custom)
    except Exception as error:  # pydantic's, or whatever a class raises of fields that it cannot take
        raise InputError(f"{folder / 'model_config.json'}: pythae cannot build this model: {error}") from error
    weights = _weights(folder / "model.pt")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{folder / 'model.pt'} does not fit model_config.json: {error}") from error
    return model.eval()


def _weights(path: Path) -> dict[str, Tensor]:
    """The state dict, read by torch's restricted unpickler, which builds tensors and nothing else."""
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a folder that model.save of pythae wrote.")
    try:
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["model_state_dict"]
    except Exception as error:  # torch raises many kinds of a damaged file
        raise InputError(f"{path} holds no weights of pythae, or more than weights: {error}") from error
    return weights


def _unpickled(path: Path) -> nn.Module:
    from pythae.models.base.base_utils import CPU_Unpickler

    try:
        with path.open("rb") as file:
            network: nn.Module = CPU_Unpickler(file).load()
    except Exception as error:  # a pickle can raise anything
        raise InputError(
            f"{path} cannot be unpickled here: {error!r}. Such files work in the Python version that wrote them "
            "(environment.json), with the same packages."
        ) from error
    return network


ADAPTER = Adapter(
    name="pythae",
    help="a folder that pythae saved",
    files=("DIR",),
    needs=("pythae",),
    read=read,
)
