"""How a run's sums are divided, which is in their last bits: over threads, over processes, by which torch, on what."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch


class Division(NamedTuple):
    """What a checkpoint notes of the machine; a CPU run repeats bit for bit where all of it is the same."""

    device: str
    threads: int  # of torch, on a CPU; elsewhere they add nothing up
    processes: int
    torch_version: str

    @classmethod
    def here(cls, device: torch.device, processes: int = 1) -> Division:
        """That of this process."""
        threads = torch.get_num_threads() if device.type == "cpu" else 1
        return cls(device.type, threads, processes, str(torch.__version__))

    def since(self, state: dict[str, Any]) -> str | None:
        """A sentence on what is another than in a checkpoint's state; None where nothing is, or nothing was noted."""
        then = self._replace(**{name: state[name] for name in self._fields if name in state})
        changed = [name for name in self._fields if getattr(then, name) != getattr(self, name)]
        if not changed:
            return None
        before, now = (", ".join(_SAID[name].format(getattr(one, name)) for name in changed) for one in (then, self))
        return f"The run goes on, but not bit for bit as it would have: it had {before}, and has {now} now."


_SAID = {
    "device": "the device {}",
    "threads": "--threads {}",
    "processes": "processes: {}",
    "torch_version": "torch {}",
}
