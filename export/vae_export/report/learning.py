"""The sections on what came of it: curves, samples, and held-out pictures through the model."""

from __future__ import annotations

import math

from vae_train.models.likelihood import likelihood_of

from .charts import Line, lines
from .facts import Facts
from .html import Markup, tag
from .pictures import blocks, pairs


def learning_section(given: Facts) -> Markup:
    """How the bound rose, and what was made of that."""
    rows = [row for row in given.rows if math.isfinite(row["elbo"])]
    unit, numbers = likelihood_of(given.config).unit, math.prod(given.config.image_shape)
    epochs = [row["epoch"] for row in rows]
    curves = [Line("fitted", epochs, [unit.cost(row["elbo"], numbers) for row in rows])]
    held = [row for row in rows if "validation_bound" in row]
    if held:
        costs = [unit.cost(row["validation_bound"], numbers) for row in held]
        curves.append(Line("not fitted", [row["epoch"] for row in held], costs))
    kl = Line("distance of the latents from the prior (KL)", epochs, [row["kl"] for row in rows])
    charts = [
        lines(curves, across="epoch", down=unit.axis, describes="What an image costs, minus the ELBO, over the epochs"),
        lines([kl], across="epoch", down="nats an image", describes="The KL of the latents over the epochs"),
    ]
    return tag(
        "section",
        tag("h2", "Learning"),
        tag(
            "p",
            "Left, what it costs to describe a picture: lower is better, and a gap that opens between the curves is "
            "learning by heart. Right, how much of it the latents carry.",
        ),
        tag("div", *charts, class_="charts")
        if len(rows) > 1
        else tag("p", "There was one epoch, and no curve to draw."),
        *(_sentence(sentence) for sentence in given.noted.get("fit", {}).get("verdict", ())),
        id="learning",
    )


def samples_section(given: Facts) -> Markup:
    """What the model draws by itself."""
    count = len(given.samples)
    return tag(
        "section",
        tag("h2", "Samples"),
        tag("p", f"The first {count} that the model draws with seed 0: none is a picture that it was shown."),
        blocks(given.samples, 4, lambda first, last: f"Samples {first + 1} to {last} of {count}"),
        id="samples",
    )


def reconstructions_section(given: Facts) -> Markup:
    """What the model keeps of pictures that it has not seen."""
    return tag(
        "section",
        tag("h2", "Reconstructions"),
        tag("p", "Held-out pictures, above, and what is left of each after it went through the latents, below."),
        pairs(
            given.originals,
            given.remade,
            lambda first, last: f"Held-out pictures {first + 1} to {last} above their reconstructions",
        ),
        id="reconstructions",
    )


def _sentence(sentence: str) -> Markup:
    return tag("p", sentence, class_="warning" if sentence.startswith("warning") else None)
