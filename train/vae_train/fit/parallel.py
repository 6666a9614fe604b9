"""Data-parallel training under `torchrun`: every process does its rows of each batch, the first one writes.

All processes draw the same batch and the same noise and then take every size-th row of them, so that a run is the same
run on any number of processes, up to the order of sums.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import torch
import torch.distributed
from torch import Tensor


class Processes(NamedTuple):
    """This process among those of the run; alone by default, and then nothing here does anything."""

    rank: int = 0
    size: int = 1

    def rows_of(self, count: int) -> tuple[slice, bool]:
        """This process's share of `count` rows, every size-th from its rank on; and whether that is none.

        Then, of a short last batch, the slice is the first row, which is others' and must count for nothing here.
        """
        idle = self.rank >= count
        return (slice(0, 1) if idle else slice(self.rank, None, self.size)), idle

    def add_up(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, all in one message."""
        if self.size == 1:
            return
        message = torch.cat([tensor.flatten().double() for tensor in tensors])
        torch.distributed.all_reduce(message)
        for tensor, part in zip(tensors, message.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view(tensor.shape))

    def any(self, here: bool) -> bool:
        """Whether it is true in any process."""
        if self.size == 1:
            return here
        flag = torch.tensor(float(here), device="cuda" if torch.distributed.get_backend() == "nccl" else "cpu")
        torch.distributed.all_reduce(flag)
        return bool(flag)

    def of_first(self, number: float) -> float:
        """The number that the first process has, in all of them."""
        if self.size == 1:
            return number
        device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
        message = torch.tensor(number if self.rank == 0 else 0.0, dtype=torch.float64, device=device)
        torch.distributed.all_reduce(message)
        return float(message)

    def take_first(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by the first process's."""
        if self.rank > 0:
            for tensor in tensors:
                tensor.zero_()
        self.add_up(tensors)

    def leave(self) -> None:
        """Part from the others, when all are done: a process that just ends may be ended by its own network threads."""
        if self.size > 1:
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()


def join(device: torch.device) -> Processes:
    """Join the processes that torchrun announces in the environment; without it, be alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Processes()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Processes(torch.distributed.get_rank(), size)
