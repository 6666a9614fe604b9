"""A model that is replaced, calibrated or forked while it is read: readers never see a mix."""

import dataclasses
import multiprocessing
import os
import shutil
import threading
import time

import pytest

from tests.support.commands import vae_
from tests.support.folders import model_at, replacing
from tests.support.linear_gaussian import LinearGaussian
from vae_runtime import VAE, IntegrityError, write_image
from vae_runtime.checks import calibrate
from vae_runtime.checks import verify as verifying
from vae_runtime.checks.verify import verify
from vae_runtime.model import folder as folders
from vae_runtime.model import integrity
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import read_file
from vae_runtime.model.lock import held_alone
from vae_runtime.model.writing import describe, write_model

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def meanwhile(monkeypatch, module, name, act):
    """Do something after the first call of a function."""
    usual, done = getattr(module, name), []

    def called(*arguments, **options):
        result = usual(*arguments, **options)
        if not done:
            done.append(True)
            act()
        return result

    monkeypatch.setattr(module, name, called)
    return done


def test_a_model_that_is_replaced_while_it_is_opened_is_the_new_one(folder, other, monkeypatch):
    done = meanwhile(monkeypatch, folders.manifests, "read", lambda: write_model(folder, *other))
    assert VAE.load(folder, threads=1).manifest.created_by == "another" and done


def test_a_model_that_comes_back_while_it_is_opened_is_opened(folder, other, monkeypatch):
    """Its files were gone in between, and its manifest is again the one that was read."""
    mine, missing = model_at(folder), iter([True])

    def read(place, file):
        if next(missing, False):
            write_model(folder, *other)
            write_model(folder, *mine)
            raise IntegrityError("it was missing")
        return read_file(place, file)

    monkeypatch.setattr(folders, "read_file", read)
    assert VAE.load(folder, threads=1).manifest.created_by == "tests"


def test_a_model_with_a_digest_is_that_one_or_none(folder, other, monkeypatch):
    digest = manifests.read(folder).digest
    meanwhile(monkeypatch, folders.manifests, "read", lambda: write_model(folder, *other))
    with pytest.raises(IntegrityError):
        VAE.load(folder, digest=digest)


def test_a_damaged_model_is_still_an_error_at_once(folder):
    (folder / "decoder.onnx").write_bytes(b"damaged")
    with pytest.raises(IntegrityError, match=r"decoder\.onnx has 7 bytes"):
        VAE.load(folder)


def test_verify_of_a_model_that_is_replaced_is_of_the_new_one_with_no_file_too_many(folder, other, monkeypatch):
    done = meanwhile(monkeypatch, verifying, "read_golden", lambda: write_model(folder, *other))
    report = verify(folder, providers="cpu", threads=1, precision="float32")
    assert done and report.passed and report.digest == manifests.read(folder).digest


def test_a_writer_that_has_renamed_the_card_and_not_yet_the_manifest_is_waited_for(root, tmp_path):
    """The card of the new model lay beside the manifest of the old one, and `verify` called that damage."""
    folder = tmp_path / "model"
    shutil.copytree(root / "artifacts" / "mnist-2d", folder)
    manifest, contents = model_at(folder)
    card = contents["README.md"] + b"\nAnother one.\n"
    others = (file for file in manifest.card if file.file != "README.md")
    replaced = dataclasses.replace(manifest, card=(describe("README.md", card), *others))
    card_renamed = threading.Event()

    def write():
        with held_alone(folder):
            (folder / "README.md").write_bytes(card)
            card_renamed.set()
            time.sleep(0.3)  # longer than a reader takes to find that the card is not the manifest's
            (folder / "new").write_text(replaced.to_json(), encoding="utf-8")
            os.replace(folder / "new", folder / "manifest.json")

    writer = threading.Thread(target=write)
    writer.start()
    assert card_renamed.wait(30)
    report = verify(folder, providers="cpu", threads=1, precision="float32")
    writer.join()
    assert report.passed and report.digest == manifests.digest_of(folder) != manifest.digest


@fork
def test_writers_that_leave_no_time_to_read_are_kept_out_for_a_while(folder, other):
    context, mine = multiprocessing.get_context("fork"), model_at(folder)
    writers = [context.Process(target=replacing, args=(folder, model, 60)) for model in (mine, other)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            assert verify(folder, providers="cpu", threads=1, precision="float32").passed
    finally:
        for writer in writers:
            writer.terminate()
            writer.join()


@fork
def test_a_child_of_a_fork_runs_its_model_though_another_took_its_place(folder, other):
    vae = VAE.load(folder, threads=1)
    image = LinearGaussian.make().draw(1, seed=0)
    expected = vae.encode(image).logvar.tobytes()
    write_model(folder, *other)
    assert VAE.load(folder, threads=1).encode(image).logvar.tobytes() != expected
    child = os.fork()
    if child == 0:
        os._exit(0 if vae.encode(image).logvar.tobytes() == expected else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to count open files")
def test_files_that_are_held_for_children_are_let_go_with_the_model(folder):
    before = len(os.listdir("/proc/self/fd"))
    vae = VAE.load(folder, threads=1)
    held = [vae._model.encoder, vae._model.decoder]
    assert len(os.listdir("/proc/self/fd")) == before + len(held)
    del vae, held
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_process_without_a_handle_to_spare_opens_models_by_name(folder, monkeypatch):
    held = integrity.HeldFile(folder, manifests.read(folder).graphs["encoder"]["float32"])
    os.close(held._handle)
    held._handle = -1
    assert held.read() == (folder / "encoder.onnx").read_bytes()


@pytest.fixture
def good(tmp_path):
    write_image(tmp_path / "good.png", LinearGaussian.make().draw(1, seed=0)[0])
    return tmp_path / "good.png"


@pytest.mark.parametrize("copy", [False, True])
def test_no_model_gets_the_calibration_of_another_that_lay_there(folder, good, other, monkeypatch, tmp_path, copy):
    meanwhile(monkeypatch, calibrate, "calibration", lambda: write_model(folder, *other))
    place = ("-o", tmp_path / "copy") if copy else ()
    said = vae_("calibrate", good, "-m", folder, *place, code=4).stderr
    assert "was replaced by another model" in said and "nothing was written" in said
    after = manifests.read(folder)
    assert (after.created_by, dict(after.calibration)) == ("another", {}) and not (tmp_path / "copy").exists()


def test_two_calibrations_of_one_model_at_once_are_both_kept(folder, good, monkeypatch):
    def tiled():
        calibrate.write_calibrated(folder, folder, {"elbo_tiled": (1.0, 2.0)})

    meanwhile(monkeypatch, calibrate, "calibration", tiled)
    vae_("calibrate", good, "-m", folder)
    kept = manifests.read(folder).calibration
    assert kept["elbo_tiled"] == (1.0, 2.0) and len(kept["elbo"]) == 1


def test_a_copy_does_not_take_the_place_of_what_came_there_meanwhile(folder, good, other, monkeypatch, tmp_path):
    meanwhile(monkeypatch, calibrate, "calibration", lambda: write_model(tmp_path / "copy", *other))
    assert (
        "was changed by another process"
        in vae_("calibrate", good, "-m", folder, "-o", tmp_path / "copy", code=4).stderr
    )
    assert manifests.read(tmp_path / "copy") == other[0]
