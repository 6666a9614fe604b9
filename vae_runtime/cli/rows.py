"""Rows of results for programs: JSON lines and CSV, from which every name comes back as it is."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from ..console import make_room, stdout_bytes
from ..printable import printable

# What a spreadsheet takes for the beginning of a formula, also after what it skips, and in full width.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_QUOTED = re.compile(r'[,;"\t\r\n]')  # spreadsheets of some countries divide at ; and some at tabs


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], form: str, *, first: bool) -> None:
    """Write rows to standard output as `rows_as_bytes` makes them."""
    make_room()
    with stdout_bytes() as file:
        file.write(rows_as_bytes(columns, rows, form, first=first, seen=sys.stdout.isatty()))


def rows_as_bytes(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], form: str, *, first: bool, seen: bool = False
) -> bytes:
    """Rows as "jsonl" or "csv", the first cell a path; the names of the columns lead the first csv rows.

    In CSV a path is the bytes that it is, and a relative one that a spreadsheet would take for a formula begins with
    ./, which is the same file. seen: on a terminal, what cannot be printed is escaped instead.
    """
    if form == "jsonl":
        return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows).encode()
    shown = [[printable(path) if seen else _as_path(path), *figures] for path, *figures in rows]
    return os.fsencode("".join(",".join(map(_cell, row)) + "\n" for row in ([columns, *shown] if first else shown)))


def _as_path(path: str) -> str:
    return f".{os.sep}{path}" if path != "-" and _FORMULA.match(path) else path


def _cell(value: Any) -> str:
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
