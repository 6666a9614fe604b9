"""What click says of a command that it does not understand, made fit for a terminal as all other errors are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import click

from ..printable import printable


class Command(click.Command):
    """A command whose arguments may be of any text."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with printable_usage():
            return super().make_context(*arguments, **options)


class Group(click.Group):
    """The same with verbs, which click parses while it invokes the group."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with printable_usage():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with printable_usage():
            return super().invoke(ctx)


@contextlib.contextmanager
def printable_usage() -> Iterator[None]:
    """Errors of usage pass, with what was typed escaped."""
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = printable(error.message)  # click calls it final, and has no other way
        raise
