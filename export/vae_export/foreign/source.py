"""A model that somebody else trained as the source of an export: probed, and made to speak as our own do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from vae_train.models.networks import parameter_count

from vae_runtime.maths.likelihood import Likelihood
from vae_runtime.model.lacking import NONE
from vae_runtime.model.manifest import Label
from vae_runtime.model.prior import PRIORS
from vae_runtime.spec import ImageSpec, LatentSpec

from ..graphs.functions import Function, Functions, names_of
from ..int8.recipe import Recipe
from ..run_source import remove_checkpoint
from ..torch_side import TorchSide
from .densities import Invertible
from .model import Foreign, ForeignModel, LearnedPrior
from .network import DecoderGraph, EncoderGraph, ForeignVAE, PriorDensity
from .settling import settled

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ForeignSource:
    """The maker's halves as one module; what its folder knows is nothing, so all that is said comes from the caller."""

    given: ForeignModel
    model: ForeignVAE
    examples: Float32 | None
    sigma_of: int  # examples that sigma was estimated from, 0 where it was given

    labels: tuple[Label, ...] = ()
    recipe: Recipe | None = None
    learned_windows = False
    may_be_large = True

    @classmethod
    def read(cls, foreign: Foreign) -> ForeignSource:
        """Run both halves on some pictures; an ExportError says what cannot be exported, and what to do."""
        model, sigma_of = settled(foreign)
        return cls(foreign.model, model, foreign.examples, sigma_of)

    @property
    def image(self) -> ImageSpec:
        return self.given.image

    @property
    def latent(self) -> LatentSpec:
        return self.given.latent

    @property
    def prior(self) -> str:
        return Invertible.name if isinstance(self.given.prior, LearnedPrior) else self.given.prior

    @property
    def posterior(self) -> str:
        return NONE if self.model.gives == "mean" else "diagonal_gaussian"

    @property
    def likelihood(self) -> Likelihood:
        likelihood: Likelihood = self.model.likelihood.to_runtime()  # type: ignore[operator]  # nn.Module's names
        return likelihood

    @property
    def side(self) -> TorchSide:
        return TorchSide(self.model, self.given.image.shape, self.given.latent_shape, examples=self.examples)

    @property
    def functions(self) -> Functions:
        image, latent = self.given.image.shape, self.given.latent_shape
        encoded = ["mean"] if self.posterior == NONE else ["mean", "logvar"]
        decoded = ("images", *self.likelihood.decoded)
        functions = {
            "encoder": Function(EncoderGraph(self.model), "images", encoded, image),
            "decoder": Function(DecoderGraph(self.model, decoded), "z", decoded, latent),
        }
        if isinstance(self.model.prior, Invertible):
            signatures = PRIORS[self.prior].graphs(latent)
            modules = {"prior_sample": self.model.prior.sample, "prior_log_prob": PriorDensity(self.model.prior)}
            functions |= {role: Function(modules[role], *names_of(signatures[role]), latent) for role in signatures}
        return functions

    def training(self) -> dict[str, Any]:
        return {
            **({"made_by": self.given.made_by} if self.given.made_by else {}),
            "parameters": parameter_count(self.model),
            **({"sigma_estimated_from_images": self.sigma_of} if self.sigma_of else {}),
        }

    def keep(self, folder: Path, recipe: Recipe | None) -> None:
        """Nothing is kept: a module is code and weights, and only its maker has the code."""
        remove_checkpoint(folder)
