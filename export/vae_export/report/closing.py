"""The beginning and the end of the report: the figures at a glance, all figures, and what to do with the model."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator

from vae_train.models.likelihood import likelihood_of

from ..card import figures_of
from .facts import Facts
from .html import Markup, table, tag


def glance(given: Facts) -> Markup:
    """Six figures that say how it went."""
    unit, numbers = likelihood_of(given.config).unit, math.prod(given.config.image_shape)
    training, size = given.training, sum(file.bytes for file in given.manifest.files)
    tiles = [
        (f"{given.fitted:,}", "pictures fitted"),
        (f"{len(given.scores):,}", "held-out pictures that calibrate it"),
        (f"{training['parameters']:,}", "weights"),
        (f"{size / 1e6:.1f} MB", "model folder, all files"),
    ]
    if "elbo_nats" in training:
        cost = unit.text(training["elbo_nats"], numbers)
        tiles.insert(0, (cost, f"{unit.axis} on held-out pictures, an upper bound: lower is better"))
    if "reconstruction_rmse_grey" in training:
        error = f"{255 * training['reconstruction_rmse_grey']:.1f}"
        tiles.append((error, "of 255 levels: root mean square error of a reconstructed pixel"))
    shown = (tag("div", tag("b", figure), tag("span", meaning), class_="tile") for figure, meaning in tiles)
    return tag("section", tag("div", *shown, class_="tiles"), id="glance")


def figures_section(given: Facts) -> Markup:
    """What the model's card has too."""
    return tag(
        "section",
        tag("h2", "Figures"),
        tag("p", f"Measured on {given.training.get('test_images', 0):,} held-out pictures."),
        table(["figure", "value"], figures_of(given.training)),
        id="figures",
    )


def next_section(given: Facts) -> Markup:
    """The commands that come next."""
    return tag("section", tag("h2", "What comes next"), *_commands(given), id="next")


def _commands(given: Facts) -> Iterator[Markup]:
    model, run = shlex.quote(str(given.model)), shlex.quote(str(given.run))
    data = shlex.quote(given.data) if given.config.picture_sizes else "photos/"
    for purpose, command in (
        ("New pictures, from the model alone:", f"vae sample -n 25 -m {model} -o samples.png"),
        (
            "How strange are other pictures, at one false alarm in twenty?",
            f"vae score new/ -m {model} --false-alarm-rate 0.05",
        ),
        ("What does the model keep of pictures?", f"vae reconstruct {data} -m {model} -o grid.png"),
        (
            "The same in a browser, or as one file to send:",
            f"vae web page.html --single-file -m {model}"
            if given.config.network == "mlp"
            else f"vae web page/ --ort node_modules/onnxruntime-web -m {model}",
        ),
        ("More normal pictures, for rarer false alarms:", f"vae calibrate more-good/ -m {model}"),
        ("Is the copy on another machine still the same model?", f"vae verify -m {model}"),
        ("Longer training:", f"vae fit --resume {run} --minutes {2 * (given.config.minutes or 15):g}"),
        ("And the model of that, in place of this one:", f"vae export {run} {model} --replace"),
    ):
        yield tag("p", purpose)
        yield tag("pre", tag("code", command))
