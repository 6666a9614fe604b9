"""Charts: points lie where the figures say, bars count, ticks are round."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vae_export.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, Threshold, histogram, lines, ticks


def drawn(figure, name):
    return list(ElementTree.fromstring(figure).iter(name))


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_evenly_spaced_and_inside(low, length):
    places = ticks(low, low + length)
    assert 1 <= len(places) <= 7
    steps = np.diff(places)
    np.testing.assert_allclose(steps, steps[:1].repeat(len(steps)), rtol=1e-3, atol=1e-9)
    assert all(low - 1e-3 * length <= place <= low + length + 1e-3 * length for place in places)


def test_points_of_a_curve_lie_where_their_figures_say():
    figure = lines([Line("a & b", [1, 2, 3], [30.0, 20.0, 10.0])], across="epoch", down="nats", describes="a curve")
    (curve,) = drawn(figure, "polyline")
    points = [tuple(map(float, point.split(","))) for point in curve.get("points").split()]
    across, down = zip(*points, strict=True)
    assert across == (LEFT, pytest.approx((LEFT + WIDTH - RIGHT) / 2), WIDTH - RIGHT)
    assert down[1] == pytest.approx((down[0] + down[2]) / 2) and TOP < down[0] < down[1] < down[2] < HEIGHT - BOTTOM
    assert "a &amp; b" in figure and 'aria-label="a curve"' in figure


def test_a_curve_that_falls_from_far_above_does_not_flatten_the_rest():
    costs = [1e6, *np.linspace(100, 90, 40).tolist(), float("nan")]
    (curve,) = drawn(lines([Line("x", list(range(42)), costs)], across="", down="", describes=""), "polyline")
    heights = [float(point.split(",")[1]) for point in curve.get("points").split()]
    assert min(heights) == heights[0] == TOP and max(heights) - sorted(heights)[1] > 50 and len(heights) == 41


def test_bars_count_all_figures_and_thresholds_stand_where_they_are():
    random = np.random.default_rng(0)
    scores = random.normal(size=1000)
    figure = histogram(scores, [Threshold("5% false alarms", 3.0)], across="score", down="pictures", describes="scores")
    bars = drawn(figure, "rect")
    heights = np.array([float(bar.get("height")) for bar in bars])
    counts, _ = np.histogram(scores, bins=len(bars))
    np.testing.assert_allclose(heights / heights.sum(), counts / counts.sum(), atol=1e-3)
    (threshold,) = [line for line in drawn(figure, "line") if line.get("class") == "threshold"]
    assert float(threshold.get("x1")) > max(float(bar.get("x")) for bar in bars if float(bar.get("height")) > 20)


@pytest.mark.parametrize("scores", [[1.0], [2.0, 2.0], [0.0] * 50, [-3.5, 7.0]])
def test_few_or_equal_figures_are_drawn_too(scores):
    figure = histogram(np.array(scores), [], across="", down="", describes="")
    places = [float(number) for number in re.findall(r' (?:x|y|width|height)="([-\d.]+)"', figure)]
    assert np.isfinite(places).all() and drawn(figure, "rect")
