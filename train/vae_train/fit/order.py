"""The order in which training images are seen: drawn from seed and turn alone, so that a resumed run has it too."""

from __future__ import annotations

import torch
from torch import Tensor


class Order:
    """Every image once a turn, in a new order each turn."""

    def __init__(self, count: int, *, seed: int) -> None:
        self._count, self._seed = count, seed
        self._turn, self._rows = -1, torch.empty(0, dtype=torch.long)

    def turn(self, number: int) -> Tensor:
        """The rows of one turn, [count]."""
        if number != self._turn:
            generator = torch.Generator().manual_seed((self._seed * 1_000_003 + number) % 2**63)
            self._turn, self._rows = number, torch.randperm(self._count, generator=generator)
        return self._rows

    def rows(self, first: int, size: int) -> Tensor:
        """What comes from the first-th place on in all turns after each other, [size]."""
        parts, stop = [], first + size
        while first < stop:
            number, start = divmod(first, self._count)
            parts.append(self.turn(number)[start : start + stop - first])
            first += len(parts[-1])
        return torch.cat(parts)
