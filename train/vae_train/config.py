"""What a run is: one frozen dataclass, printed and saved as JSON before the first step; and the three presets."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

from vae_runtime.errors import InputError
from vae_runtime.spec import ImageSpec

# The names of what models/likelihood.py and models/prior.py have: here they can be had without torch.
LIKELIHOOD_NAMES = ("bernoulli", "gaussian")
PRIOR_NAMES = ("standard_normal", "flow")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that decides a run. With the same config, data and machine a CPU run repeats bit for bit.

    That is with the same `Division` too, as many threads and processes and the same torch, and not of timed runs.
    """

    preset: str
    data: str = "mnist"
    seed: int = 0
    started_from: str = ""  # the run whose weights this one began with

    # The networks.
    network: Literal["mlp", "conv"]
    image_shape: tuple[int, int, int] = (1, 28, 28)  # [channels, height, width]
    # How a picture becomes an image of this shape (vae_runtime.ImageSpec).
    fit: str = "stretch"
    resample: str = "box"
    invert: bool = False
    latent_size: int
    widths: tuple[int, ...]  # mlp: units of the hidden layers; conv: channels at 1/2, 1/4 … of the resolution
    blocks: int = 0  # conv: residual blocks at each resolution
    linear_pool: int = (
        0  # conv: by how much pictures are pooled for a linear map (models/shortcut.py); 0: there is none
    )

    # The prior, one of PRIOR_NAMES (models/prior.py); the two sizes are the flow's.
    prior: str = "standard_normal"
    flow_layers: int = 6
    flow_width: int = 128
    labels: int = 0  # classes that the prior tells apart; 0: it is not told of any
    only_prior: bool = False  # encoder and decoder stay as they came from another run

    # p(x|z), one of LIKELIHOOD_NAMES: Bernoulli, or Gaussian with a learned sigma, for pixels that are measurements.
    likelihood: str = "bernoulli"
    # The data's side of the likelihood. "binarised": each pixel is drawn anew as Bernoulli(grey level) every time it is
    # seen (Burda et al. 2016, section 5). "grey": the grey level itself is the target of the same cross-entropy.
    targets: Literal["binarised", "grey"] = "binarised"
    # The share of each batch that stays grey although the targets are binarised: people give a model grey pictures.
    grey_share: float = 0.0
    picture_sizes: tuple[int, ...] = ()  # before they were fitted: least and greatest width, then height
    # Of pictures (data/folders.py, data/augment.py): random crops of each, and random changes of each image seen.
    patches: int = 0
    augment: tuple[str, ...] = ()
    # Taken from the end of the training set to choose `best`; 0: choose by the training ELBO.
    validation_images: int = 0

    # The last share of the epochs raises the importance-weighted bound of this many draws (Burda et al. 2016) in place
    # of the ELBO.
    importance_draws: int = 1
    importance_share: float = 0.0

    # Adam (Kingma and Ba 2015).
    epochs: int
    epoch_steps: int = 0  # steps of an epoch; 0: as many as show each image once
    minutes: float = 0.0  # epochs are as many as this takes, measured anew after each; 0: `epochs` as they are
    # Epochs without a better held-out bound after which a run ends; 0, or None where nobody chose: it goes to its end.
    patience: int | None = None
    batch_size: int  # images a step, over all processes
    learning_rate: float = 1e-3
    learning_rate_warmup_steps: int = 0
    learning_rate_schedule: Literal["constant", "cosine"] = "constant"
    gradient_norm_limit: float = 0.0  # 0: no clipping
    kl_warmup_epochs: float = 0.0  # the KL term's weight grows from 0 to 1 over these (Sonderby et al. 2016)
    ema_decay: float = 0.0  # 0: no averaging of weights
    precision: Literal["auto", "float32", "bfloat16"] = "float32"

    @property
    def image_spec(self) -> ImageSpec:
        """What a picture must become."""
        mode = "L" if self.image_shape[0] == 1 else "RGB"
        return ImageSpec(shape=self.image_shape, mode=mode, fit=self.fit, resample=self.resample, invert=self.invert)

    def to_json(self) -> str:
        """The config as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Read what `to_json` wrote; an unknown or missing key is an InputError."""
        try:
            fields: dict[str, Any] = json.loads(text)
            for name in ("image_shape", "widths", "augment", "picture_sizes"):
                fields[name] = tuple(fields.get(name, ()))
            return cls(**fields)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"config.json is not the config of a run ({error}); was it edited?") from error


def mlp_2d() -> Config:
    """784-256-2-256-784, ReLU inside and sigmoid at the end: small enough to look at its whole latent plane."""
    return Config(
        preset="mlp-2d",
        network="mlp",
        latent_size=2,
        widths=(256,),
        targets="grey",
        epochs=10,
        batch_size=32,
    )


def mlp() -> Config:
    """Two ReLU layers each way: the VAE of most texts, trained as the literature measures it."""
    return Config(
        preset="mlp",
        network="mlp",
        latent_size=20,
        widths=(512, 256),
        epochs=40,
        batch_size=128,
        learning_rate_schedule="cosine",
        learning_rate_warmup_steps=200,
        gradient_norm_limit=200.0,
        kl_warmup_epochs=2,
        ema_decay=0.999,
    )


def conv() -> Config:
    """Residual Conv + PixelShuffle networks: the one we ship."""
    return Config(
        preset="conv",
        network="conv",
        latent_size=40,
        widths=(24, 48),
        blocks=2,
        prior="flow",
        grey_share=0.1,
        importance_draws=5,
        importance_share=0.25,
        epochs=80,
        batch_size=128,
        learning_rate=2e-3,
        learning_rate_schedule="cosine",
        learning_rate_warmup_steps=500,
        gradient_norm_limit=200.0,
        kl_warmup_epochs=2,
        ema_decay=0.999,
        precision="auto",
    )


PRESETS = {"mlp-2d": mlp_2d, "mlp": mlp, "conv": conv}

AUGMENTATIONS = ("flip", "flip-vertical", "shift", "brightness")  # data/augment.py
