"""A run from a request to its end: what `vae fit` does, for other programs too."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import NamedTuple

from vae_runtime.console import say

from ..checkpoint import load_model, require_new_run
from ..config import Config
from ..data.datasets import Dataset
from ..data.sources import load
from ..measure.verdict import verdict
from .lock import trained_alone
from .parallel import Processes, join
from .plan import FitRequest, Plan, complete, plan
from .training import fit


class Outcome(NamedTuple):
    """A run that has ended, for now."""

    folder: Path
    config: Config
    data: tuple[str, ...]  # what it was trained on, in sentences
    is_new: bool  # False: it was gone on with
    stopped_by: int | None  # the signal that ended it early; the same request goes on
    verdict: tuple[str, ...]  # how it does on held-out images, in sentences; empty if it was stopped
    is_writer: bool  # whether this process is the one of the run that writes and speaks


def resolve(request: FitRequest) -> Config:
    """The config that a run of this request has. Its pictures are all read for it, and nothing is trained."""
    planned = plan(request)
    if not planned.pictures:
        return planned.config
    return _with_data(planned, request)[0]


def run(request: FitRequest) -> Outcome:
    """Train what is asked for, to the end or to a signal, and say on stderr how far it is.

    Errors: InputError for what is asked, TrainingError where the run cannot go on. The folder then holds the run:
    config.json, checkpoints, metrics.jsonl, pictures. Under torchrun every process calls this.
    """
    planned = plan(request)
    if planned.is_new:
        require_new_run(planned.folder)
    config, dataset, processes = _with_data(planned, request)
    if processes.rank == 0:
        say(f"{summary(config)}; all of it in {planned.folder / 'config.json'}.")
    stopped_by = _fit(planned, request.start, config, dataset, processes)
    processes.leave()
    speaks = processes.rank == 0 and stopped_by is None
    sentences = tuple(verdict(planned.folder, config, dataset)) if speaks else ()
    return Outcome(
        planned.folder, config, dataset.about, planned.is_new, stopped_by, sentences, is_writer=processes.rank == 0
    )


def summary(config: Config) -> str:
    """A config in a line."""
    widths = "-".join(map(str, config.widths))
    augmented = f", --augment {' '.join(config.augment) or 'none'}" if config.picture_sizes else ""
    return (
        f"Preset {config.preset}: {config.latent_size} latents, widths {widths}, prior {config.prior}, likelihood "
        f"{config.likelihood}, batches of {config.batch_size}{augmented}, {config.precision}"
    )


def _with_data(planned: Plan, request: FitRequest) -> tuple[Config, Dataset, Processes]:
    """The whole config of a plan, its data, and the processes that train it."""
    processes = join(planned.device)
    tell = say if processes.rank == 0 else lambda text: None
    dataset = load(planned.config, planned.folder, directory=request.data_dir, pictures=planned.pictures, say=tell)
    return complete(planned, dataset, processes, tell), dataset, processes


def _fit(planned: Plan, start: Path | None, config: Config, dataset: Dataset, processes: Processes) -> int | None:
    """Train; returns the signal that stopped it, of whichever process."""
    folder, device, signals = planned.folder, planned.device, list[int]()
    begin = load_model(start, device)[0] if start and planned.is_new else None
    with trained_alone(folder) if processes.rank == 0 else contextlib.nullcontext():
        if planned.is_new and processes.rank == 0:
            require_new_run(folder)  # once more: another process may have begun it meanwhile
            if planned.pictures:
                planned.pictures.save(folder)
        is_done = fit(
            config,
            folder,
            dataset,
            device,
            resume=not planned.is_new,
            begin=begin,
            processes=processes,
            signals=signals,
        )
    return None if is_done else signals[0] if signals else signal.SIGINT
