"""Ways from one latent to another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


def linear(start: Float32, end: Float32, steps: int) -> Float32:
    """The straight line, both ends included: two latents of one shape -> float32 [steps, *shape]."""
    t = np.linspace(0.0, 1.0, steps).reshape(-1, *(1 for _ in start.shape))
    return ((1 - t) * start.astype(np.float64) + t * end.astype(np.float64)).astype(np.float32)


def spherical(start: Float32, end: Float32, steps: int) -> Float32:
    """The great arc, with the length going over evenly: two latents of one shape -> float32 [steps, *shape].

    Shoemake 1985, "Animating rotation with quaternion curves". It stays at the distance from
    the origin where a Gaussian prior in many dimensions has its mass; the straight line cuts through. Parallel,
    opposite or zero ends have no arc of their own and are joined by the line.
    """
    a, b = (latent.astype(np.float64).reshape(-1) for latent in (start, end))
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    cosine = float(a @ b / (length_a * length_b)) if length_a and length_b else 1.0
    if abs(cosine) > 1 - 1e-9:
        return linear(start, end, steps)
    t = np.linspace(0.0, 1.0, steps)[:, None]
    angle = np.arccos(cosine)
    direction = (np.sin((1 - t) * angle) * (a / length_a) + np.sin(t * angle) * (b / length_b)) / np.sin(angle)
    points: Float32 = (direction * ((1 - t) * length_a + t * length_b)).astype(np.float32).reshape(steps, *start.shape)
    return points
