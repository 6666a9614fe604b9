"""The man page, made of what the commands say of themselves: `python docs/manual.py > docs/vae.1`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import click

from vae_runtime import __version__
from vae_runtime.cli import main, verbs

DATE = "2026-11-23"  # of this version; not today's, for the page is the same whoever makes it
EXIT_CODES = {
    "0": "Done.",
    "1": "Some inputs failed, and the rest is written; or a run or an export cannot go on.",
    "2": "Usage, an input that cannot be taken, or too little memory.",
    "3": "An extra, the engine or a provider is missing, or it failed.",
    "4": "The model is invalid.",
    "10": "Something is anomalous (vae score --exit-code).",
    "129, 130, 143": "Ended by SIGHUP, Ctrl-C or SIGTERM.",
    "141": "Who reads standard output has left.",
}
ENVIRONMENT = {
    "VAE_MODEL": "Folder of the model that verbs open where none is given as -m.",
    "VAE_DATA_DIR": "Folder of MNIST's four idx files, which are downloaded else.",
    "XDG_CACHE_HOME": "Where downloads and decoded pictures are kept; ~/.cache else.",
}


def page() -> str:
    """The whole page, in the macros of man(7)."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield '.\\" Made by docs/manual.py of the commands themselves; change those.'
    yield f'.TH VAE 1 "{DATE}" "vae-runtime {_escaped(__version__)}" "User Commands"'
    yield from (".SH NAME", "vae \\- make variational autoencoders, and run them anywhere")
    yield from (".SH SYNOPSIS", ".B vae", ".I COMMAND", "[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]")
    yield ".SH DESCRIPTION"
    yield from _text((main.help or "").split("Exit codes:")[0])
    for title, names in verbs.GROUPS.items():
        yield f".SH {title.replace(',', '').upper()}"
        for name in names:
            yield from _verb(name, verbs.load(name))
    yield from (".SH EXIT STATUS", *_table(EXIT_CODES))
    yield from (".SH ENVIRONMENT", *_table(ENVIRONMENT))


def _verb(name: str, command: click.Command) -> Iterator[str]:
    # As the group has it: click keeps the names of the help option that it is first asked with.
    context = click.Context(command, info_name=f"vae {name}", help_option_names=["-h", "--help"])
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS vae {name} {_escaped(usage)}"
    yield from _text(command.help or "")
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    yield from _table(dict(record for option in options if (record := option.get_help_record(context))))


def _text(text: str) -> Iterator[str]:
    """Paragraphs; those that click does not wrap keep their lines."""
    paragraphs = [paragraph for paragraph in re.split(r"\n\s*\n", text.strip()) if paragraph.strip()]
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        lines = [line.rstrip() for line in paragraph.split("\n")]
        if lines[0].strip() == "\b":
            yield from (".nf", *map(_escaped, lines[1:]), ".fi")
        else:
            yield from _wrapped(" ".join(line.strip() for line in lines))


def _table(entries: dict[str, str]) -> Iterator[str]:
    for name, meaning in entries.items():
        yield from (".TP", f".B {_escaped(name)}", *(_wrapped(meaning) or ["\\&"]))


def _wrapped(text: str) -> list[str]:
    return [_escaped(line) for line in textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False)]


def _escaped(text: str) -> str:
    """Text that says itself: no macro, no escape, and hyphens that can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(character if character.isascii() else f"\\[u{ord(character):04X}]" for character in text)
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    print(page(), end="")
