"""The sections on what was there: the pictures, how they were divided, and the network that was chosen for them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from vae_train.models.likelihood import likelihood_of

from .facts import EXAMPLES, Facts
from .html import Markup, facts, join, tag, text
from .pictures import blocks


def pictures_section(given: Facts) -> Markup:
    """What the data were, in sentences, a division and examples."""
    dataset, fitted = given.dataset, given.fitted
    some = np.linspace(0, fitted - 1, min(fitted, EXAMPLES)).astype(int)
    examples = np.ascontiguousarray(dataset.train_images[some])
    parts = [
        ("fitted", f"{fitted:,}", "the weights were fitted to these"),
        (
            "choosing",
            f"{given.config.validation_images:,}",
            "the weights that were kept are those that did best on these",
        ),
        (
            "held out",
            f"{len(dataset.test_images):,}",
            "nothing was fitted to these or chosen by them, and every figure is theirs",
        ),
    ]
    return tag(
        "section",
        tag("h2", "The pictures"),
        *(tag("p", sentence.strip()) for sentence in _sentences(given)),
        facts((name, join((tag("b", count), f" \u2013 {meaning}"))) for name, count, meaning in parts if count != "0"),
        tag("h3", f"Some of the {fitted:,} that were fitted"),
        blocks(examples, 4, lambda first, last: f"Training pictures {first + 1} to {last} of {len(examples)} shown"),
        id="pictures",
    )


def model_section(given: Facts) -> Markup:
    """What was chosen, and why."""
    return tag(
        "section",
        tag("h2", "The model, and why this one"),
        facts(_choices(given)),
        tag("p", "Every setting is in ", tag("code", str(given.run / "config.json")), ".", class_="soft"),
        id="model",
    )


def _sentences(given: Facts) -> Iterator[str]:
    yield from given.noted.get("fit", {}).get("data", given.dataset.about)


def _choices(given: Facts) -> Iterator[tuple[str, Markup]]:
    config = given.config
    channels, height, width = config.image_shape
    numbers = math.prod(config.image_shape)
    pictures = bool(config.picture_sizes)
    least, most = _sizes(config.picture_sizes) if pictures else ("", "")
    yield (
        "Image",
        _because(
            f"{width}\u00d7{height}, {'grey' if channels == 1 else 'colour'}",
            f"the pictures are {least if least == most else f'{least} to {most}'}; --size and --mode choose otherwise"
            if pictures
            else "as the data set has it",
        ),
    )
    yield (
        "Network",
        _because(
            f"{config.network} of widths {'-'.join(map(str, config.widths))}, {given.training['parameters']:,} weights",
            "each width is a halving of the resolution, until the shorter side is near 7"
            if config.network == "conv" and pictures
            else f"the preset {config.preset}",
        ),
    )
    yield (
        "Latents",
        _because(
            f"{config.latent_size}",
            f"one for 16 of an image's {numbers:,} numbers, at most one for two pictures and 256 in all: more would "
            "learn pictures by heart"
            if pictures
            else f"the preset {config.preset}",
        ),
    )
    yield "Prior", _because(config.prior.replace("_", " "), "what samples are drawn from")
    yield "Likelihood", _because(config.likelihood, likelihood_of(config).pixels)
    if pictures:
        yield (
            "Mirroring",
            _because(
                "yes" if "flip" in config.augment else "no",
                "pictures that were not fitted look likelier so"
                if "flip" in config.augment
                else "mirrored, pictures that were not fitted do not look likelier",
            ),
        )
    yield (
        "Length",
        _because(
            f"{given.rows[-1]['epoch'] if given.rows else config.epochs} epochs in batches of {config.batch_size}",
            f"about {config.minutes:g} minutes, or until the held-out bound rises no more"
            if config.minutes
            else "as asked",
        ),
    )


def _because(choice: str, reason: str) -> Markup:
    return join((tag("b", choice), text(f" \u2013 {reason}")))


def _sizes(extent: tuple[int, ...]) -> tuple[str, str]:
    least_width, most_width, least_height, most_height = extent
    return f"{least_width}\u00d7{least_height}", f"{most_width}\u00d7{most_height}"
