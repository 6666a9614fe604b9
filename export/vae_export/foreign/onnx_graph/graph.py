"""One file of a pair: its graph, what it takes and gives, and modules of parts of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import onnx

from .module import OnnxModule
from .pruning import prune
from .reading import read_graph
from .signature import Signature


class Graph(NamedTuple):
    """A file that was read."""

    path: Path
    model: onnx.ModelProto
    signature: Signature

    @classmethod
    def read(cls, path: Path) -> Graph:
        """Read a file; an InputError or ExportError says why it is no graph to bring in."""
        model = read_graph(path)
        return cls(path, model, Signature.of(model, path.name))

    @property
    def made_by(self) -> str:
        """The tool that wrote the file, and its version."""
        return f"{self.model.producer_name} {self.model.producer_version}".strip()

    def module(self, outputs: Sequence[str]) -> OnnxModule:
        """The part that computes these outputs."""
        return OnnxModule(prune(self.model, self.signature, outputs, self.path.name)).eval()
