"""A model folder in the making: one frozen value that each step of an export takes, and gives with more in it."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from vae_train.data.datasets import Dataset

from vae_runtime import VAE
from vae_runtime.checks.equality import Equality
from vae_runtime.model.manifest import Manifest
from vae_runtime.model.writing import write_model

from .checks.anomalies import Anomalies
from .checks.calibration import Calibrated
from .checks.parity import Parity
from .foreign.model import Foreign
from .int8.recipe import Recipe
from .source import Source


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported, and where to; `pipeline.export` says what each field means."""

    origin: Path | Foreign  # a run's folder, or what somebody else trained
    folder: Path
    license: str
    int8: FindRecipe | None = None
    calibrate: Path | npt.NDArray[np.float32] | None = None
    dataset: Dataset | None = None
    replace: bool = False

    @property
    def meant(self) -> str:
        """What to do where another model lies in the folder."""
        free = shlex.quote(str(_free(self.folder)))
        if isinstance(self.origin, Foreign):
            return f"to keep both, export to another folder, such as {free}"
        run = shlex.quote(str(self.origin))
        return f"to keep both, vae export {run} {free}"


class Exported(NamedTuple):
    """How an export compares with torch, what its scores tell from its data, and what it was calibrated with."""

    parity: list[Parity]
    anomalies: Anomalies | None  # where pictures were there to ask
    bits: Mapping[str, Equality]  # by precision
    calibrated: Calibrated | None  # where pictures were given
    thinning: str  # a sentence on calibration scores that were not kept; "" where all were
    dropped: str  # a sentence on 8-bit graphs that the folder had, and has no more


@dataclass(frozen=True)
class Draft:
    """A model folder, all of it in memory, and what is known of it so far."""

    request: ExportRequest
    source: Source
    earlier: Manifest | None  # of the model that lies in the folder
    digest: str  # that of its manifest, "" for none: nobody else may write there meanwhile
    manifest: Manifest
    contents: Mapping[str, bytes]  # by file name
    sizes: Mapping[str, float] = dataclasses.field(default_factory=dict)  # how large the golden tensors are
    recipe: Recipe | None = None  # of its 8-bit graphs
    large: bool = False  # whether it is opened by the limits of large models alone
    exported: Exported = dataclasses.field(default_factory=lambda: Exported([], None, {}, None, "", ""))

    def extended(self, contents: Mapping[str, bytes] | None = None, **changes: Any) -> Draft:
        """The draft with more files, and with other fields in its manifest."""
        manifest = dataclasses.replace(self.manifest, **changes)
        return dataclasses.replace(self, manifest=manifest, contents={**self.contents, **(contents or {})})

    def noted(self, **findings: Any) -> Draft:
        """The draft with more in what `export` returns."""
        return dataclasses.replace(self, exported=self.exported._replace(**findings))

    @contextmanager
    def laid_out(self) -> Iterator[Path]:
        """The draft as a model folder, which goes with the context."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / self.manifest.name
            write_model(folder, self.manifest, self.contents)
            yield folder

    @contextmanager
    def opened(self, *, precision: str = "float32", threads: int | None = None) -> Iterator[VAE]:
        """The draft as the runtime opens it. In the context the model can be pickled as any other."""
        with self.laid_out() as folder:
            yield VAE.load(folder, precision=precision, threads=threads, large=self.large)


FindRecipe = Callable[[Draft], Recipe | None]  # how to quantise a draft of float32 graphs; None for not at all


def _free(folder: Path) -> Path:
    """A folder beside this one that is not there yet."""
    places = (Path(f"{folder}-{number}") for number in itertools.count(2))
    return next(place for place in places if not place.exists())
