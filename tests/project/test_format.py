"""docs/FORMAT.md names everything that a model holds, and its formulas give the golden vectors."""

import json
import math
import re
import struct

import numpy as np
import pytest

from vae_runtime import standard_normal

MODELS = ["mnist", "mnist-mlp", "mnist-2d"]
MASK = 2**64 - 1


@pytest.fixture(scope="module")
def text(root):
    return (root / "docs" / "FORMAT.md").read_text(encoding="utf-8")


@pytest.fixture
def onnxruntime(monkeypatch):
    """Imported only here, with its telemetry off."""
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def eps(seed, k):
    a, b = mix((mix(seed) + 2 * k) & MASK), mix((mix(seed) + 2 * k + 1) & MASK)
    u1, u2 = ((a >> 11) + 0.5) / 2**53, (b >> 11) / 2**53
    normal = math.sqrt(-2 * math.log(u1)) * math.cos(2 * math.pi * u2)
    return struct.unpack("f", struct.pack("f", normal))[0]


def rows(indices, size, seed=0):
    return np.array([[eps(seed, (i * size + j) & MASK) for j in range(size)] for i in indices], np.float32)


def test_the_printed_vector_is_that_of_the_generator(text):
    printed = [float(number) for number in re.search(r"```text\n([\d. ]+)\n```", text)[1].split()]
    assert printed == pytest.approx([eps(0, k) for k in range(4)], rel=2e-7)
    assert printed == pytest.approx(standard_normal(1, 4, seed=0)[0].tolist(), rel=2e-7)


@pytest.mark.parametrize("seed", [0, 1, 7, MASK])
@pytest.mark.parametrize("start", [0, 5, 2**40, MASK])
@pytest.mark.parametrize("size", [1, 2, 40])
def test_noise_written_from_the_page_is_the_packages_to_one_unit_in_the_last_place(seed, start, size):
    noise = standard_normal(16, size, seed=seed, start=start)
    expected = rows([(start + i) & MASK for i in range(16)], size, seed)
    np.testing.assert_array_max_ulp(noise, expected, maxulp=1)


@pytest.mark.parametrize("model", MODELS)
def test_every_key_and_every_array_is_described(onnxruntime, text, root, model):
    manifest = json.loads((root / "artifacts" / model / "manifest.json").read_text())
    for key in manifest:
        assert f"`{key}`" in text, key
    with np.load(root / "artifacts" / model / "golden.npz") as golden:
        for name in golden.files:
            described = "score_" if name.startswith("score_") else name
            assert f"`{described}`" in text, name
    for role in manifest["graphs"]:
        session = onnxruntime.InferenceSession(root / "artifacts" / model / f"{role}.onnx")
        for key in session.get_modelmeta().custom_metadata_map:
            assert f"`{key}`" in text, key


def code_length(light):
    """L(x), pixel by pixel: a pixel costs -ln of its value's share among those so far in its context, plus 1/2 each."""
    counts, length = {}, 0.0
    for row, column in np.ndindex(light.shape):
        places = [(row, column - 1), (row - 1, column - 1), (row - 1, column), (row - 1, column + 1)]
        context = tuple(
            bool(light[place]) if place[0] >= 0 and 0 <= place[1] < light.shape[1] else False for place in places
        )
        seen = counts.setdefault(context, [0, 0])
        value = int(light[row, column])
        length -= math.log((seen[value] + 0.5) / (sum(seen) + 1))
        seen[value] += 1
    return length


@pytest.mark.parametrize("model", MODELS)
def test_a_host_written_from_the_page_gives_the_golden_vectors(onnxruntime, root, model):
    """Sections 5 to 7 again, in plain double precision, sharing no line with the package."""
    folder = root / "artifacts" / model
    manifest = json.loads((folder / "manifest.json").read_text())
    allowed, learned = manifest["golden"]["float32"]["tolerance"], manifest["prior"]["family"] == "flow"
    run = {role: onnxruntime.InferenceSession(folder / f"{role}.onnx").run for role in manifest["graphs"]}
    with np.load(folder / "golden.npz") as file:
        golden = {name: file[name] for name in file.files}
    images, n, draws = golden["images"], len(golden["images"]), int(golden["draws"])
    size = golden["mean"].shape[1]

    mean, logvar = run["encoder"](None, {"images": images})
    np.testing.assert_allclose(mean, golden["mean"], atol=allowed["mean"], rtol=0)
    np.testing.assert_allclose(logvar, golden["logvar"], atol=allowed["logvar"], rtol=0)
    np.testing.assert_allclose(rows(range(n), size), golden["eps"], atol=1e-6, rtol=0)
    z = golden["mean"] + np.exp(golden["logvar"] / 2) * golden["eps"]
    np.testing.assert_allclose(z, golden["z"], atol=1e-5, rtol=0)
    decoded, logits = run["decoder"](["images", "logits"], {"z": golden["z"]})
    np.testing.assert_allclose(decoded, golden["decoded"], atol=allowed["images"], rtol=0)
    np.testing.assert_allclose(logits, golden["logits"], atol=allowed["logits"], rtol=0)

    m, v = mean.astype(float), logvar.astype(float)

    def log_normal(z, m, v):
        return -0.5 * ((z - m) ** 2 * np.exp(-v) + v + math.log(2 * math.pi)).sum(1)

    def log_prior(z):
        if learned:
            return run["prior_log_prob"](["log_prob"], {"z": z.astype(np.float32)})[0].astype(float)
        return log_normal(z, 0.0, np.zeros((1, size)))

    prior_z = run["prior_sample"](None, {"eps": golden["eps"]})[0] if learned else golden["eps"]
    np.testing.assert_allclose(prior_z, golden["prior_z"], atol=allowed["z"], rtol=0)

    def terms(z):
        logits = run["decoder"](["logits"], {"z": z.astype(np.float32)})[0].astype(float)
        likelihood = (images * logits - np.logaddexp(0, logits)).reshape(n, -1).sum(1)
        return likelihood, log_prior(z) - log_normal(z, m, v)

    drawn = [terms(m + np.exp(v / 2) * rows([s * 2**32 + i for i in range(n)], size)) for s in range(draws)]
    likelihoods, ratios = np.array(drawn).transpose(1, 0, 2)
    weights = likelihoods + ratios
    likelihood, ratio = terms(m)
    nats = {
        "log_likelihood": likelihoods.mean(0),
        "kl": -ratios.mean(0) if learned else 0.5 * (m**2 + np.exp(v) - 1 - v).sum(1),
        "iwae": np.log(np.exp(weights - weights.max(0)).mean(0)) + weights.max(0),
        "score_elbo": -(likelihood + ratio),
        "score_reconstruction": -likelihood,
        "score_kl": -ratio,
        "score_complexity": -(likelihood + ratio) - [code_length(image[0] > 0.5) for image in images],
        "prior_log_prob": log_prior(golden["z"]),
    }
    assert {name for name in golden if name.startswith("score_")} == {
        name for name in nats if name.startswith("score_")
    }
    for name, array in nats.items():
        np.testing.assert_allclose(array, golden[name], atol=allowed["nats"], rtol=0, err_msg=name)
