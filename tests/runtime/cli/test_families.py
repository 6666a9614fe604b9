"""Spatial latents, and models without a prior, a posterior or a likelihood, in every verb."""

import csv
import io
import json

import numpy as np
import pytest

from tests.support.commands import vae_
from tests.support.spatial import ALL, LATENT, SIZE, Spatial
from vae_runtime import VAE, LatentSpec, from_uint8, read_images, to_uint8, write_image


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("families")
    return {name: Spatial(families).write(place / name.replace(" ", "-")) for name, families in ALL.items()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number, image in enumerate(Spatial().draw(5, seed=1)):
        write_image(folder / f"{number}.png", image)
    return folder


@pytest.fixture(params=ALL)
def name(request):
    return request.param


@pytest.fixture
def model(folders, name):
    return folders[name]


@pytest.fixture
def vae(model):
    return VAE.load(model, threads=1)


@pytest.fixture
def x(vae, pictures):
    return read_images(sorted(pictures.iterdir()), vae.manifest.image)


def test_latents_come_and_go_in_their_shape(vae, model, x, pictures, tmp_path):
    """encode to each format; decode what it wrote, to the reconstructions of Python."""
    posterior = vae.encode(x)
    vae_("encode", pictures, "-m", model, "-o", tmp_path / "z.npz")
    with np.load(tmp_path / "z.npz") as file:
        assert set(file.files) == {"path", *posterior.there}
        for part, expected in posterior.there.items():
            np.testing.assert_array_equal(file[part], expected)
    vae_("decode", tmp_path / "z.npz", "-m", model, "-o", f"{tmp_path / 'decoded'}/")
    decoded = read_images(sorted((tmp_path / "decoded").iterdir()), vae.manifest.image)
    np.testing.assert_array_equal(decoded, from_uint8(to_uint8(vae.reconstruct(x))))


def test_rows_hold_latents_in_their_shape_or_in_order(vae, model, x, pictures):
    there = vae.encode(x).there
    lines = vae_("encode", pictures, "-m", model, "--format", "jsonl", "-o", "-").stdout.splitlines()
    for number, line in enumerate(map(json.loads, lines)):
        assert list(line) == ["path", *there]
        for part, expected in there.items():
            np.testing.assert_array_equal(np.float32(line[part]), expected[number])
    text = vae_("encode", pictures, "-m", model, "--format", "csv", "-o", "-").stdout
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["path", *(f"{part}_{index}" for part in there for index in range(SIZE))]
    numbers = np.float32([row[1:] for row in rows]).reshape(5, len(there), *LATENT)
    np.testing.assert_array_equal(numbers, np.stack(list(there.values()), axis=1))


def test_a_folder_holds_one_latent_a_file(vae, model, x, pictures, tmp_path):
    vae_("encode", pictures, "-m", model, "-o", f"{tmp_path / 'each'}/")
    for number, file in enumerate(sorted((tmp_path / "each").iterdir())):
        with np.load(file) as arrays:
            assert set(arrays.files) == set(vae.encode(x).there)
            np.testing.assert_allclose(arrays["mean"], vae.encode(x).mean[number], atol=1e-6)
    np.save(tmp_path / "one.npy", vae.encode(x).mean[:1])
    vae_("decode", tmp_path / "one.npy", "-m", model, "-o", tmp_path / "one.png")


def test_latents_of_another_shape_are_refused(model, tmp_path):
    np.save(tmp_path / "z.npy", np.zeros((3, SIZE), np.float32))
    result = vae_("decode", tmp_path / "z.npy", "-m", model, "-o", tmp_path / "z.png", code=2)
    assert "expected [batch, 2, 4, 4]. These look like flat rows of latents" in result.stderr
    assert not (tmp_path / "z.png").exists()


def test_pictures_are_reconstructed_and_joined(model, pictures, tmp_path):
    vae_("reconstruct", pictures, "-m", model, "-o", tmp_path / "r.png")
    ends = (pictures / "0.png", pictures / "1.png")
    vae_("interpolate", *ends, "-m", model, "--steps", 3, "-o", tmp_path / "line.png")
    assert (tmp_path / "line.png").stat().st_size


def test_a_verb_makes_images_or_says_what_is_lacking(vae, model, pictures, tmp_path):
    """And leaves no file behind where it says so."""
    asked = {
        "sample": (("sample", "-n", 2), vae.manifest.has_prior, "has no prior, and sampling needs one"),
        "arc": (
            ("interpolate", pictures / "0.png", pictures / "1.png", "--path", "spherical"),
            vae.manifest.has_prior,
            "has no prior, and spherical interpolation needs one",
        ),
        "vary": (
            ("vary", pictures / "0.png", "-n", 2),
            vae.manifest.has_posterior,
            "has no posterior, for its encoder is deterministic, and vary draws from one",
        ),
    }
    for name, (arguments, is_there, sentence) in asked.items():
        output = tmp_path / f"{name}.png"
        result = vae_(*arguments, "-m", model, "-o", output, code=0 if is_there else 2)
        assert output.exists() == is_there
        assert is_there or (sentence in result.stderr and result.stderr.count("\n") == 1)


def test_pictures_are_scored_by_the_usual_score_and_in_its_unit(vae, model, x, pictures):
    column = "score_squared_error" if vae.manifest.likelihood.family == "none" else "score_nats"
    lines = vae_("score", pictures, "-m", model, "--format", "jsonl").stdout.splitlines()
    scores = [json.loads(line)[column] for line in lines]
    np.testing.assert_allclose(scores, vae.score(x), rtol=1e-6)
    table = vae_("score", pictures, "-m", model).stdout.splitlines()
    assert table[0].split() == [column, "path"] and len({line.index("/") for line in table[1:]}) == 1
    if "elbo" not in vae.manifest.scores:
        result = vae_("score", pictures, "-m", model, "--method", "elbo", code=2)
        assert f"no method 'elbo'; take one of {', '.join(vae.manifest.scores)}." in result.stderr


def test_a_calibrated_model_gives_alarms(vae, model, x, pictures, tmp_path):
    vae_("calibrate", pictures, "-m", model, "-o", tmp_path / "calibrated")
    lines = vae_(
        *("score", pictures, "-m", tmp_path / "calibrated", "--false-alarm-rate", 0.2, "--format", "jsonl", "--maps"),
        f"{tmp_path / 'maps'}/",
    ).stdout.splitlines()
    verdicts = [json.loads(line) for line in lines]
    known = VAE.load(tmp_path / "calibrated").manifest.calibration[vae.manifest.usual_score]
    expected = [(1 + sum(score >= each for score in known)) / 6 for each in vae.score(x)]
    assert [verdict["p_value"] for verdict in verdicts] == expected
    assert len(list((tmp_path / "maps").iterdir())) == 5
    vae_("calibrate", pictures, "-m", tmp_path / "calibrated", "--tile")
    vae_("score", pictures, "-m", tmp_path / "calibrated", "--tile", "--false-alarm-rate", 0.2)
    assert set(VAE.load(tmp_path / "calibrated").manifest.calibration) == {
        each + tiled for each in vae.manifest.scores for tiled in ("", "_tiled")
    }


def test_it_is_told_verified_measured_and_diagnosed(vae, model):
    told = dict(line.split(None, 1) for line in vae_("info", "-m", model).stdout.splitlines() if len(line.split()) > 1)
    manifest = vae.manifest
    assert (told["latent"], told["prior"], told["posterior"]) == ("2x4x4", manifest.prior, manifest.posterior)
    assert told["likelihood"].split(",")[0] == manifest.likelihood.family
    assert "PASS on" in vae_("verify", "-m", model).stdout
    speeds = vae_("bench", "-m", model, "--batch", 2, "--seconds", 0.001, "--threads", 1).stdout
    assert ("sample  " in speeds) == manifest.has_prior and ("decode  " in speeds) != manifest.has_prior
    assert "CPUExecutionProvider" in vae_("doctor", "-m", model).stdout


def test_a_scale_a_shift_and_sigmas_are_told(tmp_path):
    spec = LatentSpec(shape=LATENT, scale=0.18215, shift=0.25)
    told = vae_("info", "-m", Spatial().write(tmp_path / "model", latent=spec)).stdout
    assert "2x4x4, scale 0.18215, shift 0.25" in told and "gaussian, sigma 0.1 0.2 0.4" in told


def test_a_method_of_other_models_is_refused(folders):
    result = vae_("score", "nothing.png", "-m", folders["no likelihood"], "--method", "complexity", code=2)
    assert "is of Bernoulli models, and the likelihood of 'spatial' is none" in result.stderr
