"""`vae bench`: what it measures has the right shape, and its advice follows from the figures."""

import json

import pytest

from tests.support.commands import vae_
from vae_runtime.checks.bench import Setup, Speed, advise, measure_speeds, measure_start
from vae_runtime.errors import InputError

SLOW, FAST = Setup("cpu", "float32", 2), Setup("cpu", "int8", 1)


def speed(setup, verb, batch, p50_ms, images_per_second):
    return Speed(setup, verb, batch, 10, p50_ms, 2 * p50_ms, 3 * p50_ms, images_per_second)


def test_advice_is_the_geometric_mean_over_methods():
    """By latency at the smallest batch FAST wins 4 times and loses 2 times: sqrt(4 / 2); by throughput SLOW wins."""
    speeds = [
        speed(SLOW, "sample", 1, 4.0, 250),
        speed(FAST, "sample", 1, 1.0, 1000),
        speed(SLOW, "encode", 1, 1.0, 1000),
        speed(FAST, "encode", 1, 2.0, 500),
        speed(SLOW, "sample", 64, 10.0, 6400),
        speed(FAST, "sample", 64, 20.0, 3200),
        speed(SLOW, "encode", 64, 10.0, 6400),
        speed(FAST, "encode", 64, 20.0, 3200),
    ]
    one, many = advise(speeds, SLOW)
    assert (one.setup, one.batch) == (FAST, 1) and one.times == pytest.approx(2**0.5)
    assert (many.setup, many.batch, many.times) == (SLOW, 64, 1.0)
    assert [item.times for item in advise(speeds, Setup("cpu", "float32", 9))] == [1.0, 1.0]  # nothing to compare with


def test_every_cell_is_measured_and_its_percentiles_are_ordered(folder):
    setups = [Setup("cpu", "float32", 1), Setup("cpu", "float32", 2)]
    speeds = measure_speeds(folder, setups, [1, 3], seconds=0.01)
    assert len({(row.setup, row.verb, row.batch) for row in speeds}) == len(speeds) == 2 * 2 * 3
    for row in speeds:
        assert row.calls >= 10 and 0 < row.p50_ms <= row.p95_ms <= row.p99_ms
        assert row.images_per_second > 0


def test_a_start_is_measured_in_a_process_of_its_own(folder):
    start = measure_start(folder, Setup("cpu", "float32", 1), 3)
    assert start.load_ms > 0 and start.first_sample_ms > 0
    if start.loaded_mb is not None:
        assert 20 < start.loaded_mb < 500
    with pytest.raises(InputError, match="has no graphs of precision 'int4'"):
        measure_start(folder, Setup("cpu", "int4", 1), 1)


def test_the_command_prints_tables_and_advice_or_json(folder):
    arguments = ("bench", "-m", folder, "--seconds", 0.01, "--batch", 2, "--batch", 1, "--threads", 1)
    text = vae_(*arguments).stdout
    lines = text.splitlines()
    assert lines[0].split()[:2] == ["method", "batch"] and text.count("fastest") == 6
    assert [line.split()[0] for line in lines[1:7]] == ["sample", "sample", "encode", "encode", "score", "score"]
    assert "For one image at a time: --precision float32 --threads 1, batch 1" in text and "For many images: " in text
    report = json.loads(vae_(*arguments, "--json").stdout)
    assert {row["batch"] for row in report["speeds"]} == {1, 2}
    assert report["starts"][0]["threads"] == 1 and len(report["advice"]) == 2
    assert "precision 'int4'" in vae_("bench", "-m", folder, "--precision", "int4", code=2).stderr
