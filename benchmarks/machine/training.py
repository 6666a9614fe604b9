"""Images a second in training: our loop, a plain DataLoader loop of the same network, and Keras.

    python -m benchmarks.machine.training CONTENDER

answers lines of seconds with images a second, for `measure_training`, which lets contenders take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np

ROUNDS = 5
SECONDS = 3.0
IMAGES = 20_000

# Shapes of the networks: hidden units each way, latents, images a step.
TEXTS = {"widths": (256,), "latent_size": 2, "batch_size": 32}
EXAMPLE = {"widths": (400,), "latent_size": 20, "batch_size": 128}  # of PyTorch's examples/vae
CONV = {"batch_size": 128}

Step = Callable[[], int]


def ours(shape: dict[str, Any]) -> Step:
    """One step of `vae_train.fit.trainer`, with all that it does beside: binarising, sums, checks."""
    import torch
    from vae_train.config import Config, conv
    from vae_train.data.datasets import Dataset
    from vae_train.fit.trainer import Trainer

    if shape is CONV:
        config = Config(**{**vars(conv()), "importance_draws": 1, "precision": "float32", "prior": "standard_normal"})
    else:
        config = Config(preset="benchmark", network="mlp", targets="grey", epochs=1000, **shape)
    images, labels = _images(), np.zeros(IMAGES, np.uint8)
    trainer = Trainer(config, Dataset(images, labels, images[:1], labels[:1]), torch.device("cpu"))

    def step() -> int:
        batch = trainer.batch()
        trainer.take_step(batch)
        return len(batch.images)

    return step


def plain(shape: dict[str, Any]) -> Step:
    """The loop of the tutorials: DataLoader, item by item, float32, Adam as it comes."""
    import torch
    import torch.nn.functional as F
    from torch.utils.data import DataLoader
    from vae_train.config import Config, conv
    from vae_train.models.networks import VAE

    if shape is CONV:
        config = Config(**{**vars(conv()), "prior": "standard_normal"})
    else:
        config = Config(preset="benchmark", network="mlp", epochs=1, **shape)
    model, images = VAE(config), _images()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    class Items(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return torch.from_numpy(images[index]).float().div(255), 0

    def batches() -> Any:
        while True:
            yield from DataLoader(Items(), batch_size=shape["batch_size"], shuffle=True)

    stream = batches()

    def step() -> int:
        x, _ = next(stream)
        optimizer.zero_grad()
        mean, logvar = model.encode(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        recon = torch.sigmoid(model.decode(z))
        loss = F.binary_cross_entropy(recon, x, reduction="sum")
        loss = loss - 0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
        loss.backward()
        loss.item()
        optimizer.step()
        return len(x)

    return step


def keras(shape: dict[str, Any]) -> Step:
    """`fit` of the VAE class that Keras' own example has, at the shape of the texts."""
    import keras
    import tensorflow as tf

    (width,), size, batch = shape["widths"], shape["latent_size"], shape["batch_size"]

    class VAE(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.head = keras.layers.Dense(width, activation="relu"), keras.layers.Dense(2 * size)
            self.up = keras.layers.Dense(width, activation="relu")
            self.out = keras.layers.Dense(784, activation="sigmoid")

        def train_step(self, x: Any) -> dict[str, Any]:
            with tf.GradientTape() as tape:
                mean, logvar = tf.split(self.head(self.hidden(x)), 2, axis=1)
                z = mean + tf.exp(0.5 * logvar) * tf.random.normal(tf.shape(mean))
                recon = self.out(self.up(z))
                cross = tf.reduce_mean(784 * keras.losses.binary_crossentropy(x, recon))
                kl = -0.5 * tf.reduce_mean(tf.reduce_sum(1 + logvar - tf.square(mean) - tf.exp(logvar), axis=1))
                loss = cross + kl
            self.optimizer.apply_gradients(
                zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights, strict=True)
            )
            return {"loss": loss}

    model = VAE()
    model.compile(optimizer=keras.optimizers.Adam())
    images = _images().reshape(-1, 784).astype("float32") / 255
    part = 200 * batch

    def step() -> int:
        model.fit(images[:part], batch_size=batch, epochs=1, verbose=0)
        return part

    return step


CONTENDERS: dict[str, tuple[Callable[[dict[str, Any]], Step], dict[str, Any]]] = {
    "784-256-2, batch 32: ours": (ours, TEXTS),
    "784-256-2, batch 32: plain loop": (plain, TEXTS),
    "784-256-2, batch 32: Keras fit": (keras, TEXTS),
    "784-400-20, batch 128: ours": (ours, EXAMPLE),
    "784-400-20, batch 128: plain loop": (plain, EXAMPLE),
    "conv, batch 128: ours": (ours, CONV),
    "conv, batch 128: plain loop": (plain, CONV),
}


def measure_training(say: Callable[[str], None]) -> dict[str, float]:
    """Images a second, medians of rounds in which all contenders take turns."""
    workers = {}
    for name in CONTENDERS:
        workers[name] = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.machine.training", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    speeds: dict[str, list[float]] = {}
    for number in range(ROUNDS + 1):
        say(f"  round {number} of {ROUNDS}")
        for name, worker in workers.items():
            if worker.poll() is not None:
                continue
            worker.stdin.write(f"{SECONDS}\n")
            worker.stdin.flush()
            answer = worker.stdout.readline()
            if answer and number:
                speeds.setdefault(name, []).append(json.loads(answer))
    for worker in workers.values():
        worker.kill()
        worker.communicate()
    return {name: statistics.median(rates) for name, rates in speeds.items()}


@click.command()
@click.argument("contender", type=click.Choice(list(CONTENDERS)))
def main(contender: str) -> None:
    """Answer lines of seconds."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    step_of, shape = CONTENDERS[contender]
    step = step_of(shape)
    for line in sys.stdin:
        step()
        count, start = 0, time.perf_counter()
        end = start + float(line)
        while (now := time.perf_counter()) < end:
            count += step()
        print(count / (now - start), file=answers, flush=True)


def _images() -> np.ndarray:
    """Pictures of noise: what they show costs no time."""
    return np.random.default_rng(0).integers(0, 256, (IMAGES, 1, 28, 28), np.uint8)


if __name__ == "__main__":
    main()
