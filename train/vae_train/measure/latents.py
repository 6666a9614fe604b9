"""What a model's latents carry: which of them live, what a linear probe reads, how far they lie from the prior."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..data.pixels import to_float
from ..models.networks import VAE

PROBE_LABELS = (100, 1000, None)  # None: all
PROBE_DRAWS = 5  # label sets drawn at each size, averaged

Float32 = npt.NDArray[np.float32]


@torch.inference_mode()
def posteriors(model: VAE, images: npt.NDArray[np.uint8], device: torch.device) -> tuple[Tensor, Tensor]:
    """mean and logvar of uint8 images, each [batch, latent_size], on the CPU."""
    parts = [model.encode(to_float(rows.to(device))) for rows in torch.from_numpy(images).split(500)]
    mean, logvar = (torch.cat(part).float().cpu() for part in zip(*parts, strict=True))
    return mean, logvar


def active_units(mean: Tensor) -> int:
    """How many latents' posterior means vary over the data by more than 0.01 (Burda et al. 2016, section 5.2)."""
    return int((mean.var(0) > 0.01).sum())


def linear_probe(
    train: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    test: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    labels: int | None,
) -> float:
    """Test accuracy of logistic regression on latent means with few labels, the same number of each class.

    Kingma et al. 2014, "Semi-supervised learning with deep generative models", model M1. Averaged over label draws.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    latents, classes = train
    accuracies = []
    for draw in range(PROBE_DRAWS if labels else 1):
        order = np.random.default_rng(draw).permutation(len(classes))
        kinds = np.unique(classes)
        each = len(order) if labels is None else labels // len(kinds)
        rows = np.concatenate([order[classes[order] == kind][:each] for kind in kinds])
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        accuracies.append(probe.fit(latents[rows], classes[rows]).score(*test))
    return float(np.mean(accuracies))


def aggregate_posterior_auc(posterior_draws: Float32, prior_draws: Float32) -> float:
    """How well a classifier tells draws of q(z) = mean_x q(z|x) from draws of p(z): 0.5 is not at all, 1 always.

    The gap between the two is where samples look unlike data (Hoffman and Johnson 2016, "ELBO surgery"). Its KL cannot
    be estimated from few images (it comes out as the KL term less log N), so it is measured by a two-sample test on
    held-out halves (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests"): the area under the ROC curve.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    z = np.concatenate([posterior_draws, prior_draws])
    kind = np.repeat([1, 0], [len(posterior_draws), len(prior_draws)])
    order = np.random.default_rng(0).permutation(len(z))
    learn, test = order[::2], order[1::2]
    classifier = HistGradientBoostingClassifier(max_iter=200, early_stopping=False, random_state=0)
    classifier.fit(z[learn], kind[learn])
    return float(roc_auc_score(kind[test], classifier.predict_proba(z[test])[:, 1]))
