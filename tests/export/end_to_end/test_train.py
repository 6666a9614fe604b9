"""`vae train DATA -o MODEL`: the whole way once, and from wherever it was stopped."""

import json
import re
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from vae_export.end_to_end import steps
from vae_export.report.write import SECTIONS, write_report
from vae_train import checkpoint as checkpoints
from vae_train.data import sources

from tests.export.report.test_html import Seen
from tests.support.commands import vae_
from vae_runtime import VAE
from vae_runtime.marks import is_marked

NASTY = '<img src=x onerror=alert(1)>"&amp;.png'
FEW = ("--preset", "mlp-2d", "--minutes", "0.002", "--threads", "1")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Colour pictures of a gradient each; one has a name that is HTML, and each tenth hash is held out."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 255, 28)
    for number in range(60):
        pixels = np.stack([np.outer(ramp, random.random(28)) for _ in range(3)], axis=2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / (f"{number}.png" if number else NASTY))
    return folder


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory, operators_read_once):
    """A model, and the folder that it lies in with its run."""
    here = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(here / "cache"))
        result = vae_("train", photos, "-o", here / "model", *FEW)
        yield here, result


@pytest.fixture
def report(made):
    here, _ = made
    return (here / "model-run" / "report.html").read_text(encoding="utf-8")


def test_it_ends_in_a_verified_calibrated_model_with_its_run_beside_it(made):
    here, result = made
    for number, step in enumerate(steps.STEPS, 1):
        assert f"[{number}/{len(steps.STEPS)}] {step.says}" in result.stderr
    vae_("verify", "-m", here / "model")
    manifest = VAE.load(here / "model").manifest
    counts = {len(scores) for scores in manifest.calibration.values()}
    assert set(manifest.calibration) == set(manifest.scores) and len(counts) == 1
    assert f"Calibrated with {counts.pop()} pictures that were not fitted" in result.stderr
    assert {path.name for path in (here / "model-run").iterdir()} >= {"best.safetensors", "evaluation.json", "plots"}


def test_the_pictures_that_calibrate_were_not_fitted(made):
    """By what the scores are: those of the very pictures, none of which is among the fitted."""
    here, _ = made
    config = checkpoints.read_config(here / "model-run")
    dataset = sources.load(config, here / "model-run")
    vae = VAE.load(here / "model")
    fitted = dataset.train_images[: len(dataset.train_images) - config.validation_images]
    known = vae.manifest.calibration["elbo"]
    others = vae.score(np.ascontiguousarray(fitted / np.float32(255)))
    np.testing.assert_array_less(1e-3, np.abs(np.subtract.outer(np.array(known), others)).min())
    assert len(known) == len(dataset.test_images) + config.validation_images < 20


def test_the_same_command_again_has_nothing_to_do(made, photos, monkeypatch):
    here, _ = made
    monkeypatch.setattr(steps, "STEPS", tuple(step._replace(do=None) for step in steps.STEPS))
    before = {path: path.read_bytes() for path in here.rglob("*.*") if path.is_file()}
    assert vae_("train", photos, "-o", here / "model", *FEW).stderr.startswith("Done")
    assert {path: path.read_bytes() for path in here.rglob("*.*") if path.is_file()} == before


def test_another_wish_is_refused_before_anything_is_done(made, photos):
    here, _ = made
    result = vae_("train", photos, "-o", here / "model", *FEW, "--seed", "1", code=2)
    assert "seed 0" in result.stderr and "seed 1" not in result.stderr and "another -o" in result.stderr


@pytest.mark.parametrize("stopped_in", [step.name for step in steps.STEPS[1:]])
def test_stopped_in_any_step_it_goes_on_there(made, photos, tmp_path, monkeypatch, stopped_in):
    """Each step notes what it did; the next command does no step that is noted."""
    done = []

    def step_that(name):
        def do(request, notes):
            if name == stopped_in and name not in done:
                done.append(name)
                raise KeyboardInterrupt
            done.append(name)
            request.run.mkdir(exist_ok=True)
            if name == "export":
                request.model.mkdir()
                (request.model / "manifest.json").write_text("{}")

        return do

    monkeypatch.setattr(steps.TrainRequest, "check", lambda self, made: None)
    monkeypatch.setattr(steps, "STEPS", tuple(step._replace(do=step_that(step.name)) for step in steps.STEPS))
    vae_("train", photos, "-o", tmp_path / "model", code=1)  # click's own end, where no signal came
    vae_("train", photos, "-o", tmp_path / "model")
    names = [step.name for step in steps.STEPS]
    place = names.index(stopped_in)
    assert done == [*names[:place], stopped_in, *names[place:]]


def test_a_model_that_is_gone_is_made_again_of_the_same_run(made, photos, tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(steps.TrainRequest, "check", lambda self, made: None)
    nothing = [step._replace(do=lambda request, notes, name=step.name: done.append(name)) for step in steps.STEPS]
    monkeypatch.setattr(steps, "STEPS", tuple(nothing))
    (tmp_path / "model-run").mkdir()
    vae_("train", photos, "-o", tmp_path / "model")
    vae_("train", photos, "-o", tmp_path / "model")
    names = [step.name for step in steps.STEPS]
    assert done == [*names, *names[3:]]


def test_a_signal_while_it_fits_ends_the_command_of_it_and_notes_nothing(photos, tmp_path, monkeypatch):
    ended = []

    def end_by(number):
        ended.append(number)
        raise SystemExit(128 + number)

    stopped = SimpleNamespace(stopped_by=signal.SIGTERM, verdict=())
    monkeypatch.setattr(steps, "fit_run", lambda request: stopped)
    monkeypatch.setattr(steps, "end_by", end_by)
    assert "The same command goes on" in vae_("train", photos, "-o", tmp_path / "model", code=143).stderr
    assert ended == [signal.SIGTERM] and not (tmp_path / "model-run" / "train.json").exists()


def test_places_are_refused_before_the_hour_of_training(made, photos, tmp_path):
    here, _ = made
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    for data, output, reason in (
        (photos, photos / "model", "lies in the folder of pictures"),
        (photos, tmp_path / "mine", "is not empty and holds no model"),
        ("nowhere", tmp_path / "model", "no folder of pictures, and no data set by name: mnist, digits"),
    ):
        result = vae_("train", data, "-o", output, code=2)
        assert reason in result.stderr and "[1/7]" not in result.stderr
    result = vae_("train", photos, "-o", here / "model", "--run", tmp_path / "run", code=2)
    assert "holds a model already" in result.stderr
    result = vae_("train", photos, "-o", tmp_path / "a" / "b", "--run", tmp_path / "a", code=2)
    assert "a folder of its own" in result.stderr


def test_the_report_needs_nothing_but_itself(report, made):
    here, _ = made
    seen = Seen(report)
    assert is_marked(here / "model-run" / "report.html") and report.startswith("<!doctype html>")
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {name for name, _ in seen.tags}
    for name, attributes in seen.tags:
        assert not any(key.startswith("on") for key in attributes), name
        assert all(attributes[key].startswith("data:image/") for key in ("src", "href") if key in attributes)
    (policy,) = [attributes["content"] for _, attributes in seen.tags if "http-equiv" in attributes]
    assert policy.startswith("default-src 'none';") and "url(" not in report and "@import" not in report


def test_each_picture_of_the_report_says_what_it_is(report):
    images = [attributes for name, attributes in Seen(report).tags if name == "img"]
    charts = [attributes for name, attributes in Seen(report).tags if name == "svg"]
    assert len(images) > 12 and all(image["alt"].strip() and int(image["width"]) for image in images)
    assert charts and all(chart["aria-label"] and chart["role"] == "img" for chart in charts)


def test_the_report_has_all_that_it_promises(report, made):
    here, _ = made
    sections = [attributes["id"] for name, attributes in Seen(report).tags if name == "section"]
    assert sections == [section.__name__.removesuffix("_section") for section in SECTIONS]
    noted = json.loads((here / "model-run" / "train.json").read_text())["done"]
    text = Seen(report).text
    assert all(sentence in text for sentence in noted["fit"]["data"] + noted["fit"]["verdict"])
    assert "prefers-color-scheme: dark" in report and 'name="viewport"' in report
    assert re.search(r"p = 0\.\d+", text)


def test_strangers_file_names_are_shown_and_do_nothing(made, photos, monkeypatch):
    here, _ = made
    run = here / "model-run"
    dataset = sources.load(checkpoints.read_config(run), run)
    dataset = dataset._replace(names=(NASTY,) * len(dataset.names))
    path = write_report(run, here / "model", dataset, {}, data=NASTY)
    seen = Seen(path.read_text(encoding="utf-8"))
    assert NASTY in seen.text and not any("onerror" in attributes for _, attributes in seen.tags)


def test_the_report_of_the_same_run_is_the_same(made, report):
    here, _ = made
    run = here / "model-run"
    dataset = sources.load(checkpoints.read_config(run), run)
    noted = json.loads((run / "train.json").read_text())["done"]
    pages = [write_report(run, here / "model", dataset, noted, data="photos").read_bytes() for _ in range(2)]
    assert pages[0] == pages[1]
