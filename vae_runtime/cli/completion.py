"""What a shell offers for words that are paths and that the library itself opens, so that click takes them as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def file(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and folders, as the shell itself completes them."""
    return _path(incomplete, "file")


def folder(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders, as the shell itself completes them."""
    return _path(incomplete, "dir")


def _path(incomplete: str, kind: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # for a shell that asks; every verb loads this module

    return [CompletionItem(incomplete, type=kind)]
