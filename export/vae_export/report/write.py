"""The report as a file: RUN/report.html, in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from vae_train.data.datasets import Dataset

import vae_runtime
from vae_runtime.files import write_file
from vae_runtime.marks import mark

from .closing import figures_section, glance, next_section
from .data import model_section, pictures_section
from .facts import Facts, gather
from .html import Markup, join, tag, text, void
from .learning import learning_section, reconstructions_section, samples_section
from .scores import scores_section, strangest_section

FILE = "report.html"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # nothing is fetched, nothing runs

SECTIONS = (
    glance,
    pictures_section,
    model_section,
    learning_section,
    samples_section,
    reconstructions_section,
    scores_section,
    strangest_section,
    figures_section,
    next_section,
)


def write_report(run: Path, model: Path, dataset: Dataset, noted: Mapping[str, Any], *, data: str) -> Path:
    """Write RUN/report.html on a run, the model made of it, and its data; returns its path.

    noted: what the steps of `vae train` noted. data: the name of the data, as the user gave it.
    """
    path = run / FILE
    write_file(path, mark(page(gather(run, model, dataset, noted, data=data)).encode()))
    return path


def page(given: Facts) -> str:
    """The whole document; it fetches nothing and has no script."""
    name = given.manifest.name
    style = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=POLICY),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        tag("title", f"{name} \u2013 report"),
        tag("style", Markup(style)),
    )
    header = tag("header", tag("h1", name), tag("p", _lead(given), class_="lead"))
    footer = tag(
        "footer",
        tag(
            "p",
            f"Written by vae-runtime {vae_runtime.__version__}. This page holds pictures and "
            "file names of the data; the model folder holds neither.",
        ),
    )
    body = tag("body", header, tag("main", *(section(given) for section in SECTIONS)), footer)
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _lead(given: Facts) -> Markup:
    channels, height, width = given.config.image_shape
    return join(
        (
            text(
                f"A variational autoencoder of {width}\u00d7{height} {'grey' if channels == 1 else 'colour'} pictures, "
            ),
            text(f"made of {given.data}: what it was shown, what it learnt, and what it finds strange."),
        )
    )
