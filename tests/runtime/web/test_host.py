"""The JavaScript of the page and of Node says what the Python package says: noise, mathematics, pictures, manifests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.linear_gaussian import LinearGaussian
from tests.support.spatial import ALL, SIGMAS, Families, Spatial
from tests.support.spatial_dense import Dense
from vae_runtime import VAE, ImageSpec, LatentSpec, Posterior, from_uint8, standard_normal, to_uint8
from vae_runtime.maths import complexity, conformal, gaussian, likelihood, paths, smoothing
from vae_runtime.maths.bounds import log_mean_exp
from vae_runtime.maths.noise import uniform_choice
from vae_runtime.maths.posterior import reparameterise
from vae_runtime.model import manifest as manifests
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.reading import read_picture

ROOT = Path(__file__).resolve().parents[3]
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node")


def asked(*calls):
    """The results of calls (module, function, *arguments) in one process of Node."""
    lines = [json.dumps({"module": module, "call": call, "args": args}, default=_sent) for module, call, *args in calls]
    command = [NODE, "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", str(ROOT / "tests" / "support" / "host.mjs")]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(calls)
    return [answer.get("result", answer.get("error")) for answer in answers]


def _sent(value):
    names = {"float32": "Float32Array", "float64": "Float64Array", "uint8": "Uint8Array"}
    return {names[value.dtype.name]: value.reshape(-1).tolist()}


def seed_of(value):
    return {"BigInt": str(value)}


def test_a_seed_gives_the_same_noise_as_in_python():
    cases = [(0, 0, 40), (1, 7, 2), (2**32, 2**40, 3), (2**53 + 1, 5, 64), (2**64 - 1, 2**64 - 4, 1)]
    answers = asked(
        *(
            ("maths/noise", "standardNormal", 50, size, {"seed": seed_of(s), "start": seed_of(i)})
            for s, i, size in cases
        )
    )
    for (seed, start, size), numbers in zip(cases, answers, strict=True):
        expected = standard_normal(50, size, seed=seed, start=start).reshape(-1)
        np.testing.assert_array_max_ulp(np.float32(numbers), expected, maxulp=1)


def test_a_seed_gives_the_same_labels_as_in_python():
    starts = (2**63, 2**64 - 2**62 - 100, 2**64 - 100)  # the second crosses the end of elements, the third of samples
    answers = asked(
        *(("maths/noise", "uniformChoice", 200, 10, {"seed": 3, "start": seed_of(start)}) for start in starts)
    )
    assert answers == [uniform_choice(200, 10, seed=3, start=start).tolist() for start in starts]


@pytest.mark.parametrize("seed", [-1, 0.5, 2**53, {"BigInt": str(2**64)}, "1", None, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    seeded, started = asked(
        ("maths/noise", "standardNormal", 1, 2, {"seed": seed}),
        ("maths/noise", "standardNormal", 1, 2, {"seed": 0, "start": seed}),
    )
    assert seeded.startswith("InputError: seed is") and started.startswith("InputError: start is")


@pytest.mark.parametrize("count", [-1, 0.5, 2**31, "1", None, True])
def test_a_count_that_is_no_whole_number_is_refused(count):
    answers = asked(
        ("maths/noise", "standardNormal", count, 2, {"seed": 0}),
        ("maths/noise", "standardNormal", 1, count, {"seed": 0}),
    )
    assert answers[0].startswith("InputError: n is") and answers[1].startswith("InputError: size is")


def test_densities_are_those_of_python():
    z, mean, logvar = standard_normal(3, 5, seed=1)
    row = {"mean": mean, "logvar": logvar}
    weights = np.array([-700.0, -710.0, -2.5])
    normal, kl, drawn, mean_exp = asked(
        ("maths/gaussian", "logNormal", z, 0, 5, row),
        ("maths/gaussian", "klToStandardNormal", row, 0, 5),
        ("maths/gaussian", "reparameterise", row, z),
        ("maths/gaussian", "logMeanExp", weights.tolist()),
    )
    assert normal == pytest.approx(float(gaussian.log_normal(z, mean, logvar)), rel=1e-12)
    assert kl == pytest.approx(float(gaussian.kl_to_standard_normal(mean, logvar)), rel=1e-12)
    np.testing.assert_allclose(drawn, reparameterise(Posterior(mean, logvar), z), rtol=3e-7)
    assert mean_exp == pytest.approx(float(log_mean_exp(weights)), rel=1e-12)


@pytest.mark.parametrize("kind", [*likelihood.LIKELIHOODS.values(), likelihood.ClippedBernoulli])
def test_likelihoods_are_those_of_python_also_where_the_decoder_is_sure(kind):
    x, p = from_uint8(_random_bytes((2, 3, 4, 5)))
    p.reshape(-1)[:5] = 0.0, 1.0, 0.5, 1e-7, 0.9999999
    logits = standard_normal(1, x.size, seed=1).reshape(x.shape) * np.float32(20)
    logits.reshape(-1)[:5] = 0, 100, -100, 1000, -1000
    parameters = [0.08] * len(dataclasses.fields(kind))
    needs = {name: {"images": p, "logits": logits}[name] for name in kind.needs}
    made = {"new": ["maths/likelihood", kind.__name__, *parameters]}
    (nats,) = asked(("maths/likelihood", "logLikelihood", made, x, 0, needs, 0, x.size))
    expected = kind(*parameters).log_prob(x, *needs.values())
    assert nats == pytest.approx(float(expected), rel=1e-7)


def test_a_gaussian_may_have_a_sigma_for_each_channel():
    x, means = from_uint8(_random_bytes((2, 3, 4, 5)))
    made = {"new": ["maths/likelihood", "Gaussian", list(SIGMAS), 20]}
    (terms,) = asked(("maths/likelihood", "logLikelihoodTerms", made, x, 0, {"images": means}, 0, x.size))
    sigma = np.repeat(SIGMAS, 20).reshape(3, 4, 5)
    expected = -0.5 * ((x.astype(float) - means) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(np.reshape(terms, x.shape), expected, rtol=1e-12)
    python = float(likelihood.Gaussian(SIGMAS).log_prob(x, means))
    assert sum(terms) == pytest.approx(python, rel=1e-12)


def test_a_bernoulli_is_exact_where_a_probability_would_be_0_or_1():
    x, logits = np.float32([0, 1, 1, 0]), np.float32([30, -300, 300, -30])
    made = {"new": ["maths/likelihood", "Bernoulli"]}
    answers = asked(*(("maths/likelihood", "logLikelihood", made, x, i, {"logits": logits}, i, 1) for i in range(4)))
    assert answers == pytest.approx([-30 - math.exp(-30), -300, 0, -math.exp(-30)], rel=1e-12)


def test_the_code_length_and_the_p_values_are_those_of_python():
    images = from_uint8(_random_bytes((2, 3, 9, 7)))
    known = np.sort(np.float64(_random_bytes((100,))))
    lengths = asked(*(("maths/complexity", "codeLength", images, i, [3, 9, 7]) for i in (0, 1)))
    np.testing.assert_allclose(lengths, complexity.code_length(images), rtol=1e-12)
    for two_sided in (False, True):
        asks = (
            ("maths/conformal", "conformalPValue", s, known.tolist(), {"twoSided": two_sided})
            for s in (-1, known[7], 300)
        )
        expected = conformal.conformal_p_values([-1, known[7], 300], known, two_sided=two_sided)
        assert asked(*asks) == expected.tolist()


def test_p_values_are_the_same_doubles_so_that_verdicts_are():
    asks = [(n, k) for n in (6, 99, 331, 332, 999, 1999) for k in (0, n // 3, (n + 1) * 29 // 100 - 1, n)]
    known = {n: np.arange(n).astype(float).tolist() for n, _ in asks}
    answers = asked(*(("maths/conformal", "conformalPValue", n - k - 0.5, known[n]) for n, k in asks))
    assert answers == [(1 + k) / (1 + n) for n, k in asks]
    assert answers == [float(conformal.conformal_p_values(n - k - 0.5, known[n])) for n, k in asks]


def test_paths_and_smoothed_maps_are_those_of_python():
    a, b = standard_normal(2, 6, seed=2)
    for name, path in (("linear", paths.linear), ("spherical", paths.spherical)):
        answers = asked(*(("maths/paths", name, a, end, t) for end in (b, -a, a * 2) for t in (0, 0.25, 1)))
        expected = np.concatenate([path(a, end, 5)[[0, 1, 4]] for end in (b, -a, a * 2)])
        np.testing.assert_array_max_ulp(np.float32(answers), expected, maxulp=1)
    maps = standard_normal(2, 7 * 9, seed=3).reshape(2, 7, 9)
    (smoothed,) = asked(("maths/smoothing", "windowMeans", maps, 7, 9, 5))
    np.testing.assert_allclose(np.float32(smoothed).reshape(maps.shape), smoothing.window_means(maps, 5), atol=1e-6)


def test_the_pixel_map_is_that_of_python_both_ways():
    every = np.arange(256, dtype=np.uint8)
    odd = np.concatenate([from_uint8(every), np.float32([-1, 2, 0.5 / 255, 1.5 / 255, 2.5 / 255])])
    images, back = asked(("pictures/pixels", "fromBytes", every), ("pictures/pixels", "toBytes", odd))
    assert np.array_equal(np.float32(images), from_uint8(every))
    assert back == to_uint8(odd).tolist()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_is_fitted_to_the_last_bit_as_in_python(mode, tmp_path):
    specs, expected, calls = [], [], []
    for shape in ((28, 28), (20, 33)):
        for fit in ("stretch", "crop", "pad"):
            for resample in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"):
                channels = {"L": 1, "RGB": 3}[mode]
                spec = {
                    "shape": [channels, *shape],
                    "mode": mode,
                    "fit": fit,
                    "resample": resample,
                    "invert": fit == "pad",
                }
                specs.append(spec)
    for number, spec in enumerate(specs):
        size = [(61, 47), (17, 90), (28, 28), (5, 3)][number % 4]
        colours = _random_bytes((size[1], size[0], 4), seed=number)
        if number % 3:
            colours[..., 3] = 255
        Image.fromarray(colours).save(tmp_path / "x.png")
        picture = read_picture(tmp_path / "x.png")
        expected.append(fit_picture(picture, ImageSpec(**{**spec, "shape": tuple(spec["shape"])})))
        calls.append(("pictures/fitting", "fitPicture", {"width": size[0], "height": size[1], "data": colours}, spec))
    for spec, pixels, wanted in zip(specs, asked(*calls), expected, strict=True):
        assert pixels == wanted.reshape(-1).tolist(), spec


def test_sha256_needs_no_help_of_the_browser():
    contents = [_random_bytes((n,)) for n in (0, 1, 55, 56, 63, 64, 65, 1000)]
    answers = asked(*(("model/integrity", "digestOf", content) for content in contents))
    assert [bytes(digest) for digest in answers] == [hashlib.sha256(content.tobytes()).digest() for content in contents]


def _random_bytes(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


MANIFEST = (ROOT / "artifacts" / "mnist-conditional" / "manifest.json").read_text()


def test_the_shipped_manifests_are_read():
    for folder in (ROOT / "artifacts").iterdir():
        (manifest,) = asked(("model/manifest", "parseManifest", (folder / "manifest.json").read_text()))
        assert manifest["scores"] == list(manifests.read(folder).scores)


DAMAGE = [
    (["format"], "onnx"),
    (["format_version"], 3),
    (["format_version"], 1),  # of which no tolerance is for logits
    (["surprise"], 1),
    (["latent", "size"], 40),  # of version 1
    (["latent", "shape"], None),
    (["latent", "shape"], 40),
    (["latent", "shape"], []),
    (["latent", "shape"], [40, 1, 1, 1]),
    (["latent", "shape"], [40, 0]),
    (["latent", "shape"], ["40"]),
    (["latent", "shape"], [65536, 65536]),
    (["latent", "shape"], [39]),  # the labels have 40 numbers
    (["latent", "scale"], 0),
    (["latent", "scale"], "1"),
    (["latent", "shift"], None),
    (["image", "fit"], "guess"),
    (["image", "invert"], 0),
    (["image", "shape"], [1, 28]),
    (["likelihood", "sigma"], 0.1),  # of a bernoulli
    (["likelihood", "family"], "poisson"),
    (["prior", "family"], "standard_normal"),  # and still the graphs of a flow
    (["prior", "family"], "none"),  # and still the labels of one
    (["prior", "labels"], [{"name": "a", "mean": [0], "logvar": [0]}]),
    (["posterior", "family"], "none"),  # and still a tolerance for its logvar
    (["posterior", "family"], "normal"),
    (["likelihood", "family"], "none"),  # and still a tolerance for logits
    (["likelihood"], {"family": "gaussian", "sigma": [0.1, 0.2]}),  # of one channel
    (["graphs", "decoder", "float32", "file"], "../decoder.onnx"),
    (["graphs", "decoder", "float32", "sha256"], "0"),
    (["graphs", "encoder"], {}),
    (["golden", "float32", "tolerance", "nats"], -1),
    (["calibration"], {"elbo": [2, 1]}),
    (["calibration"], {"Elbo": [1, 2]}),
    (["golden", "float32", "tolerance", "logits"], None),
    (["prior", "labels", 0, "mean", 3], "5"),
    (["prior", "labels", 0, "mean", 3], None),
    (["prior", "labels", 0, "name"], "1"),  # another one's
    (["image", "mode"], "RGB"),  # of one channel
    (["golden", "int8"], None),
    (["graphs", "decoder", "float32", "file"], "Encoder.onnx"),  # capitals count as small letters
    (["graphs", "decoder", "float32", "file"], "manifest.json"),
    (["training"], None),
]


def test_a_manifest_that_is_not_of_the_format_is_refused():
    texts = []
    for place, value in DAMAGE:
        manifest = json.loads(MANIFEST)
        *outer, last = place
        inner = manifest
        for key in outer:
            inner = inner[key]
        inner[last] = value
        texts.append(json.dumps(manifest))
    answers = asked(*(("model/manifest", "parseManifest", text) for text in texts))
    for said, (place, value) in zip(answers, DAMAGE, strict=True):
        assert isinstance(said, str) and said.startswith("ManifestError: "), (place, value, said)


@pytest.mark.parametrize("families", ALL.values(), ids=ALL)
def test_manifests_of_every_family_are_read_as_in_python(families, tmp_path):
    spec = LatentSpec(shape=(2, 4, 4), scale=0.18, shift=-0.5)
    text = (Spatial(families).write(tmp_path / "model", latent=spec) / "manifest.json").read_text()
    (manifest,) = asked(("model/manifest", "parseManifest", text))
    expected = manifests.parse(text)
    assert manifest["scores"] == list(expected.scores) and manifest["usualScore"] == expected.usual_score
    assert manifest["hasElbo"] == expected.has_elbo
    assert manifest["latent"] == {"shape": [2, 4, 4], "scale": 0.18, "shift": -0.5}
    (older,) = asked(("model/manifest", "parseManifest", json.dumps({**json.loads(text), "format_version": 1})))
    assert older.startswith("ManifestError: ")  # version 1 has none of it


def test_a_latent_of_version_1_has_one_side():
    manifest = json.loads(MANIFEST)
    manifest.update(format_version=1, latent={"size": 40})
    del manifest["golden"]["float32"]["tolerance"]["logits"], manifest["golden"]["int8"]["tolerance"]["logits"]
    (manifest,) = asked(("model/manifest", "parseManifest", json.dumps(manifest)))
    assert manifest["latent"] == {"shape": [40], "scale": 1, "shift": 0}


def test_calibrations_of_scores_that_this_reader_does_not_know_are_none_of_its_business():
    manifest = {**json.loads(MANIFEST), "calibration": {"elbo": [1, 2], "typicality_tiled": [0.5]}}
    (manifest,) = asked(("model/manifest", "parseManifest", json.dumps(manifest)))
    assert manifest["scores"] == list(manifests.parse(MANIFEST).scores)


def test_no_json_and_a_web_page_are_refused_with_a_sentence():
    cut, page = asked(
        ("model/manifest", "parseManifest", MANIFEST[:500]), ("model/manifest", "parseManifest", "<!doctype html>")
    )
    assert cut.startswith("ManifestError: manifest.json is no JSON") and "web page" in page


def test_counts_and_windows_that_are_none_are_refused_and_an_odd_shape_runs(tmp_path):
    LinearGaussian.make().write(tmp_path / "model")  # 2 x 3 pixels, a Gaussian likelihood
    script = """
import { readFile } from "node:fs/promises";
import { VAE } from "SOURCE/index.js";
import * as dense from "SOURCE/model/dense.js";
const vae = await VAE.load(dense, async (name) => new Uint8Array(await readFile(`${process.argv[1]}/${name}`)));
const x = Float32Array.from(JSON.parse(process.argv[2]));
const told = async (work) => { try { await work(); } catch (error) { return error.message; } };
console.log(JSON.stringify({
    score: Array.from(await vae.score(x)),
    map: Array.from(await vae.anomalyMap(x, { window: 3 })),
    iwae: Array.from((await vae.elbo(x, { samples: 5, start: 2 })).iwae),
    none: (await vae.sample(0)).length,
    told: [
        await told(() => vae.sample(2.5)),
        await told(() => vae.anomalyMap(x, { window: 4 })),
        await told(() => vae.elbo(x, { samples: 0 })),
        await told(() => vae.score(x.map((value) => value + 1))),
    ],
}));
""".replace("SOURCE", (ROOT / "vae_runtime" / "web" / "vae").as_uri())
    vae = VAE.load(tmp_path / "model")
    x = LinearGaussian.make().draw(7, seed=1)
    command = [NODE, "--input-type=module", "-e", script, tmp_path / "model", json.dumps(x.reshape(-1).tolist())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    np.testing.assert_allclose(answers["score"], vae.score(x), rtol=1e-5)
    np.testing.assert_allclose(answers["map"], vae.anomaly_map(x, window=3).reshape(-1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(answers["iwae"], vae.elbo(x, samples=5, start=2).iwae, rtol=1e-5)
    assert answers["none"] == 0
    for sentence, part in zip(
        answers["told"], ("n is 2.5", "window is 4", "samples is 0", "outside [0, 1]"), strict=True
    ):
        assert part in sentence


SCRIPT = """
import { readFile } from "node:fs/promises";
import { VAE } from "SOURCE/index.js";
import * as dense from "SOURCE/model/dense.js";
const vae = await VAE.load(dense, async (name) => new Uint8Array(await readFile(`${process.argv[1]}/${name}`)));
const x = Float32Array.from(JSON.parse(process.argv[2]));
const answers = {};
for (const [name, work] of Object.entries({ANSWERS})) {
    try { answers[name] = await work(); } catch (error) { answers[name] = `${error.name}: ${error.message}`; }
}
console.log(JSON.stringify(answers, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value)));
""".replace("SOURCE", (ROOT / "vae_runtime" / "web" / "vae").as_uri())


def answered(model, x, **answers):
    """What expressions of `vae` and `x` give, each in a model by the small engine."""
    work = ", ".join(f"{name}: async () => {code}" for name, code in answers.items())
    script = SCRIPT.replace("ANSWERS", work)
    command = [NODE, "--input-type=module", "-e", script, model, json.dumps(x.reshape(-1).tolist())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_spatial_latents_are_sampled_bounded_and_joined_as_in_python(tmp_path):
    model = Dense(Families()).write(tmp_path / "model")
    vae, x = VAE.load(model), Dense().draw(2, seed=5)
    answers = answered(
        model,
        x,
        samples="vae.sample(3, { seed: 4, start: 7 })",
        iwae="(await vae.elbo(x, { samples: 5, seed: 2 })).iwae",
        kl="(await vae.elbo(x)).kl",
        arc="(async () => { const { mean } = await vae.encode(x); return vae.decode(await "
        'vae.between(mean.slice(0, 32), mean.slice(32), 0.25, { path: "spherical" })); })()',
        map="vae.anomalyMap(x, { window: 3 })",
    )
    np.testing.assert_allclose(answers["samples"], vae.sample(3, seed=4, start=7).reshape(-1), atol=1e-6)
    np.testing.assert_allclose(answers["iwae"], vae.elbo(x, samples=5, seed=2).iwae, rtol=1e-6)
    np.testing.assert_allclose(answers["kl"], vae.elbo(x).kl, rtol=1e-6)
    arc = vae.interpolate(x[0], x[1], steps=5, path="spherical")[1]
    np.testing.assert_allclose(answers["arc"], arc.reshape(-1), atol=1e-6)
    np.testing.assert_allclose(answers["map"], vae.anomaly_map(x, window=3).reshape(-1), rtol=1e-5)


def test_what_a_model_lacks_is_refused_with_a_sentence(tmp_path):
    model = Dense(ALL["nothing"]).write(tmp_path / "model")
    x = Dense().draw(2, seed=5)
    answers = answered(
        model,
        x,
        logvar="(await vae.encode(x)).logvar",
        none="vae.sample(1)",
        arc='vae.between(x, x, 0.5, { path: "spherical" })',
        line="vae.between(x, x, 0.5)",
        elbo="vae.elbo(x)",
        kl='vae.score(x, { method: "kl" })',
        score="vae.score(x)",
        p="vae.pValue(1)",
    )
    assert answers["logvar"] is None and answers["p"] is None
    assert answers["none"] == answers["arc"]
    assert answers["none"].startswith("InputError: the model spatial has no prior: it encodes and decodes")
    np.testing.assert_allclose(answers["line"], x.reshape(-1), rtol=1e-6)
    assert answers["elbo"].startswith("InputError: the model spatial has no ELBO")
    assert answers["kl"] == "InputError: method is kl; expected one of reconstruction."
    np.testing.assert_allclose(answers["score"], VAE.load(model).score(x), rtol=1e-6)
