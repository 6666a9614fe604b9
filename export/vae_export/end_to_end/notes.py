"""What `vae train` was asked for and which of its steps are done, noted in the run: the same command goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vae_runtime.errors import InputError
from vae_runtime.files import write_file

FILE = "train.json"


@dataclass
class Notes:
    """The steps that are done, by name, each with what it noted."""

    run: Path
    asked: dict[str, Any]  # what decides the model; another wish is another run
    done: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Path, asked: dict[str, Any]) -> Notes:
        """The notes of a run that is gone on with, or new ones; those of another wish are an InputError."""
        path = run / FILE
        if not path.exists():
            return cls(run, asked)
        try:
            noted = json.loads(path.read_text(encoding="utf-8"))
            begun, done = dict(noted["asked"]), dict(noted["done"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} cannot be read ({error}); give another folder as --run.") from None
        for name in sorted(asked.keys() | begun.keys()):
            if asked.get(name) != begun.get(name):
                raise InputError(
                    f"{run} was begun with {name} {begun.get(name)!r}, and {asked.get(name)!r} is asked for; give "
                    "another -o for another model, or the same command to go on."
                )
        return cls(run, asked, done)

    def note(self, step: str, what: Any) -> None:
        """Note a step as done, once what it made is on the disk."""
        self.done[step] = what
        content = {name: entry for name, entry in asdict(self).items() if name != "run"}
        write_file(self.run / FILE, (json.dumps(content, indent=2) + "\n").encode())
