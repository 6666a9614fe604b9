"""The picture grid a run leaves behind after each epoch: samples from fixed latents, over fixed reconstructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_runtime.pictures.grids import image_grid
from vae_runtime.pictures.writing import write_image

from ..models.networks import VAE
from ..models.sampling import prior_latents

COLUMNS = 10


@torch.no_grad()
def write_snapshot(path: Path, model: VAE, images: Tensor, latent_size: int) -> None:
    """Five rows of samples, a row of images [batch, channels, height, width] and a row of their reconstructions."""
    z = prior_latents(model, 5 * COLUMNS, latent_size, images.device)
    originals = images[:COLUMNS]
    samples = model.mean_image(z)
    reconstructions = model.mean_image(model.encode(originals)[0])
    rows = torch.cat([samples, originals, reconstructions]).float().cpu().numpy()
    write_image(path, image_grid(np.ascontiguousarray(rows), columns=COLUMNS))
