"""What `vae train` is asked for, checked before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_train.data.sources import NAMES

from vae_runtime.errors import InputError
from vae_runtime.model import manifest as manifests
from vae_runtime.model.writing import check_target


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """A model to be made of data; `run` is the folder of the run beside it."""

    data: str
    model: Path
    run: Path
    minutes: float
    preset: str
    size: str | None = None
    mode: str | None = None
    seed: int = 0
    int8: bool = False
    license: str = "Apache-2.0"
    replace: bool = False
    data_dir: Path | None = None
    device: str | None = None
    threads: int | None = None

    @classmethod
    def of(cls, data: str, *, model: Path, run: Path | None, **options: Any) -> TrainRequest:
        """The same with the folder of the run that it has where none is given: MODEL-run."""
        beside = model.with_name(f"{model.absolute().name}-run")
        return cls(data=data, model=model, run=beside if run is None else run, **options)

    @property
    def asked(self) -> dict[str, Any]:
        """What decides the model, as JSON: asked for otherwise, it is another run."""
        data = self.data if self.data in NAMES else str(Path(self.data).resolve())
        decides = ("minutes", "preset", "size", "mode", "seed", "int8", "license")
        return {"data": data, "model": str(self.model.resolve()), **{name: getattr(self, name) for name in decides}}

    def check(self, *, made: str | None) -> None:
        """Refuse places where nothing can be written, before the hour of training and not after it.

        made: the pair_id of the model that this run has made already; None where it has made none.
        """
        if self.run.resolve() in (self.model.resolve(), *self.model.resolve().parents):
            raise InputError(f"--run {self.run} holds the model {self.model}; give it a folder of its own.")
        self._check_data()
        check_target(self.model, replace=self.replace)
        if made is None and manifests.digest_of(self.model) and not self.replace:
            raise InputError(
                f"{self.model} holds a model already; give another -o, or add --replace, and what lies there is lost."
            )

    def _check_data(self) -> None:
        """The pictures are there, and what is written does not lie among them."""
        if self.data in NAMES:
            return
        pictures = Path(self.data).resolve()
        if not pictures.is_dir():
            raise InputError(f"{self.data} is no folder of pictures, and no data set by name: {', '.join(NAMES)}.")
        for folder in (self.model, self.run):
            if pictures in (folder.resolve(), *folder.resolve().parents):
                raise InputError(
                    f"{folder} lies in the folder of pictures {self.data}, and what is drawn there would be trained on "
                    "the next time; choose a place elsewhere."
                )
