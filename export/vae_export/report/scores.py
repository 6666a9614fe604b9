"""The sections on strangeness: how held-out pictures score, which score highest, and which anomalies are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from vae_runtime import to_uint8
from vae_runtime.maths.conformal import alarms, fewest_scores
from vae_runtime.pictures.overlay import overlay

from ..checks.anomalies import AUC, BLIND, PICTURES, Anomalies, warnings
from .charts import Threshold, histogram
from .facts import Facts, Strangest
from .html import Markup, table, tag
from .pictures import is_coarse, picture, pillow

RATES = (0.05, 0.01)  # of false alarms, that the histogram shows
RED_AT = 2.0  # nats a channel above the median pixel: there the map is fully red


def scores_section(given: Facts) -> Markup:
    """The histogram of held-out scores with what is an alarm, and the table of anomalies."""
    limits = thresholds(given.scores)
    chart = histogram(
        given.scores,
        [Threshold(f"{rate:.0%} false alarms", least) for rate, least in limits],
        across="score, nats: higher is stranger",
        down="pictures",
        describes=f"Histogram of the scores of {len(given.scores):,} held-out pictures",
    )
    return tag(
        "section",
        tag("h2", "How strange is strange?"),
        tag("p", f"The model scores how strange a picture is. It was calibrated with {given.held_out.sentence}"),
        *(tag("p", sentence) for sentence in _rates(given, limits)),
        tag("div", chart, class_="single"),
        *_anomalies(given),
        id="scores",
    )


def strangest_section(given: Facts) -> Markup:
    """The held-out pictures that score highest, each with where it is strange."""
    return tag(
        "section",
        tag("h2", "The strangest held-out pictures"),
        tag(
            "p",
            "Worth a look: are they wrong, rare, or fine? Red is where the model had not expected what is there. "
            "The p-value is the share of the held-out pictures that score as high.",
        ),
        tag("div", *(_card(given, strange) for strange in given.strangest), class_="cards"),
        id="strangest",
    )


def thresholds(scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[tuple[float, float]]:
    """The score above which an alarm begins at each rate of RATES, of those that so many calibration scores allow."""
    ordered, limits = np.sort(scores)[::-1], []
    for rate in RATES:
        if len(ordered) >= fewest_scores(rate):
            limits.append((rate, float(ordered[alarms(len(ordered), rate) - 1])))
    return limits


def _rates(given: Facts, limits: list[tuple[float, float]]) -> Iterator[str]:
    count = len(given.scores)
    if not limits:
        yield (
            f"{count:,} calibration pictures allow no false-alarm rate below {1 / (count + 1):.2g}: give the model "
            "more normal pictures with vae calibrate."
        )
    for rate, least in limits:
        yield f"At a false-alarm rate of {rate:.0%} an alarm begins above {least:,.1f} nats."


def _anomalies(given: Facts) -> Iterator[Markup]:
    auc = given.training.get(AUC)
    if not auc:
        return
    methods = list(next(iter(auc.values())))
    rows = [[kind, *(_share(of[method]) for method in methods)] for kind, of in auc.items()]
    pictures = int(given.training.get(PICTURES, 0))
    yield tag("h3", "Which anomalies it tells")
    yield tag(
        "p",
        f"{pictures} held-out pictures against anomalies made of them: how often the "
        "anomaly of a pair scores higher. 1 is always; 0.5 is a coin, and such anomalies need another score.",
    )
    yield table(["anomaly", *methods], rows)
    for sentence in warnings(Anomalies(auc, pictures)):
        said = sentence.removeprefix("warning: ")
        yield tag("p", said[:1].upper() + said[1:], class_="warning")


def _share(auc: float) -> Markup:
    return tag("span", f"{auc:.2f}", class_="low" if auc < BLIND else None)


def _card(given: Facts, strange: Strangest) -> Markup:
    coarse = "coarse" if is_coarse(strange.image.shape) else None
    images = (
        picture(strange.image, f"The picture {strange.name}", coarse),
        pillow(_map(given, strange), f"The same, red where it is strange: {strange.name}", coarse),
    )
    return tag(
        "div",
        tag("div", *images, class_="two"),
        tag("b", strange.name),
        tag("span", f"{strange.score:,.1f} nats, p = {strange.p_value:.3g}", class_="soft"),
        class_="card",
    )


def _map(given: Facts, strange: Strangest) -> Image.Image:
    """The picture in grey, reddened as `vae score --maps` does it."""
    pixels, spec = to_uint8(strange.image), given.manifest.image
    shown = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    low = float(np.median(strange.map))
    whole = Image.new("RGB", shown.size)
    top = 0
    for strip in overlay(shown, strange.map, spec, low=low, high=low + RED_AT * spec.shape[0]):
        whole.paste(strip, (0, top))
        top += strip.height
    return whole
