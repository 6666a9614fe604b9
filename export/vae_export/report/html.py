"""HTML by small pieces: text is escaped unless it is markup already."""

from __future__ import annotations

import html
from collections.abc import Iterable

from vae_runtime.printable import printable


class Markup(str):
    """Text that is HTML, and is not escaped again."""


def text(words: object) -> Markup:
    """Words of anybody, a stranger's file name too, as HTML that shows them and does nothing else."""
    return words if isinstance(words, Markup) else Markup(html.escape(printable(words)))


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Pieces one after the other, each escaped unless it is markup."""
    return Markup(between.join(text(part) for part in parts))


def tag(name: str, /, *content: object, **attributes: object) -> Markup:
    """An element; `class_` and the like lose their underscore, other underscores become hyphens."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(content)}</{name}>")


def void(name: str, /, **attributes: object) -> Markup:
    """An element without content, such as an image."""
    return Markup(tag(name, **attributes).removesuffix(f"</{name}>"))


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> Markup:
    """A table whose first column names its rows; it scrolls by itself where it is too wide for a phone."""
    body = [
        tag("tr", *(tag("td", cell) if column else tag("th", cell, scope="row") for column, cell in enumerate(row)))
        for row in rows
    ]
    headings = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    return tag("div", tag("table", headings, tag("tbody", *body)), class_="wide", tabindex="0", role="group")


def facts(pairs: Iterable[tuple[object, object]]) -> Markup:
    """Names and what is said of them."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", meaning)) for name, meaning in pairs))
