"""`--from keras`: files that Keras itself saved, against its own predict."""

import json
import os
import sys
import zipfile

import numpy as np
import pytest
import torch
from vae_export.foreign.adapters.keras import ADAPTER
from vae_export.foreign.adapters.options import Options

from tests.support.keras_models import Sampling, Scaling, convolutional, dense, keras, layers, save
from vae_runtime import InputError

# Keras's torch backend converts tensors in a way that numpy is about to forbid.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
RNG = np.random.default_rng(0)
FLAT = Options(image_shape=(1, 8, 8))


def given(half, x):
    with torch.no_grad():
        outputs = half(torch.from_numpy(x))
    return [output.numpy() for output in (outputs if isinstance(outputs, (tuple, list)) else [outputs])]


def last(images):
    """Channels last, as Keras has them."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def test_the_tutorials_pair_gives_what_keras_predicts_without_the_code_of_its_layer(tmp_path):
    encoder, decoder = dense()
    foreign = ADAPTER.open(save(tmp_path, (encoder, decoder)), FLAT)
    images = RNG.random((5, 1, 8, 8), np.float32)
    mean, logvar, _ = encoder.predict(images.reshape(5, 64), verbose=0)
    for ours, theirs in zip(given(foreign.encoder, images), (mean, logvar), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)  # float32 sums in another order
    (decoded,) = given(foreign.decoder, mean)
    np.testing.assert_allclose(decoded.reshape(5, 64), decoder.predict(mean, verbose=0), rtol=1e-6, atol=1e-7)
    assert (foreign.encoder_gives, foreign.latent_shape, foreign.value_range) == ("mean, logvar", (2,), (0, 1))
    assert foreign.made_by == f"keras {keras.__version__}"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("spatial", [False, True])
def test_channels_last_become_channels_first_inside(tmp_path, channels, spatial):
    encoder, decoder = convolutional(channels=channels, spatial=spatial)
    foreign = ADAPTER.open(save(tmp_path, (encoder, decoder)), Options())
    images = RNG.random((5, channels, 8, 8), np.float32)
    theirs = encoder.predict(last(images), verbose=0)
    ours = given(foreign.encoder, images)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(last(mine) if spatial else mine, other, rtol=1e-5, atol=1e-6)
    (decoded,) = given(foreign.decoder, ours[0])
    np.testing.assert_allclose(last(decoded), decoder.predict(theirs[0], verbose=0), rtol=1e-5, atol=1e-6)
    assert foreign.image.shape == (channels, 8, 8) and foreign.latent_shape == ours[0].shape[1:]
    assert foreign.encoder.double()(torch.from_numpy(images).double())[0].dtype == torch.float64


@pytest.mark.parametrize(("outputs", "gives", "prior"), [(1, "mean", "none"), (2, "mean, logvar", "standard_normal")])
def test_the_count_of_outputs_says_what_they_are(tmp_path, outputs, gives, prior):
    foreign = ADAPTER.open(save(tmp_path, dense(outputs=outputs)), FLAT)
    assert (foreign.encoder_gives, foreign.prior) == (gives, prior)
    assert len(given(foreign.encoder, np.zeros((2, 1, 8, 8), np.float32))) == outputs


def test_a_lambda_that_draws_is_left_out_unread(tmp_path):
    """The older tutorial's way: the file holds Python code, which nobody runs."""
    draw = layers.Lambda(lambda pair: pair[0] + pair[1] * keras.random.normal((2,)), output_shape=(2,))
    foreign = ADAPTER.open(save(tmp_path, dense(draw=draw)), FLAT)
    assert len(given(foreign.encoder, np.zeros((2, 1, 8, 8), np.float32))) == 2


def test_a_lambda_that_matters_needs_trust(tmp_path):
    encoder, decoder = dense(first=layers.Lambda(lambda x: x / 2, output_shape=(64,), name="halve"))
    paths = save(tmp_path, (encoder, decoder))
    with pytest.raises(InputError, match=r"encoder\.keras: the layer 'halve' is a Lambda, .*--trust-pickle"):
        ADAPTER.open(paths, FLAT)
    foreign = ADAPTER.open(paths, Options(image_shape=(1, 8, 8), trust_pickle=True))
    images = RNG.random((2, 1, 8, 8), np.float32)
    theirs = encoder.predict(images.reshape(2, 64), verbose=0)[0]
    np.testing.assert_allclose(given(foreign.encoder, images)[0], theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_a_layer_of_ones_own_that_matters_is_refused_by_name(tmp_path, half):
    encoder, decoder = dense(first=Scaling(name="twice") if half == "encoder" else None)
    if half == "decoder":
        z = keras.Input((2,))
        decoder = keras.Model(z, decoder(Scaling(name="twice")(z)))
    with pytest.raises(InputError, match=rf"{half}\.keras: the layer 'twice' is of the class Scaling, .*export_model"):
        ADAPTER.open(save(tmp_path, (encoder, decoder)), FLAT)


class Whole(keras.Model):
    """A model as a class, which a file has no code for."""

    def call(self, inputs):
        return inputs


def test_a_model_that_is_a_class_is_refused_with_the_way_out(tmp_path):
    _, decoder = dense()
    whole = Whole()
    whole(np.zeros((1, 64), np.float32))
    with pytest.raises(InputError, match=r"is a model of the class Whole, .*vae\.encoder\.save\('encoder\.keras'\)"):
        ADAPTER.open(save(tmp_path, (whole, decoder)), FLAT)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(), r"encoder\.keras has no image shape; give --image-shape"),
        (Options(image_shape=(1, 7, 8)), r"64 numbers.*--image-shape is 1,7,8, 56 numbers"),
    ],
)
def test_flat_pictures_need_their_shape(tmp_path, options, told):
    with pytest.raises(InputError, match=told):
        ADAPTER.open(save(tmp_path, dense()), options)


def test_four_outputs_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"encoder\.keras gives 4 tensors; expected mean, or mean and logvar"):
        ADAPTER.open(save(tmp_path, dense(outputs=4)), FLAT)


def test_a_decoder_that_ends_in_neither_sigmoid_nor_tanh_needs_the_range(tmp_path):
    paths = save(tmp_path, dense(last="linear"))
    with pytest.raises(InputError, match=r"decoder\.keras does not say what black and white are \(it ends in add\)"):
        ADAPTER.open(paths, FLAT)
    assert ADAPTER.open(paths, Options(image_shape=(1, 8, 8), value_range=(-1, 1))).value_range == (-1, 1)


def test_another_file_is_refused(tmp_path):
    paths = save(tmp_path, dense())
    paths[0].write_bytes(b"\x89HDF")
    with pytest.raises(InputError, match=r"is no \.keras file of Keras 3; save the model again"):
        ADAPTER.open(paths, FLAT)


def test_a_damaged_file_is_refused(tmp_path):
    paths = save(tmp_path, dense())
    with zipfile.ZipFile(paths[1]) as file:
        config = json.loads(file.read("config.json"))
    with zipfile.ZipFile(paths[1], "w") as file:
        file.writestr("config.json", json.dumps(config))
    with pytest.raises(InputError, match=r"decoder\.keras is no model that this Keras \([\d.]+\) can load"):
        ADAPTER.open(paths, FLAT)


def test_keras_on_another_backend_is_told_so(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match='set KERAS_BACKEND="torch" before'):
        ADAPTER.read([], Options())


def test_reading_chooses_the_torch_backend_whatever_the_environment_says(monkeypatch):
    """Where Keras was not imported yet, it is asked for by the variable that it reads."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.delitem(sys.modules, "keras")
    with pytest.raises(ValueError, match="not enough values"):
        ADAPTER.read([], Options())
    assert os.environ["KERAS_BACKEND"] == "torch"


def test_the_stand_in_of_a_draw_keeps_the_weights_of_layers_of_the_same_kind(tmp_path):
    """Keras names weights in a file by class and count, so a stand-in must not change how others are counted."""
    mine = type("Dense", (Sampling,), {})
    encoder, decoder = dense(draw=mine())
    foreign = ADAPTER.open(save(tmp_path, (encoder, decoder)), FLAT)
    images = RNG.random((2, 1, 8, 8), np.float32)
    theirs = encoder.predict(images.reshape(2, 64), verbose=0)
    for ours, other in zip(given(foreign.encoder, images), theirs[:2], strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-6, atol=1e-7)
