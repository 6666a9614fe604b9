"""How much there is to say about an image, whatever model one has: the length of a simple universal code.

A likelihood is high for simple images, known or not; what it is above the image's own simplicity tells anomalies from
known ones. Serra et al. 2020, "Input complexity and out-of-distribution detection with likelihood-based generative
models", who take the size of a PNG; this code is shorter, and the same on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

CONTEXTS = 16  # of the four neighbours that a decoder knows already: left, above left, above, above right


def code_length(images: npt.NDArray[np.float32]) -> Float64:
    """Nats that the adaptive code of Krichevsky and Trofimov (1981) takes for pixels > 1/2 by context: float64 [batch].

    images: [batch, channels, height, width]; outside is dark. Each context's pixels are coded by their counts so far
    plus 1/2; the length depends on the last counts n0, n1 alone: -ln [ G(n0) G(n1) / (n0 + n1)! ] with
    G(n) = (1/2)(3/2) ... (n - 1/2).
    """
    batch, channels, height, width = images.shape
    light = (images > 0.5).astype(np.int64)
    known = np.pad(light, ((0, 0), (0, 0), (1, 0), (1, 1)))
    left, above = known[:, :, 1:, :-2], known[:, :, :-1, 1:-1]
    above_left, above_right = known[:, :, :-1, :-2], known[:, :, :-1, 2:]
    kinds = 2 * (8 * left + 4 * above + 2 * above_left + above_right) + light
    first = np.arange(batch * channels)[:, None] * 2 * CONTEXTS
    flat = (first + kinds.reshape(batch * channels, height * width)).reshape(-1)
    counts = np.bincount(flat, minlength=batch * channels * 2 * CONTEXTS).reshape(batch, channels * CONTEXTS, 2)
    numbers = np.arange(height * width, dtype=np.float64)
    log_g = np.concatenate([[0.0], np.cumsum(np.log(numbers + 0.5))])
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(numbers + 1.0))])
    lengths = log_factorial[counts.sum(axis=2)] - log_g[counts].sum(axis=2)
    return np.asarray(lengths.sum(axis=1))
