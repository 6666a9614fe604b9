"""What one run of `python -m benchmarks` measures, before it is written down or drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .engines.interleave import Timing
from .machine.processes import Cold
from .machine.roofline import Peaks, Work


@dataclass
class Measurements:
    """Of all engines and models; models by the names of their folders."""

    batches: tuple[int, ...]
    counts: tuple[int, ...]
    work: dict[str, Work] = field(default_factory=dict)
    timings: dict[tuple[str, int], dict[str, dict[int, Timing]]] = field(default_factory=dict)
    differences: dict[tuple[str, str], float] = field(default_factory=dict)
    missing: dict[tuple[str, str], str] = field(default_factory=dict)
    cold: dict[str, Cold] = field(default_factory=dict)
    installed: dict[str, float | None] = field(default_factory=dict)
    peaks: dict[int, Peaks] = field(default_factory=dict)
    scaling: dict[str, Any] = field(default_factory=dict)
    training: dict[str, float] = field(default_factory=dict)
