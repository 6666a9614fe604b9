"""Two charts as SVG, drawn for a phone's width and scaled up on a screen; colours are the page's, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .html import Markup, join, tag, text

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 12, 40  # margins
STEPS = (1, 2, 2.5, 5, 10)  # of ticks, times a power of ten
BINS = 30
HEADROOM = 1.3  # of the highest bar: the names of thresholds stand above it


class Line(NamedTuple):
    """A curve with a name; its colour is that of its place in the list."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


class Threshold(NamedTuple):
    """A line across the histogram, with what it is called."""

    name: str
    x: float


class _Axes(NamedTuple):
    """How figures become places on the chart."""

    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, figure: float) -> float:
        low, high = self.x
        return round(LEFT + (figure - low) / (high - low) * (WIDTH - LEFT - RIGHT), 2)

    def down(self, figure: float) -> float:
        low, high = self.y
        return round(HEIGHT - BOTTOM - (figure - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 2)


def lines(curves: Sequence[Line], *, across: str, down: str, describes: str) -> Markup:
    """Curves in one chart, with a key below it."""
    everything = [figure for curve in curves for figure in curve.y if math.isfinite(figure)]
    axes = _Axes(_extent([figure for curve in curves for figure in curve.x], 0), _extent(_usual(everything), 0.06))
    drawn = [
        tag(
            "polyline",
            points=" ".join(
                f"{axes.across(x)},{max(axes.down(y), TOP)}"
                for x, y in zip(curve.x, curve.y, strict=True)
                if math.isfinite(y)
            ),
            class_=f"line colour-{place}",
        )
        for place, curve in enumerate(curves)
    ]
    key = tag(
        "figcaption",
        *(
            tag("span", tag("i", class_=f"swatch colour-{place}"), curve.name, class_="key")
            for place, curve in enumerate(curves)
        ),
    )
    return tag("figure", _chart(axes, drawn, across, down, describes), key, class_="chart")


def histogram(
    figures: npt.NDArray[np.float64], thresholds: Sequence[Threshold], *, across: str, down: str, describes: str
) -> Markup:
    """How often figures fall into each of BINS parts of their range, and thresholds across it."""
    counts, edges = np.histogram(figures, bins=min(BINS, max(5, math.isqrt(4 * len(figures)))))
    ends = [float(edges[0]), float(edges[-1]), *(threshold.x for threshold in thresholds)]
    axes = _Axes(_extent(ends, 0.02), (0.0, float(counts.max()) * HEADROOM))
    drawn: list[Markup] = []
    for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        place, wide = axes.across(left), max(0.5, axes.across(right) - axes.across(left) - 1)
        top = axes.down(count)
        drawn.append(
            tag("rect", x=place, y=top, width=round(wide, 2), height=round(HEIGHT - BOTTOM - top, 2), class_="bar")
        )
    for number, threshold in enumerate(thresholds):
        place = axes.across(threshold.x)
        is_right = place > WIDTH - 110
        drawn.append(tag("line", x1=place, x2=place, y1=TOP, y2=HEIGHT - BOTTOM, class_="threshold"))
        drawn.append(
            tag(
                "text",
                threshold.name,
                x=place + (-4 if is_right else 4),
                y=TOP + 10 + 14 * number,
                text_anchor="end" if is_right else "start",
                class_="note",
            )
        )
    return tag("figure", _chart(axes, drawn, across, down, describes), class_="chart")


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from low to high, at most `most` + 1."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in STEPS if step * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _chart(axes: _Axes, drawn: Sequence[Markup], across: str, down: str, describes: str) -> Markup:
    bottom = HEIGHT - BOTTOM
    grid = [
        join(
            (
                tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=axes.down(tick), y2=axes.down(tick), class_="grid"),
                tag("text", _short(tick), x=LEFT - 6, y=axes.down(tick) + 4, text_anchor="end"),
            )
        )
        for tick in ticks(*axes.y)
    ]
    marks = [
        tag("text", _short(tick), x=axes.across(tick), y=bottom + 15, text_anchor="middle") for tick in ticks(*axes.x)
    ]
    middle = (TOP + bottom) / 2
    names = (
        tag("text", across, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"),
        tag("text", down, x=11, y=middle, text_anchor="middle", transform=f"rotate(-90 11 {middle})"),
    )
    return tag(
        "svg",
        tag("title", describes),
        *grid,
        *marks,
        *names,
        *drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=text(describes),
    )


def _extent(figures: Sequence[float], margin: float) -> tuple[float, float]:
    """From the least to the greatest, with room around them; never nothing."""
    low, high = min(figures), max(figures)
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    room = margin * (high - low)
    return low - room, high + room


def _usual(figures: Sequence[float]) -> list[float]:
    """Figures without the first few of a curve that falls from far above: they would flatten all the rest."""
    low, most = float(np.min(figures)), float(np.quantile(figures, 0.9))
    return [figure for figure in figures if figure <= most + 1.5 * (most - low)] or [*figures]


def _short(figure: float) -> str:
    return f"{figure:,.10g}".replace("-", "\u2212")
