"""How good samples are, told by a small fixed classifier of digits: its features, its certainty, its classes.

The Frechet distance between Gaussians fitted to features of samples and of test images is Heusel et al. 2017, "GANs
trained by a two time-scale update rule", with this classifier in the place of Inception: FID's name is kept for the
latter, and figures are comparable only with figures of this file. Its weights lie beside it;
`python -m vae_train.measure.judge` trains them again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save
from torch import Tensor, nn

from vae_runtime import from_uint8
from vae_runtime.console import say
from vae_runtime.files import write_file

from ..data.datasets import Dataset, mnist

WEIGHTS = Path(__file__).with_name("judge.safetensors")
CERTAIN = 0.9  # a sample whose likeliest class has less than this is called unclear
FEATURES = 48

Float32 = npt.NDArray[np.float32]


class Judge(nn.Module):
    """28x28 grey images -> features and logits of ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(16, 24, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(24 * 4 * 4, FEATURES)),
        )
        self.classes = nn.Linear(FEATURES, 10)

    @torch.inference_mode()
    def look(self, images: Float32) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """images float32 [batch, 1, 28, 28] -> features [batch, 48] and class probabilities [batch, 10]."""
        features = torch.cat([self.features(rows) for rows in torch.from_numpy(images).split(500)])
        return features.double().numpy(), self.classes(features.relu()).softmax(1).double().numpy()


def load_judge() -> Judge:
    """The fixed judge."""
    judge = Judge()
    judge.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})
    return judge.eval()


def sample_quality(judge: Judge, samples: Float32, real: Float32) -> dict[str, float]:
    """Figures of samples beside the same of real images, each float32 [batch, 1, 28, 28] in [0, 1]."""
    features, classes = judge.look(samples)
    real_features, real_classes = judge.look(real)
    shares, real_shares = classes.mean(0), real_classes.mean(0)
    return {
        "count": len(samples),
        "frechet_distance": frechet_distance(features, real_features),
        "unclear_share": float((classes.max(1) < CERTAIN).mean()),
        "unclear_share_of_test_images": float((real_classes.max(1) < CERTAIN).mean()),
        "class_kl_nats": float((shares * np.log(shares / real_shares)).sum()),
    }


def frechet_distance(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Squared 2-Wasserstein distance of the Gaussians fitted to two sets of features [batch, features]."""
    covariance_1, covariance_2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root_1 = scipy.linalg.sqrtm(covariance_1).real
    # tr (C1 C2)^1/2 through the symmetric product, whose eigenvalues are real and not negative.
    cross = np.linalg.eigvalsh(root_1 @ covariance_2 @ root_1).clip(0)
    means = ((first.mean(0) - second.mean(0)) ** 2).sum()
    return float(means + np.trace(covariance_1) + np.trace(covariance_2) - 2 * np.sqrt(cross).sum())


def train_judge(dataset: Dataset, *, epochs: int = 8) -> tuple[Judge, float]:
    """Train a judge on grey images, some of them a little shifted; returns it and its test accuracy."""
    torch.manual_seed(0)
    judge = Judge()
    images = torch.from_numpy(dataset.train_images)
    labels = torch.from_numpy(dataset.train_labels).long()
    optimizer = torch.optim.Adam(judge.parameters(), lr=2e-3)
    steps = epochs * -(-len(images) // 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(128):
            shift = torch.randint(-1, 2, (2,)).tolist()
            x = torch.roll(images[rows].float() / 255, shift, dims=(2, 3))
            loss = F.cross_entropy(judge.classes(judge.features(x).relu()), labels[rows], label_smoothing=0.02)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    # Half precision on disk, and from here on in memory too: what is measured is what is kept.
    judge.load_state_dict({name: tensor.half().float() for name, tensor in judge.state_dict().items()})
    _, classes = judge.look(from_uint8(dataset.test_images))
    return judge, float((classes.argmax(1) == dataset.test_labels).mean())


def _weights(judge: Judge) -> dict[str, Tensor]:
    return {name: tensor.half().contiguous() for name, tensor in judge.state_dict().items()}


if __name__ == "__main__":
    judge, accuracy = train_judge(mnist())
    write_file(WEIGHTS, save(_weights(judge)))
    say(f"Wrote {WEIGHTS.name}: test accuracy {accuracy:.2%}.")
