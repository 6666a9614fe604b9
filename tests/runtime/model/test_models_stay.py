"""No verb puts a model in the place of another one unasked: calibrate, export, and the folder's writer itself."""

import dataclasses
import re
import shlex

import pytest

from tests.support.commands import vae_
from tests.support.linear_gaussian import LinearGaussian
from vae_runtime import VAE, InputError, write_image
from vae_runtime.model import location
from vae_runtime.model import manifest as manifests
from vae_runtime.model.writing import check_target, write_model


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def good(tmp_path):
    """Normal pictures of the small model."""
    for number, image in enumerate(LinearGaussian.make().draw(5, seed=0)):
        (tmp_path / "good").mkdir(exist_ok=True)
        write_image(tmp_path / "good" / f"{number}.png", image)
    return tmp_path / "good"


def test_a_model_is_calibrated_where_it_is(folder, good):
    before = manifests.read(folder)
    result = vae_("calibrate", good, "-m", folder)
    assert f"Wrote the model 'ppca' calibrated with 5 pictures to {folder}" in result.stderr
    after = manifests.read(folder)
    assert len(after.calibration["elbo"]) == 5
    assert dataclasses.replace(after, calibration={}) == dataclasses.replace(before, calibration={})


def test_a_model_of_the_environment_is_one_that_was_named(folder, good, monkeypatch):
    monkeypatch.setenv("VAE_MODEL", str(folder))
    vae_("calibrate", good)
    assert manifests.read(folder).calibration


def test_without_a_model_the_command_that_names_one_is_said(good, root):
    before = contents(root / "artifacts" / "mnist")
    error = vae_("calibrate", good, "--tile", code=2).stderr
    assert f"vae calibrate {good} -m MODEL --tile" in error and f"vae calibrate {good} -o NEWFOLDER --tile" in error
    assert contents(root / "artifacts" / "mnist") == before


def test_the_built_in_model_is_copied_and_never_written(good, root, tmp_path):
    built_in = root / "artifacts" / "mnist"
    before = contents(built_in)
    for place in (("-m", built_in), ("-o", built_in), ("-o", built_in, "--replace")):
        error = vae_("calibrate", good, *place, code=2).stderr
        assert "is the built-in model, which stays as it is" in error and "-o NEWFOLDER" in error
    result = vae_("calibrate", good, "-o", tmp_path / "copy")
    assert "This is the built-in model 'mnist'" in result.stderr
    assert manifests.read(tmp_path / "copy").calibration and contents(built_in) == before


def test_the_built_in_model_does_not_take_the_place_of_ones_own(root, folder, good):
    """What README's table and two messages once advised: it replaced one's own model by MNIST."""
    before = contents(folder)
    error = vae_("calibrate", good, "-o", folder, code=2).stderr
    shipped = manifests.read(root / "artifacts" / "mnist").pair_id
    assert "'ppca' (0123456789abcdef)" in error and f"'mnist' ({shipped})" in error and "add --replace" in error
    assert contents(folder) == before
    advised = re.search(r"to calibrate that one, vae (.*);", error)
    vae_(*shlex.split(advised[1]))
    assert manifests.read(folder).pair_id == "0123456789abcdef" and manifests.read(folder).calibration
    vae_("calibrate", good, "-o", folder, "--replace")
    assert manifests.read(folder).name == "mnist"


def test_a_damaged_model_keeps_its_place_too(folder, good, tmp_path):
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes()[:900])
    before = contents(folder)
    model = LinearGaussian.make().write(tmp_path / "other")
    error = vae_("calibrate", good, "-m", model, "-o", folder, code=2).stderr
    assert "holds a model that cannot be read" in error and "--replace" in error
    assert contents(folder) == before
    vae_("calibrate", good, "-m", model, "-o", folder, "--replace")
    assert VAE.load(folder).manifest.calibration


def test_the_writer_of_folders_itself_refuses_another_model(folder):
    manifest = manifests.read(folder)
    files = {file.file: (folder / file.file).read_bytes() for file in manifest.files}
    other = dataclasses.replace(manifest, pair_id="f" * 16)
    with pytest.raises(InputError, match=r"'ppca' \(0123456789abcdef\), and 'ppca' \(ffffffffffffffff\)"):
        write_model(folder, other, files)
    write_model(folder, manifest, files)
    check_target(folder)
    write_model(folder, other, files, replace=True)
    assert manifests.read(folder).pair_id == "f" * 16


def test_an_installation_without_a_model_calibrates_ones_own(folder, good, monkeypatch, tmp_path):
    monkeypatch.setattr(location, "_PACKAGE", tmp_path / "nowhere" / "vae_runtime")
    vae_("calibrate", good, "-m", folder)
    assert manifests.read(folder).calibration
