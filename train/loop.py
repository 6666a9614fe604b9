"""The training loop: steps of the trainer until the end or a signal, in one process or in several."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch

from . import checkpoint as checkpoints
from .config import Config
from .data import Dataset
from .networks import VAE
from .parallel import Processes
from .progress import say
from .record import Record
from .trainer import Trainer


def fit(
    config: Config,
    folder: Path,
    dataset: Dataset,
    device: torch.device,
    *,
    resume: bool = False,
    begin: VAE | None = None,
    processes: Processes | None = None,
) -> bool:
    """Train to the end, or to a signal; returns whether it reached the end. The folder then holds the run.

    `begin` is a trained model whose weights a new run starts with. Of several processes the first writes.
    """
    processes = processes or Processes()
    trainer = Trainer(config, dataset, device, processes)
    if begin:
        trainer.begin_with(begin)
    if resume:
        trainer.restore(checkpoints.read_last(folder, say if processes.rank == 0 else lambda text: None))
    record = Record(folder, trainer, dataset) if processes.rank == 0 else None
    if resume and record:
        say(f"Resuming at step {trainer.step} of {trainer.total_steps}.")
    with stop_signals() as signals:
        while trainer.step < trainer.total_steps:
            trainer.take_step(trainer.batch())
            stop = processes.any(bool(signals))
            figures = trainer.end_epoch() if trainer.step % trainer.steps_per_epoch == 0 else None
            if record:
                record.after_step(figures, stop=stop)
            if stop:
                return False
    return True


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect the first Ctrl-C or SIGTERM instead of dying of it; a second one acts as usual."""
    caught: list[int] = []
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, usual[signal.Signals(number)])

    for number in usual:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
