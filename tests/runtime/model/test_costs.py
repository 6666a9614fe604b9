"""No model costs more than it may, in memory or time, to open, check or use; what it needs at most is computed."""

import itertools
import re
import subprocess
import sys

import numpy as np
import pytest

from fuzz.disks import hostile_folders
from fuzz.engines import expensive
from fuzz.engines.random_graphs import random_decoder
from fuzz.machine import costs
from tests.support.commands import vae_
from vae_runtime import VAE, IntegrityError, ManifestError
from vae_runtime.files import read_file
from vae_runtime.model import limits, memory, opened, values
from vae_runtime.model import shapes as rules
from vae_runtime.model.memory import Footprint, Step
from vae_runtime.model.operators.elementwise import run
from vae_runtime.model.sides import BATCH

REFUSED = {
    "forty wide constants": "Add: its inputs are constants, which exporters fold",
    "two thousand constants": "Add: its inputs are constants, which exporters fold",
    "a wide row": "a row takes .* multiplications, more than 34,359,738,368",
    "eight wide tensors alive": "it needs up to .* bytes of memory, more than 1,073,741,824",
    "images of one channel": "a row takes",
    "wide kernels in 8 bits": "it needs up to",
    "two thousand kernels of one channel": "a row takes",
    "one matrix two thousand times": "it needs up to",
    "8 bits made float32 two hundred times": "it needs up to",
    "a matrix of one column": "it needs up to",
    "many small matrices": "it needs up to",
    "pairs of numbers": "a row takes",
    "empty metadata, 10 MB": "it has more than 131,072 fields",
    "empty nodes, 10 MB": "it has more than 131,072 fields",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_costs_too_much_is_refused_before_it_is_opened(tmp_path, name):
    with pytest.raises(IntegrityError, match=REFUSED[name]) as error:
        VAE.load(hostile_folders.write(tmp_path / "model", expensive.GRAPHS[name]()), threads=1)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("name", ["eight tensors alive just narrow enough", "wide kernels in 8 bits, smaller"])
def test_what_is_just_within_the_limits_takes_no_more_than_was_computed(tmp_path, name):
    cost = costs.cost(name, hostile_folders.write(tmp_path / "model", expensive.GRAPHS[name]()))
    assert cost.good and len(cost.seconds) == 3 and cost.bound <= limits.MOST_MEMORY


def test_random_graphs_take_no_more_than_was_computed(tmp_path):
    for seed in (109, 186, 288):
        cost = costs.cost(str(seed), hostile_folders.write(tmp_path / "model", random_decoder(seed)))
        assert cost.good and len(cost.seconds) == 3


@pytest.mark.parametrize("name", hostile_folders.FOLDERS)
def test_a_manifest_that_promises_too_much_is_refused_before_any_file_is_read(tmp_path, name):
    folder = hostile_folders.write(tmp_path / "model", expensive.sound_decoder())
    hostile_folders.FOLDERS[name](folder)
    with pytest.raises(ManifestError, match=r"from 0 to 134,217,728|together; a model has at most 268,435,456"):
        VAE.load(folder)


def test_reading_a_short_file_takes_no_memory_for_a_long_one(tmp_path):
    (tmp_path / "short").write_bytes(b"abc")
    assert read_file(tmp_path / "short", 2**62) == b"abc" and read_file(tmp_path / "short", 1) == b"ab"


def worst(inputs, steps, outputs):
    """The most bytes that are there at once, over all orders in which steps can be done."""
    most = 0
    for order in itertools.permutations(range(len(steps))):
        there, done = dict(inputs), set()
        for number in order:
            step = steps[number]
            if not all(name in there for name in step.inputs):
                break
            there |= step.outputs
            most = max(most, sum(there.values()))
            done.add(number)
            left = {name for other in set(range(len(steps))) - done for name in steps[other].inputs} | set(outputs)
            there = {name: size for name, size in there.items() if name in left}
    return most


def test_buffers_hold_what_is_alive_in_every_order():
    random, sums = np.random.default_rng(0), np.zeros(2)
    for _ in range(60):
        names, steps = ["in"], []
        for number in range(6):
            taken = list(random.choice(names, min(len(names), int(random.integers(1, 3))), replace=False))
            given = {f"t{number}_{part}": int(random.integers(1, 100)) for part in range(int(random.integers(1, 3)))}
            steps.append(Step(taken, given))
            names.extend(given)
        used = {name for step in steps for name in step.inputs}
        outputs = [name for name in names if name not in used]
        live, exact = memory.live({"in": 50}, steps, outputs), worst({"in": 50}, steps, outputs)
        assert exact <= live <= 50 + sum(sum(step.outputs.values()) for step in steps)
        sums += exact, live
    assert sums[1] < 1.5 * sums[0]


def test_a_chain_needs_two_of_its_tensors_and_a_branch_that_waits_one_more():
    chain = [Step([f"t{i}"], {f"t{i + 1}": 10}) for i in range(50)]
    assert memory.live({"t0": 10}, chain, ["t50"]) == 20
    assert memory.live({"t0": 10}, [*chain, Step(["t50", "t0"], {"sum": 10})], ["sum"]) == 30


def test_few_rows_of_what_is_large_are_run_at_once():
    assert memory.rows_at_once(1000, 784) == 64 and memory.rows_at_once(2**20, 784) == 32
    assert memory.rows_at_once(2**30, 784) == memory.rows_at_once(1, 10**9) == 1
    small, large = Footprint(10, 5, 0, 64), Footprint(1000, 7, 0, 2)
    assert memory.needed([small, large]) == memory.BASE + int(1.25 * 1010) + 2 * 1000


def test_engines_hold_channels_and_columns_in_blocks():
    images = values.Value(values.FLOAT32, (BATCH, 1, 8, 8))
    assert images.bytes == 16 * 64 * 4 and images.size == 64
    kernel = values.Value(values.FLOAT32, (1, 1, 3, 3), np.zeros((1, 1, 3, 3), np.float32))
    result = rules.infer("Conv", [images, kernel], {})
    assert result.packed == 16 * 16 * 9 * 4 and result.workspace == 0
    assert rules.infer("Conv", [images, kernel._replace(constant=None)], {}).workspace == 36 * 9 * 8


@pytest.mark.parametrize(
    ("left", "right", "numbers"),
    [
        ((4, 8, 8), (4, 8, 8), 256),
        ((4, 8, 8), (4, 1, 1), 64),
        ((4, 8, 8), (8,), 8),
        ((4, 8, 2), (2,), 2),
        ((4, 8, 2), (4, 1, 2), 2),
        ((4, 8, 8), (), 256),
        ((4, 8, 1), (4, 8, 1), 32),
    ],
)
def test_sums_are_counted_by_the_runs_that_engines_add_at_once(left, right, numbers):
    assert run((BATCH, *left), right) == numbers


@pytest.mark.parametrize(
    "lists",
    [
        ([0, 0], [1], [1], [1]),
        ([0], [1], [1, 2], [1]),
        ([0, 0], [1, 1], [1, 1], [1, 1]),
        (np.float32([0]), [1], [1], [1]),
        (np.int32([0]), [1], [1], [1]),
        (0, 1, 1, 1),
    ],
)
def test_slices_whose_lists_do_not_fit_are_refused_and_raise_nothing_else(lists):
    x = values.Value(values.FLOAT32, (BATCH, 4, 4))
    constants = [values.Value(values.INT64, np.shape(part), np.asarray(part)) for part in lists]
    with pytest.raises(values.GraphError):
        rules.infer("Slice", [x, *constants], {})


def test_results_do_not_depend_on_how_much_a_big_call_holds(folder, monkeypatch):
    vae = VAE.load(folder, threads=1)
    x = vae.sample(5, seed=1).clip(0, 1)

    def numbers():
        return *vae.elbo(x, samples=7)[:3], vae.score(x), vae.anomaly_map(x, window=1), vae.sample(9)

    assert vae._model.at_once == 1024
    whole = numbers()
    monkeypatch.setattr(opened, "NUMBERS_AT_ONCE", 12)
    assert vae._model.at_once == 2
    for one, other in zip(whole, numbers(), strict=True):
        np.testing.assert_array_equal(one, other)


USE = """
import re, sys
from vae_runtime import VAE
vae = VAE.load(sys.argv[1], threads=2, precision=sys.argv[2])
images = vae.sample(64, seed=0)
vae.score(images), vae.elbo(images[:8], samples=8), vae.reconstruct(images)
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(("model", "precision"), [("mnist", "float32"), ("mnist", "int8"), ("mnist-mlp", "float32")])
def test_info_tells_how_much_memory_a_model_needs_at_most_and_it_is_no_idle_figure(root, model, precision):
    told = vae_("info", "-m", root / "artifacts" / model).stdout
    said = float(re.search(rf"memory at most .*?\n(?:  .*\n)*?  {precision} +([\d,]+) MB", told)[1].replace(",", ""))
    command = [sys.executable, "-c", USE, root / "artifacts" / model, precision]
    took = int(subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout) * 1024 / 1e6
    assert took < said < 2.5 * took


def test_info_of_a_damaged_model_says_that_its_memory_is_unknown_and_the_rest(folder):
    (folder / "decoder.onnx").write_bytes(b"x")
    told = vae_("info", "-m", folder).stdout
    assert re.search(r"  float32 +unknown: .*decoder\.onnx has 1 bytes", told) and "pair id" in told
