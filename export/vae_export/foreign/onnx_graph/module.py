"""A graph as a torch module: each node is a function of torch, each weight a parameter.

Shapes that the graph computes inside (Shape, Gather, Concat) are Python's numbers here, not tensors, so that a
trace with an open batch sees them through. The floats of the graph are the module's, which `.double()` makes float64.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .operators import KNOWN, SETTINGS, TENSORS
from .pruning import Pruned
from .step import Step
from .values import MOST_KNOWN, Known, Value, as_tensor


class OnnxModule(nn.Module):
    """The nodes that some outputs of a graph need: one tensor in, a tuple of these outputs out."""

    def __init__(self, pruned: Pruned) -> None:
        super().__init__()
        self.input, self.outputs, self.steps = pruned.input, pruned.outputs, pruned.steps
        self.weights = nn.Module()
        self.places = self._hold(pruned.constants)
        few = {name for name, array in pruned.constants.items() if array.size <= MOST_KNOWN}
        self.known = {
            name: pruned.constants[name] for name in pruned.constants if name in few or name not in self.places
        }
        self.last_use = {name: index for index, step in enumerate(self.steps) for name in step.inputs}

    def _hold(self, constants: Mapping[str, Known]) -> dict[str, str]:
        """Floats become weights, named as in the file as far as torch allows; returns the names by constant."""
        places: dict[str, str] = {}
        for name, array in constants.items():
            if array.dtype.kind == "f":
                places[name] = f"{re.sub('[^A-Za-z0-9_]+', '_', name).strip('_') or 'constant'}_{len(places)}"
                weight = nn.Parameter(torch.from_numpy(np.array(array)), requires_grad=False)
                self.weights.register_parameter(places[name], weight)
        return places

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        values: dict[str, Value] = {self.input: x, "": None}
        for index, step in enumerate(self.steps):
            given = self._run(step, values)
            values.update(zip(step.outputs, given, strict=False))
            for name in step.inputs:  # memory of a large picture is given back as soon as nothing needs it
                if name and self.last_use[name] == index and name not in self.outputs:
                    values.pop(name, None)
        return tuple(as_tensor(self._value(name, values, known=False)) for name in self.outputs)  # type: ignore[arg-type]

    def _run(self, step: Step, values: Mapping[str, Value]) -> Sequence[Value]:
        moving = [values[name] for name in step.inputs if name and name in values]
        if step.operator in KNOWN and moving and all(isinstance(value, np.ndarray) for value in moving):
            given = KNOWN[step.operator](step, *(self._value(name, values, known=True) for name in step.inputs))
            if given is not NotImplemented:
                return given if isinstance(given, tuple) else (given,)
        settings = SETTINGS.get(step.operator, ())
        inputs = [self._value(name, values, known=place in settings) for place, name in enumerate(step.inputs)]
        given = TENSORS[step.operator](step, *inputs)
        return given if isinstance(given, (tuple, list)) else (given,)

    def _value(self, name: str, values: Mapping[str, Value], *, known: bool) -> Value:
        """A value by name: of a constant the numbers themselves, or the parameter that holds them."""
        if name in values:
            return values[name]
        if not known and name in self.places:
            weight: Tensor = getattr(self.weights, self.places[name])
            return weight
        return self.known[name]
