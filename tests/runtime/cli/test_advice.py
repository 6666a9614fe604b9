"""The commands that messages advise do what is meant, on the model at hand."""

import re
import shlex

import numpy as np
import pytest

from tests.support.commands import vae_
from tests.support.linear_gaussian import LinearGaussian
from vae_runtime import VAE, InputError, write_image
from vae_runtime.sklearn import VAETransformer


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model in a folder whose name a shell would split, and normal pictures in FOLDER."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FOLDER").mkdir()
    for number, image in enumerate(LinearGaussian.make().draw(5, seed=0)):
        write_image(tmp_path / "FOLDER" / f"{number}.png", image)
    LinearGaussian.make().write(tmp_path / "my model")
    return "my model"


def run_advice(message):
    """The command at the end of a message, run as it stands."""
    command = re.search(r"vae (calibrate .*)$", message.strip())[1]
    vae_(*shlex.split(command))
    return command


@pytest.mark.parametrize(("method", "command"), [("elbo", ""), ("kl_tiled", " --tile")])
def test_a_model_without_calibration_names_the_command_that_gives_it(model, method, command):
    vae = VAE.load(model)
    with pytest.raises(InputError) as refusal:
        vae.p_value([0.0], method=method)
    assert run_advice(str(refusal.value)) == f"calibrate FOLDER -m 'my model'{command}"
    assert VAE.load(model).p_value([0.0], method=method).shape == (1,)


def test_vae_score_names_it_too(model):
    def error(*arguments):
        return vae_("score", "FOLDER", "-m", model, "--false-alarm-rate", 0.5, *arguments, code=2).stderr

    assert run_advice(error("--tile")).endswith("--tile")
    vae_("score", "FOLDER", "-m", model, "--false-alarm-rate", 0.5, "--tile")
    assert not run_advice(error()).endswith("--tile")
    vae_("score", "FOLDER", "-m", model, "--false-alarm-rate", 0.5)
    few = vae_("score", "FOLDER", "-m", model, "--false-alarm-rate", 0.01, code=2).stderr
    assert "needs 99 calibration pictures" in few
    run_advice(few)


def test_of_the_built_in_model_a_copy_is_advised(model):
    with pytest.raises(InputError) as refusal:
        VAE.load().p_value([0.0])
    assert run_advice(str(refusal.value)) == "calibrate FOLDER -o NEWFOLDER"
    assert VAE.load("NEWFOLDER").p_value([0.0]).shape == (1,)


def test_the_estimator_names_it_too(model):
    estimator = VAETransformer(model).fit()
    with pytest.raises(InputError) as refusal:
        estimator.predict(LinearGaussian.make().draw(2, seed=0))
    run_advice(str(refusal.value))
    assert VAETransformer(model).fit().predict(LinearGaussian.make().draw(2, seed=0)).shape == (2,)


def test_a_model_without_a_detector_is_not_told_to_calibrate(model):
    for arguments in ((), ("--false-alarm-rate", 0.1), ("--tile",)):
        error = vae_("score", "FOLDER", "-m", model, "--method", "faults", *arguments, code=2).stderr
        assert "has no detector" in error and "calibrate" not in error
        assert "vae detector RUN && vae export RUN 'my model' --replace" in error
    with pytest.raises(InputError, match="has no detector"):
        VAE.load(model).p_value([0.0], method="faults_tiled")
    with pytest.raises(InputError, match="has no detector"):
        VAE.load(model).anomaly_map(LinearGaussian.make().draw(2, seed=0), method="faults")


def test_complexity_is_of_bernoulli_models(model):
    error = vae_("score", "FOLDER", "-m", model, "--method", "complexity", "--false-alarm-rate", 0.1, code=2).stderr
    assert "is of Bernoulli models, and the likelihood of 'ppca' is gaussian" in error and "calibrate" not in error


def test_a_method_that_there_is_not_is_no_matter_of_calibration(model):
    with pytest.raises(InputError, match="method is 'mse'; expected one of elbo, reconstruction, kl"):
        VAE.load(model).p_value(np.zeros(1), method="mse")
