"""The page as one file that opens without a server: for models without convolutions, which a small engine can run."""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from ..errors import InputError
from ..model.wire import read_message
from .bundle import SOURCES, page_files, served

# What `vae/model/dense.js` knows: all but convolutions and what goes with them.
OPERATORS = frozenset(
    """
    Abs Add Clip Div Elu Erf Exp HardSigmoid HardSwish LeakyRelu Log Max Min Mul Neg PRelu Pow Reciprocal Relu Sigmoid
    Softplus Sqrt Sub Tanh
    DequantizeLinear Gemm LayerNormalization MatMul QuantizeLinear ReduceMax ReduceMean ReduceSum Softmax
    Concat Flatten Reshape Slice Split Squeeze Transpose Unsqueeze
    """.split()  # noqa: SIM905 (one name a line would be forty lines)
)
_IMPORT = re.compile(r'(\bfrom\s*)"(\.[^"]+)"')
_LINK, _SCRIPT = '<link rel="stylesheet" href="style.css">', '<script type="module" src="main.js"></script>'
_POLICY = re.compile(r'(http-equiv="Content-Security-Policy" content=)"[^"]*"')


def single_page(page: Mapping[str, Any], model: Mapping[str, bytes]) -> bytes:
    """The whole page with a model in it, as HTML.

    Modules in one file have no addresses to import each other by, so an import map gives each one a name and its text
    as a data address. The policy allows such modules, this map, this style, and no connection at all.
    """
    _check_operators(model)
    files = page_files()
    files["source.js"] = served(SOURCES / "single" / "source.js")
    modules = {f"page/{name}": _named(name, content) for name, content in files.items() if name.endswith(".js")}
    imports = json.dumps({"imports": {name: _data_url(content) for name, content in modules.items()}})
    style, start = files["style.css"].decode(), 'import "page/main.js";'
    described = {**page, "engine": {"version": None}}
    embedded = json.dumps({"page": described, "files": {name: _base64(content) for name, content in model.items()}})
    scripts = " ".join(_hash(text) for text in (imports, start))
    policy = (
        f"default-src 'none'; script-src data: {scripts}; style-src {_hash(style)}; img-src blob: data:; "
        "base-uri 'none'; form-action 'none'"
    )
    html = _POLICY.sub(lambda meta: f'{meta[1]}"{policy}"', files["index.html"].decode())
    html = html.replace(_LINK, f'<style>{style}</style>\n    <script type="importmap">{imports}</script>')
    data = embedded.replace("<", "\\u003c")  # nothing in it ends the element
    html = html.replace(
        _SCRIPT,
        f'<script type="application/json" id="embedded">{data}</script>\n    <script type="module">{start}</script>',
    )
    notices = files["licenses.txt"].decode().partition("\n2. ")[0]  # of what is in this file
    return f"{html}<!--\n{notices}\n-->\n".encode()


def _check_operators(model: Mapping[str, bytes]) -> None:
    for name, content in model.items():
        if name.endswith(".onnx"):
            others = sorted({node["op_type"] for node in read_message(content)["graph"]["node"]} - OPERATORS)
            if others:
                raise InputError(
                    f"{name} has {', '.join(others)}; a page of one file runs models without convolutions. "
                    "Write a folder, with --ort."
                )


def _named(name: str, content: bytes) -> str:
    """A module whose imports are names of the map in the place of relative paths."""
    folder = posixpath.dirname(name)

    def absolute(target: re.Match[str]) -> str:
        return f'{target[1]}"page/{posixpath.normpath(posixpath.join(folder, target[2]))}"'

    return _IMPORT.sub(absolute, content.decode())


def _data_url(text: str) -> str:
    return f"data:text/javascript;base64,{_base64(text.encode())}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"
