"""Pages without the comments and types of their JavaScript: nobody reads them there, and they are a third of it."""

from __future__ import annotations

import re

# Comments on lines of their own alone: what follows code stays, for telling it from a string takes a parser.
_BLOCK = re.compile(rb"^[ \t]*/\*\*.*?\*/[ \t]*\n", re.DOTALL | re.MULTILINE)
_LINE = re.compile(rb"^[ \t]*//[^\n]*\n", re.MULTILINE)


def without_comments(script: bytes) -> bytes:
    """JavaScript of this package, of which a test holds that no text in it looks like such a line."""
    return _LINE.sub(b"", _BLOCK.sub(b"", script))
