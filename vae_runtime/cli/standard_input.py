"""What comes in through standard input: one picture, and said if it is more."""

from __future__ import annotations

import sys
from typing import BinaryIO

from ..errors import InputError

STDIN = "<stdin>"  # what it is called where a path would stand


def standard_input() -> BinaryIO:
    """The bytes that come in."""
    if sys.stdin is None:  # the caller closed it
        raise InputError("standard input is closed; give a file, or pipe something in.")
    return sys.stdin.buffer


def picture_source(path: str) -> str | bytes:
    """A path as it is; for - the picture on standard input, and an InputError if another one follows it."""
    if path != "-":
        return path
    from ..pictures.second import second_picture
    from ..pictures.sources import opened

    with opened(standard_input(), STDIN) as (file, _):
        file.seek(0)
        content = file.read()
    at = second_picture(content)
    if at is not None:
        raise InputError(
            f"{STDIN} holds more than one picture, the second from byte {at:,} on; give one, or the files by name."
        )
    return content
