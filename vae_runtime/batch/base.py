"""What every stage does: columns pass through, results and an `error` column are added, no row harms another."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..vae import VAE

Batch = dict[str, npt.NDArray[Any]]


@dataclass(kw_only=True, eq=False)
class Stage(ABC):
    """What the four share: options that pickle, and a model that opens where the first batch comes.

    A row that cannot be used has a sentence in the column `error` (empty where all is well) and NaN for results (0
    where they are uint8), and touches no other row. What no row is to blame for (a wrong model, a provider that did not
    come, no such column) is raised. An `error` column that is there already is kept where it says something.

    model: a folder that every worker has, None for the one in the package. column: what is read. prefix: put before the
    names of the columns added. threads: of each worker; engines start one for each processor. The rest: `VAE.load`.
    """

    model: str | os.PathLike[str] | None = None
    column: str = "image"
    prefix: str = ""
    providers: str | Iterable[str] = "cpu"
    threads: int | None = 1
    precision: str = "float32"
    digest: str | None = None
    batch_size: int = 64
    _vae: VAE | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.model is not None:
            self.model = str(Path(self.model).absolute())  # workers have folders of their own

    @property
    def vae(self) -> VAE:
        """The model, opened when first asked for; threads that ask at once may each open it, and one is kept."""
        if self._vae is None:
            self._vae = VAE.load(
                self.model,
                providers=self.providers,
                threads=self.threads,
                precision=self.precision,
                digest=self.digest,
            )
        return self._vae

    @property
    def schema(self) -> str:
        """The columns added, as SQL names them; what a row has of arrays is flat there."""
        types = {**self._types(), "error": "string"}
        return ", ".join(f"`{self.prefix}{name}` {kind}" for name, kind in types.items())

    def __call__(self, batch: Mapping[str, Any]) -> Batch:
        """Columns, each [rows, …], to the same columns and the results', deterministic.

        Rows depend on nothing else in the batch.
        """
        if self.column not in batch:
            raise InputError(f"the batch has no column {self.column!r}, only {', '.join(batch)}; give column=.")
        rows, complaint = batch[self.column], f"{self.prefix}error"
        earlier = batch.get(complaint, [""] * len(rows))
        errors = np.array([text if isinstance(text, str) else "" for text in earlier], object)
        _ = self.vae  # one that does not open is no row's fault
        good, read = [], []
        for number, row in enumerate(rows):
            try:
                read.append(self._read(row))
                good.append(number)
            except InputError as error:
                errors[number] = errors[number] or str(error)
        results = {f"{self.prefix}{name}": _spread(part, good, len(rows)) for name, part in self._compute(read).items()}
        if taken := [name for name in results if name in batch]:
            raise InputError(f"the batch has a column {taken[0]!r} already; give prefix=.")
        return {**batch, **results, complaint: errors}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_vae": None}

    @abstractmethod
    def _types(self) -> dict[str, str]:
        """SQL's type of each result."""

    @abstractmethod
    def _read(self, row: Any) -> Any:
        """Check one row, or an InputError."""

    @abstractmethod
    def _compute(self, rows: list[Any]) -> Batch:
        """Results of the rows that were read, by name."""


def _spread(part: npt.NDArray[Any], good: list[int], rows: int) -> npt.NDArray[Any]:
    """Results of the good rows at their places among all."""
    if len(good) == rows:
        return part
    whole = np.full((rows, *part.shape[1:]), np.nan if part.dtype.kind == "f" else 0, part.dtype)
    whole[good] = part
    return whole


def one_of(value: str, known: tuple[str, ...], name: str) -> None:
    """Check an option."""
    if value not in known:
        raise InputError(f"{name} is {value!r}; expected one of {', '.join(known)}.")
