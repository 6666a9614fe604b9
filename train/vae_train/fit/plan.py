"""From what is asked for to the config of a run, before any of it is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

from vae_runtime.errors import InputError
from vae_runtime.spec import MODES

from ..checkpoint import has_checkpoint, read_config
from ..config import PRESETS, Config
from ..data.datasets import Dataset
from ..data.recipe import MINUTES, for_count, for_length
from ..data.sources import NAMES, PictureFolders, begin, data_name, parse_size, require_outside
from ..devices import choose_device, resolve_precision
from ..models.likelihood import likelihood_of
from ..models.prior import PRIORS, prior_of
from ..models.shortcut import pool_for
from .mirrors import mirrors_help
from .parallel import Processes

GIVEN_ANEW = {"epochs", "minutes", "patience", "importance_share"}  # with --resume


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """What is to be trained, as the options of `vae fit` say it; None: nothing was said.

    go_on: where `out` holds a run already, go on with it; what is asked for must be what that run was asked for.
    """

    out: Path | None = None  # folder of a new run
    resume: Path | None = None  # a run to go on with
    go_on: bool = False
    preset: str | None = None
    data: str | None = None  # name of a data set, or a folder of pictures
    data_dir: Path | None = None  # where the data lie now
    validation: Path | None = None  # a folder of pictures to test with
    size: str | None = None
    mode: str | None = None
    start: Path | None = None  # a run whose weights the new one begins with
    device: str | None = None
    threads: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)  # fields of the config that were chosen

    @property
    def chosen(self) -> dict[str, Any]:
        """The changes, but for those that are None."""
        return {name: choice for name, choice in self.changes.items() if choice is not None}


class Plan(NamedTuple):
    """A run that can be begun: its folder, and its config as far as it can be told without the data."""

    folder: Path
    config: Config
    pictures: PictureFolders | None  # of a new run on a folder
    is_new: bool
    changes: dict[str, Any]
    device: torch.device


def plan(request: FitRequest) -> Plan:
    """Settle a request, or refuse it with a sentence: an InputError. Of pictures some are looked at."""
    changes = request.chosen
    if "epochs" in changes and "minutes" in changes:
        raise InputError("--epochs and --minutes both say how long to train; give one of them.")
    folder = request.resume or request.out
    going_on = request.go_on and folder is not None and has_checkpoint(folder)
    pictures = None
    if folder and request.resume:
        config = _resumed(request, folder)
    elif folder and going_on:
        config = _gone_on_with(request, folder)
        changes = {name: chosen for name, chosen in changes.items() if name in GIVEN_ANEW}
    elif folder and (request.preset or request.data not in (None, *NAMES)):
        config, pictures = _new(request, folder)
    else:
        raise InputError(
            "say which --preset to train, or give a folder of pictures as --data, and the --out folder of the run; "
            "or give --resume RUN."
        )
    if request.start and not going_on:
        changes["started_from"] = _name_of_run(request.start)
    device = choose_device(request.device, request.threads)
    config = resolve_precision(dataclasses.replace(config, **changes), device)
    _check(config)
    return Plan(folder, config, pictures, is_new=not (request.resume or going_on), changes=changes, device=device)


def complete(plan: Plan, dataset: Dataset, processes: Processes, say: Callable[[str], None]) -> Config:
    """The config of a planned run once its data are known; says a warning where nothing can be held out."""
    config, changes = plan.config, plan.changes
    if plan.pictures:
        config = _for_pictures(config, changes, dataset)
        if not config.validation_images:
            say(
                "warning: nothing is held out, so nothing will say how the model does on new pictures, and its noise "
                "will be too small for them. Give it more pictures, or --validation-images."
            )
        if "augment" not in changes and processes.of_first(float(mirrors_help(config, dataset))):
            config = dataclasses.replace(config, augment=("flip",))
    if "epochs" in changes:  # on --resume, a run with a limit in time has none from here on
        config = dataclasses.replace(config, minutes=0.0)
    if plan.is_new:
        config = dataclasses.replace(config, batch_size=config.batch_size * processes.size)
    if plan.pictures and not config.minutes:
        config = for_length(config, config.epochs * -(-len(dataset.train_images) // config.batch_size))
    return config


def _resumed(request: FitRequest, folder: Path) -> Config:
    """The config of a run that is gone on with."""
    new = (request.preset, request.out, request.start, request.data, request.validation, request.size, request.mode)
    if any(new) or set(request.chosen) - GIVEN_ANEW:
        raise InputError(
            "--resume goes on with the run's own config; of it, only --epochs, --minutes, --patience and "
            "--importance-share can be given anew."
        )
    return read_config(folder)


def _gone_on_with(request: FitRequest, folder: Path) -> Config:
    """The config of a run that the same request has begun; refuses a request that it would not have come of."""
    config = read_config(folder)
    fixed = {name: chosen for name, chosen in request.chosen.items() if name not in GIVEN_ANEW}
    if request.data:
        fixed["data"] = data_name(request.data)
    if request.preset:
        fixed["preset"] = request.preset
    if request.start:
        fixed["started_from"] = _name_of_run(request.start)
    channels, height, width = config.image_shape
    if request.size:
        width, height = parse_size(request.size)
    if request.mode:
        channels = MODES[request.mode]
    fixed["image_shape"] = (channels, height, width)
    for name, chosen in fixed.items():
        begun = getattr(config, name)
        if begun != chosen:
            raise InputError(
                f"{folder} was begun with {name.replace('_', ' ')} {begun!r}, and {chosen!r} is asked for; choose "
                "another folder for another run."
            )
    return config


def _new(request: FitRequest, folder: Path) -> tuple[Config, PictureFolders | None]:
    """The config of a new run, and its pictures if it has a folder of them."""
    config, pictures = begin(
        PRESETS[request.preset or "conv"](),
        request.data or "mnist",
        val=request.validation,
        size=request.size,
        mode=request.mode,
        changes=request.chosen,
    )
    if pictures:
        require_outside(folder, pictures)
    return config, pictures


def _name_of_run(folder: Path) -> str:
    """A run's name, which is all that is kept: a model carries no path of the machine that made it."""
    whole = folder.resolve()
    return whole.parent.name if whole.name == "checkpoint" else whole.name


def _for_pictures(config: Config, changes: dict[str, Any], dataset: Dataset) -> Config:
    """A config with all that follows from the number and the sizes of its pictures, and what was chosen instead."""
    images = len(dataset.train_images)
    config = dataclasses.replace(config, picture_sizes=dataset.sizes)
    config = for_count(config, images, at_once=max(1, config.patches))
    if not changes.keys() & {"epochs", "minutes"}:
        config = dataclasses.replace(config, minutes=MINUTES)
    config = dataclasses.replace(config, **changes)
    if config.linear_pool:  # of the stages that --widths gives
        config = dataclasses.replace(config, linear_pool=pool_for(config.image_shape, len(config.widths)))
    if not 0 <= config.validation_images < images:
        raise InputError(f"--validation-images is {config.validation_images}; there are {images:,} images to train on.")
    return config


def _check(config: Config) -> None:
    """Refuse options that do not go together."""
    if config.importance_share and config.importance_draws == 1:
        raise InputError(f"the preset {config.preset!r} has no --importance-share: its bound is of one draw.")
    likelihood_of(config).check(config)
    if config.only_prior and not (config.started_from and prior_of(config).is_learned):
        learned = " or ".join(name for name, family in PRIORS.items() if family.is_learned)
        raise InputError(
            f"--only-prior needs --from RUN, whose encoder and decoder it keeps, and a prior to train: {learned}."
        )
