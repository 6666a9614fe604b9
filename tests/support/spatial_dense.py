"""The autoencoder of `spatial.py` as graphs of dense layers, as Keras and others write them: the same numbers."""

from __future__ import annotations

import numpy as np

from tests.support.spatial import IMAGE, LATENT, LOGVAR, SIZE, Spatial, _float, _node, _numbers, _stamped

PIXELS = int(np.prod(IMAGE))


class Dense(Spatial):
    """Images go to [-1, 1] first; a layer is MatMul and Add, and so is each affine map."""

    def _encoder(self) -> bytes:
        every = np.eye(PIXELS).reshape(-1, *IMAGE)  # one pixel lit in each
        weights = {
            **_numbers(two=2, one=1),
            "flat": np.array([-1, PIXELS]),
            "places": np.array([-1, *LATENT]),
            "w": _float(self.mean(every + 0.5).reshape(PIXELS, SIZE) / 2),
        }
        nodes = [
            _node("Mul", "images two", "doubled"),
            _node("Sub", "doubled one", "x"),
            _node("Reshape", "x flat", "row"),
            _node("MatMul", "row w", "sum"),
            _node("Reshape", "sum places", "mean"),
        ]
        outputs = {"mean": LATENT}
        if self.families.posterior != "none":
            weights |= {"none": np.zeros((PIXELS, SIZE), "f4"), "logvars": _float(np.repeat(LOGVAR, SIZE // 2))}
            nodes += [
                _node("MatMul", "row none", "zero"),
                _node("Add", "zero logvars", "logvar_row"),
                _node("Reshape", "logvar_row places", "logvar"),
            ]
            outputs["logvar"] = LATENT
        return _stamped("encoder", nodes, {"images": IMAGE}, outputs, weights)

    def _decoder(self) -> bytes:
        every = np.eye(SIZE).reshape(-1, *LATENT)
        weights = {
            "flat": np.array([-1, SIZE]),
            "pixels": np.array([-1, *IMAGE]),
            "w": _float((self.logits(every) - self.offset).reshape(SIZE, PIXELS)),
            "b": np.full(PIXELS, self.offset, "f4"),
        }
        bernoulli = self.families.likelihood.family == "bernoulli"
        last, outputs = ("logits", {"logits": IMAGE, "images": IMAGE}) if bernoulli else ("images", {"images": IMAGE})
        nodes = [
            _node("Reshape", "z flat", "row"),
            _node("MatMul", "row w", "sum"),
            _node("Add", "sum b", "x"),
            _node("Reshape", "x pixels", last),
        ]
        if bernoulli:
            nodes.append(_node("Sigmoid", "logits", "images"))
        return _stamped("decoder", nodes, {"z": LATENT}, outputs, weights)
