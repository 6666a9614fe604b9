"""The logits of a decoder that ends in a sigmoid: the same code, run with its last sigmoid left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

SIGMOIDS = (torch.sigmoid, Tensor.sigmoid, Tensor.sigmoid_, torch.special.expit, F.sigmoid, torch.sigmoid_)


class _Counted(TorchFunctionMode):
    """Counts sigmoids, and leaves out the one of a number."""

    def __init__(self, without: int | None = None) -> None:
        super().__init__()
        self.count, self._without = 0, without

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in SIGMOIDS:
            self.count += 1
            if self.count == self._without:
                return args[0] if args else dict(kwargs or {})["input"]
        return func(*args, **(kwargs or {}))


class WithoutLastSigmoid(nn.Module):
    """A decoder that gives the logits of what `decoder` gives."""

    def __init__(self, decoder: nn.Module, number: int) -> None:
        super().__init__()
        self.decoder, self.number = decoder, number

    def forward(self, z: Tensor) -> Any:
        with _Counted(self.number):
            return self.decoder(z)


def without_last_sigmoid(decoder: nn.Module, z: Tensor, images_of: Callable[[Any], Tensor]) -> nn.Module | None:
    """The decoder as one of logits, or None where its images are not a sigmoid's of anything: asked at z."""
    with _Counted() as seen:
        images = images_of(decoder(z))
    if not seen.count:
        return None
    logits = WithoutLastSigmoid(decoder, seen.count)
    return logits if torch.equal(images_of(logits(z)).sigmoid(), images) else None
