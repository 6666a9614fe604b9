"""Pictures of a run, with matplotlib: what it draws, what it keeps, how its latents lie, how it learnt."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # files only: works where there is no screen

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import norm

from vae_runtime import from_uint8
from vae_runtime.files import write_file
from vae_runtime.marks import mark
from vae_runtime.maths.paths import linear
from vae_runtime.pictures.grids import image_grid
from vae_runtime.progress import watched

from ..config import Config
from ..data.datasets import Dataset
from ..data.pixels import to_float
from ..metrics import read_metrics
from ..models.likelihood import likelihood_of
from ..models.networks import VAE
from ..models.sampling import prior_latents
from .latents import posteriors

Float32 = npt.NDArray[np.float32]

MAP_POINTS = 3000  # t-SNE of more takes minutes and shows no more
MAP_LABELS = 19  # that have a colour of their own
OTHERS = "all others"
MANIFOLD_STEPS = 20
NEIGHBOURS_AMONG, NEIGHBOURS_BYTES = 60_000, 2**30  # training images, and what they may take as float32


def plot_run(run: Path, model: VAE, config: Config, dataset: Dataset, device: torch.device) -> Iterator[Path]:
    """Draw every picture that the run has matter for into RUN/plots; yields each path as it is written."""
    folder = run / "plots"
    folder.mkdir(exist_ok=True)
    plot = _Plots(model, config, dataset, device)
    figures: dict[str, Callable[[], Any]] = {
        "samples-row": lambda: plot.samples(5, columns=5),
        "samples-grid": lambda: plot.samples(100, columns=10),
        "samples-beside-test-images": lambda: plot.beside_test_images(100, columns=10),
        "nearest-training-images": lambda: plot.neighbours(10, nearest=4),
        "reconstructions": lambda: plot.reconstructions(10),
        "interpolation": lambda: plot.interpolation(10),
    }
    if len(dataset.test_images) >= 10:
        figures["latent-map"] = plot.latent_map
    if config.latent_size == 2:
        figures["manifold"] = plot.manifold
    if rows := read_metrics(run):
        figures["loss"] = lambda: loss_curves(rows, config)
    for name, draw in watched(figures.items(), len(figures), "plots"):
        path = folder / f"{name}.png"
        save_figure(path, draw())
        yield path


def save_figure(path: Path, figure: Any) -> None:
    """Write a picture, whole or not at all, and let go of it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.lstrip(".") or None, dpi=150, bbox_inches="tight")
    plt.close(figure)
    write_file(path, mark(buffer.getvalue()))


class _Plots:
    """The pictures that need the model."""

    def __init__(self, model: VAE, config: Config, dataset: Dataset, device: torch.device) -> None:
        self.model, self.config, self.dataset, self.device = model, config, dataset, device

    def samples(self, n: int, *, columns: int) -> Any:
        """Draws from the prior, seed 0."""
        return _picture(image_grid(self.draw(n), columns=columns), "Samples from the prior")

    def beside_test_images(self, n: int, *, columns: int) -> Any:
        """Draws from the prior, seed 0, and as many test images drawn at random."""
        n = min(n, len(self.dataset.test_images))
        chosen = np.random.default_rng(0).choice(len(self.dataset.test_images), n, replace=False)
        samples = image_grid(self.draw(n), columns=columns)
        real = image_grid(from_uint8(self.dataset.test_images[chosen]), columns=columns)
        gap = np.ones((len(samples), samples.shape[1], 8), np.float32)
        return _picture(np.concatenate([samples, gap, real], axis=2), "Samples from the prior | test images")

    def neighbours(self, n: int, *, nearest: int) -> Any:
        """Draws from the prior, each over the training images nearest to it, pixel by pixel: copies would show."""
        samples = self.draw(n)
        among = min(NEIGHBOURS_AMONG, NEIGHBOURS_BYTES // samples[0].nbytes)
        train = torch.from_numpy(from_uint8(self.dataset.train_images[:among])).flatten(1)
        order = torch.cdist(torch.from_numpy(samples).flatten(1), train).argsort(1)[:, :nearest].T
        rows = [samples, *(from_uint8(self.dataset.train_images[row.numpy()]) for row in order)]
        return _picture(image_grid(np.concatenate(rows), columns=n), "Samples, and the training images nearest to each")

    def reconstructions(self, n: int) -> Any:
        """Test images over the decoded means of their posteriors."""
        originals = to_float(torch.from_numpy(self.dataset.test_images[:n])).numpy()
        mean, _ = posteriors(self.model, self.dataset.test_images[:n], self.device)
        images = np.concatenate([originals, self.decode(mean.numpy())])
        return _picture(image_grid(images, columns=len(originals)), "Test images and their reconstructions")

    def interpolation(self, steps: int) -> Any:
        """Straight lines between the posterior means of pairs of test images, of different labels where there are."""
        labels = self.dataset.test_labels
        firsts = [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)]
        if len(firsts) < 2:
            firsts = [0, min(1, len(labels) - 1), *range(2, min(10, len(labels) // 2 * 2))]
        mean, _ = posteriors(self.model, self.dataset.test_images[firsts], self.device)
        pairs = zip(mean.numpy()[0::2], mean.numpy()[1::2], strict=False)
        lines = np.concatenate([linear(start, end, steps) for start, end in pairs])
        return _picture(image_grid(self.decode(lines), columns=steps), "Interpolation between posterior means")

    def latent_map(self) -> Any:
        """Posterior means of test images by label: the plane itself for two latents, t-SNE above."""
        mean, _ = posteriors(self.model, self.dataset.test_images, self.device)
        points, labels = mean.numpy(), self.dataset.test_labels
        title = "Posterior means of the test images"
        if self.config.latent_size > 2:
            from sklearn.manifold import TSNE

            points, labels = points[:MAP_POINTS], labels[:MAP_POINTS]
            perplexity = min(30.0, (len(points) - 1) / 3)
            points = TSNE(random_state=0, init="pca", perplexity=perplexity).fit_transform(points)
            title += f" (t-SNE of the first {len(points):,})"
        figure, axes = plt.subplots(figsize=(8, 7))
        for place, (name, chosen) in enumerate(self._kinds(labels)):
            colour = "lightgrey" if name == OTHERS else plt.get_cmap("tab20" if place > 9 else "tab10")(place)
            axes.scatter(points[chosen, 0], points[chosen, 1], s=6, color=colour, label=name)
        if len(np.unique(labels)) > 1:
            axes.legend(markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5))
        axes.set(title=title, aspect="equal")
        if self.config.latent_size == 2:
            axes.set(xlabel="z[0]", ylabel="z[1]")
        return figure

    def _kinds(self, labels: npt.NDArray[np.uint8]) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
        """Names and rows of the most frequent labels, and of all others together, which come first and lie below."""
        distinct, counts = np.unique(labels, return_counts=True)
        shown = np.sort(distinct[np.argsort(-counts, kind="stable")[:MAP_LABELS]])
        if len(shown) < len(distinct):
            yield OTHERS, ~np.isin(labels, shown)
        for label in shown:
            names = self.dataset.classes
            name = (names[label] or "(no folder)") if label < len(names) else str(label)
            yield name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), labels == label

    def manifold(self) -> Any:
        """The latent plane decoded at the quantiles of the prior (Kingma and Welling 2014, figure 4)."""
        quantiles = norm.ppf(np.linspace(0.02, 0.98, MANIFOLD_STEPS))
        z = np.array([(x, y) for y in quantiles[::-1] for x in quantiles], np.float32)
        grid = image_grid(self.decode(z), columns=MANIFOLD_STEPS, gap=0)
        return _picture(grid, "The latent plane, at quantiles of the prior")

    def draw(self, n: int) -> Float32:
        """The model's samples 0 .. n - 1 of seed 0."""
        return self.decode(prior_latents(self.model, n, self.config.latent_size, self.device).cpu().numpy())

    @torch.inference_mode()
    def decode(self, z: Float32) -> Float32:
        """z [batch, latent_size] -> mean images."""
        parts = [self.model.mean_image(rows.to(self.device)).cpu() for rows in torch.from_numpy(z).split(500)]
        return torch.cat(parts).numpy()


def nll_curve(runs: dict[str, dict[str, Any]]) -> Any:
    """NLL against the number of parameters, a point for each evaluated run."""
    figure, axes = plt.subplots(figsize=(6, 4))
    points = sorted((figures["parameters"], figures["nll_nats"], name) for name, figures in runs.items())
    axes.plot([point[0] for point in points], [point[1] for point in points], "o-")
    for parameters, nll, name in points:
        axes.annotate(f"{name}: {nll:.1f}", (parameters, nll), textcoords="offset points", xytext=(6, 6))
    axes.set(xscale="log", xlabel="parameters", ylabel="NLL, nats an image", title="Test NLL against parameters")
    axes.margins(0.15)
    axes.grid(alpha=0.3)
    return figure


def loss_curves(rows: list[dict[str, Any]], config: Config) -> Any:
    """-ELBO, trained on and held out, and its two terms over the epochs, in the unit of the likelihood."""
    unit, numbers = likelihood_of(config).unit, math.prod(config.image_shape)

    def costs(name: str, rows: list[dict[str, Any]]) -> list[float]:
        return [unit.cost(row[name], numbers) for row in rows]

    epochs = [row["epoch"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.plot(epochs, costs("elbo", rows), label="trained on")
    weighted = [row for row in rows if row.get("draws", 1) > 1]
    if weighted:
        label = f"importance-weighted, K={weighted[0]['draws']}"
        left.plot([row["epoch"] for row in weighted], costs("bound", weighted), label=label)
    if "validation_bound" in rows[0]:
        left.plot(epochs, costs("validation_bound", rows), label="held out")
    right.plot(epochs, costs("log_likelihood", rows), label="minus the log-likelihood")
    right.plot(epochs, [unit.divergence(row["kl"], numbers) for row in rows], label="KL to the prior")
    for axes, title in ((left, "Minus the ELBO: lower is better"), (right, "Its terms")):
        axes.set(title=title, xlabel="epoch", ylabel=unit.axis)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def _picture(grid: Float32, title: str) -> Any:
    channels, height, width = grid.shape
    scale = 10 / math.hypot(height, width)
    figure, axes = plt.subplots(figsize=(width * scale, height * scale))
    axes.imshow(grid.transpose(1, 2, 0) if channels == 3 else grid[0], cmap="gray", vmin=0, vmax=1)
    axes.set_title(title)
    axes.axis("off")
    return figure
