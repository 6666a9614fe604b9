"""Text that others chose, such as names of files, made fit for one line of a terminal."""

from __future__ import annotations


def printable(text: object) -> str:
    r"""The text with whatever is no mark on paper written as in Python strings: \n, \x1b, \u202e, \udcff.

    That are controls, ends of lines, marks that turn the direction of writing or have no width, and bytes of a name
    that are no text. Letters, signs and emoji of every script stay.
    """
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in str(text))
