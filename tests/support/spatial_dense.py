"""The autoencoder of `spatial.py` as graphs of dense layers, as other people's exporters write them: the same numbers.

Images go to [-1, 1] first; a layer is MatMul and Add; activations cancel each other; the encoder gives a standard
deviation by Softplus, whose logarithm the log-variance is.
"""

from __future__ import annotations

import numpy as np

from tests.support.spatial import IMAGE, LATENT, LOGVAR, SIZE, Spatial, float32, node, numbers, stamped

PIXELS = int(np.prod(IMAGE))
SLOPE = 0.25


class Dense(Spatial):
    """For each of the families, as `Spatial`."""

    def _encoder(self) -> bytes:
        every = np.eye(PIXELS).reshape(-1, *IMAGE)  # one pixel lit in each
        weights = {
            **numbers(two=2, one=1, both=1 + SLOPE),
            "places": np.array([-1, *LATENT]),
            "w": float32(self.mean(every + 0.5).reshape(PIXELS, SIZE) / 2),
        }
        nodes = [
            node("Mul", "images two", "doubled"),
            node("Sub", "doubled one", "x"),
            node("Flatten", "x", "row"),
            node("MatMul", "row w", "sum"),
            node("LeakyRelu", "sum", "up", alpha=SLOPE),
            node("Neg", "sum", "minus"),
            node("LeakyRelu", "minus", "down", alpha=SLOPE),
            node("Sub", "up down", "stretched"),
            node("Div", "stretched both", "mean_row"),
            node("Reshape", "mean_row places", "mean"),
        ]
        outputs = {"mean": LATENT}
        if self.families.posterior != "none":
            sigma = np.exp(np.repeat(LOGVAR, SIZE // len(LOGVAR)) / 2)
            weights |= {"none": np.zeros((PIXELS, SIZE), "f4"), "before": float32(np.log(np.expm1(sigma)))}
            nodes += [
                node("MatMul", "row none", "zero"),
                node("Add", "zero before", "raw"),
                node("Softplus", "raw", "sigma"),
                node("Log", "sigma", "log_sigma"),
                node("Mul", "log_sigma two", "logvar_row"),
                node("Reshape", "logvar_row places", "logvar"),
            ]
            outputs["logvar"] = LATENT
        return stamped("encoder", nodes, {"images": IMAGE}, outputs, weights)

    def _decoder(self) -> bytes:
        every = np.eye(SIZE).reshape(-1, *LATENT)
        weights = {
            "pixels": np.array([-1, *IMAGE]),
            "w": float32((self.logits(every) - self.offset).reshape(SIZE, PIXELS)),
            "b": np.full(PIXELS, self.offset, "f4"),
        }
        bernoulli = self.families.likelihood.family == "bernoulli"
        last, outputs = ("logits", {"logits": IMAGE, "images": IMAGE}) if bernoulli else ("images", {"images": IMAGE})
        nodes = [
            node("Flatten", "z", "row"),
            node("MatMul", "row w", "sum"),
            node("Add", "sum b", "x"),
            node("Reshape", "x pixels", last),
        ]
        if bernoulli:
            nodes.append(node("Sigmoid", "logits", "images"))
        return stamped("decoder", nodes, {"z": LATENT}, outputs, weights)
