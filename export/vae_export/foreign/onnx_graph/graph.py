"""One file of a pair: its graph, what it takes and gives, and modules of parts of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import onnx
from torch import Tensor

from .agreement import require_agreement, require_rows
from .module import OnnxModule
from .pruning import prune
from .reading import read_graph
from .signature import Port, Signature


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

    def port(self, module: OnnxModule) -> Port:
        """The input that a part takes."""
        (port,) = (port for port in self.signature.inputs if port.name == module.input)
        return port

    def require_same(self, module: OnnxModule, x: Tensor) -> None:
        """Refuse a part that computes other numbers of x float32 [batch, ...] than onnxruntime by the file.

        A file for a fixed number of rows is asked for as many, and then whether its rows leave each other alone.
        """
        sides = self.port(module).sides
        fixed = sides[0] if sides else None
        rows = x if fixed is None else x[:1].expand(fixed, *x.shape[1:])
        require_agreement(module, self.path, rows.contiguous(), half=self.signature.is_half)
        if fixed is not None:
            require_rows(module, self.path, x)
