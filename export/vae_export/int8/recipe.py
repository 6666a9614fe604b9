"""All that quantising a model again takes, without data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_runtime.errors import InputError

FILE = "int8.json"  # beside the weights in an artifact's checkpoint folder
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Recipe:
    """Ranges of activations, and layers left in float32."""

    ranges: Mapping[str, Ranges]  # role -> tensor -> lowest, highest
    float32: Mapping[str, tuple[str, ...]]  # role -> names of nodes
    measured: Mapping[str, float]  # what it cost and won where it was found

    def to_json(self) -> str:
        """As indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read what `to_json` gave."""
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                {
                    role: {name: (low, high) for name, (low, high) in part.items()}
                    for role, part in content["ranges"].items()
                },
                {role: tuple(names) for role, names in content["float32"].items()},
                content["measured"],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is no recipe for int8 ({error}); export with --int8 again.") from error
