"""Models of Keras as its tutorials build them, with random weights."""

import os

os.environ["KERAS_BACKEND"] = "torch"  # which Keras reads when it is imported

import keras
from keras import layers, ops


class Sampling(layers.Layer):
    """The tutorials' own layer: a draw z of (z_mean, z_log_var)."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        epsilon = keras.random.normal(shape=ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


class Scaling(layers.Layer):
    """A layer of one's own that is no draw."""

    def call(self, inputs):
        return 2 * inputs


def dense(*, outputs=3, side=8, latents=2, last="sigmoid", first=None, draw=None):
    """An encoder of flat pictures, of one to three outputs, and its decoder."""
    keras.utils.set_random_seed(0)
    images = keras.Input((side * side,))
    hidden = layers.Dense(16, activation="relu")(first(images) if first else images)
    mean, logvar = layers.Dense(latents, name="z_mean")(hidden), layers.Dense(latents, name="z_log_var")(hidden)
    given = [mean, logvar, *([(draw or Sampling())([mean, logvar])] if outputs > 2 else [])]
    given += [mean] * (outputs - 3)
    encoder = keras.Model(images, given[:outputs] if outputs > 1 else mean)
    z = keras.Input((latents,))
    hidden = layers.Dense(16, activation="relu")(z)
    return encoder, keras.Model(z, layers.Dense(side * side, activation=last)(hidden))


def convolutional(*, channels=3, spatial=False):
    """Pictures of 8 x 8, channels last, with BatchNorm; latents are a vector, or lie in places."""
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, channels))
    hidden = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(images)
    hidden = layers.BatchNormalization()(hidden)
    latents = (4, 4, 2) if spatial else (2,)
    head = (lambda: layers.Conv2D(2, 1)) if spatial else (lambda: layers.Dense(2))
    hidden = hidden if spatial else layers.Flatten()(hidden)
    mean, logvar = head()(hidden), head()(hidden)
    encoder = keras.Model(images, [mean, logvar])
    z = keras.Input(latents)
    hidden = z if spatial else layers.Reshape((4, 4, 4))(layers.Dense(64, activation="relu")(z))
    hidden = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(hidden)
    decoder = keras.Model(z, layers.Conv2D(channels, 3, padding="same", activation="sigmoid")(hidden))
    return encoder, decoder


def save(folder, pair):
    """The pair as two files, by their paths."""
    paths = [folder / "encoder.keras", folder / "decoder.keras"]
    for model, path in zip(pair, paths, strict=True):
        model.save(path)
    return paths
