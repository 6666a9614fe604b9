"""How long a run still takes: by kind of step, for a step of five draws is no step of one."""

from __future__ import annotations

from collections.abc import Mapping

NEWEST = 0.05  # weight of the newest step in the average of its kind


class Pace:
    """Seconds of a step by its number of draws, and of what the end of an epoch costs."""

    def __init__(self) -> None:
        self._steps: dict[int, float] = {}
        self._epoch_end = 0.0

    def note_step(self, draws: int, seconds: float) -> None:
        """Take in one step."""
        known = self._steps.get(draws, seconds)
        self._steps[draws] = known + NEWEST * (seconds - known)

    def note_epoch_end(self, seconds: float) -> None:
        """Take in the measuring, drawing and saving after an epoch."""
        self._epoch_end = seconds

    def step(self, draws: int) -> float:
        """Seconds of one step; of a kind that was not seen, by what one draw in the decoder is of a step."""
        if draws in self._steps:
            return self._steps[draws]
        if not self._steps:
            return 0.0
        seen, seconds = next(iter(self._steps.items()))
        return seconds * (1 + draws) / (1 + seen)

    def remaining(self, steps: Mapping[int, int], epochs: int) -> float:
        """Seconds of these many steps of each number of draws, and of these many ends of an epoch."""
        return sum(count * self.step(draws) for draws, count in steps.items()) + epochs * self._epoch_end
