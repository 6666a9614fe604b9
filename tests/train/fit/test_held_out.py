"""Held-out images choose the weights, the noise of pixels, and when to end; and a bad run is said to be one."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from vae_train.checkpoint import BEST, load_model, read
from vae_train.data.datasets import Dataset
from vae_train.fit.held_out import measure
from vae_train.fit.trainer import Best, Trainer
from vae_train.fit.training import fit
from vae_train.measure.trivial import mean_picture_bound, packed_bits_per_dim
from vae_train.measure.verdict import verdict
from vae_train.metrics import read_metrics

from tests.support.small_runs import bars, small

CPU = torch.device("cpu")
GAUSSIAN = {"likelihood": "gaussian", "targets": "grey", "kl_warmup_epochs": 0.0, "gradient_norm_limit": 0.0}


@pytest.fixture(scope="module")
def dataset():
    return bars()


def test_sigma_is_the_best_one_for_held_out_images(dataset):
    trainer = Trainer(small("mlp", validation_images=20, **GAUSSIAN), dataset, CPU)
    model, images = trainer.model, trainer.batches.held_out
    measured = measure(model, trainer.config, images, draws=1, device=CPU)
    bounds = {}
    for factor in (0.9, 1.0, 1.1):
        model.likelihood.log_sigma.data.fill_(math.log(factor * measured.sigma))
        generator = torch.Generator().manual_seed(trainer.config.seed)
        eps = torch.randn(1, len(images), trainer.config.latent_size, generator=generator)
        x = images.float() / 255
        mean, logvar = model.encode(x)
        z = mean + torch.exp(0.5 * logvar) * eps[0]
        bound = model.likelihood.log_prob(x, model.decode(z)) - model.prior.kl(z, mean, logvar)
        bounds[factor] = float(bound.detach().mean())
    assert max(bounds, key=bounds.get) == 1.0
    assert bounds[1.0] == pytest.approx(measured.bound, rel=1e-5)


def test_bernoulli_models_and_several_draws_have_no_sigma_to_fit(dataset):
    for changes, draws in (({}, 1), (GAUSSIAN, 5)):
        trainer = Trainer(small("conv", validation_images=20, **changes), dataset, CPU)
        assert measure(trainer.model, trainer.config, trainer.batches.held_out, draws=draws, device=CPU).sigma is None


def test_the_best_weights_carry_the_held_out_sigma(dataset, tmp_path):
    fit(small("mlp", validation_images=20, **GAUSSIAN), tmp_path / "run", dataset, CPU)
    rows, best = read_metrics(tmp_path / "run"), read(tmp_path / "run" / BEST)
    row = rows[best.state["epoch"] - 1]
    assert row["validation_bound"] == max(row["validation_bound"] for row in rows)
    assert load_model(tmp_path / "run")[0].likelihood.sigma == pytest.approx(row["validation_sigma"], rel=1e-5)
    table = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(table) == len(rows) + 1 and "validation_bound" in table[0].split(",")
    assert float(table[-1].split(",")[table[0].split(",").index("elbo")]) == rows[-1]["elbo"]


def test_a_run_whose_held_out_bound_no_longer_rises_ends_and_stays_ended(dataset, tmp_path, capsys, monkeypatch):
    config = small("mlp", validation_images=20, patience=2, epochs=50)
    bounds = iter([-10.0, -9.0, *[-9.5] * 60])
    monkeypatch.setattr(
        "vae_train.fit.held_out.measure", lambda *a, **b: type("F", (), {"bound": next(bounds), "sigma": None})
    )
    assert fit(config, tmp_path / "run", dataset, CPU)
    assert [row["epoch"] for row in read_metrics(tmp_path / "run")] == [1, 2, 3, 4]
    assert "Ended at epoch 4 of 50: the held-out bound has not risen since epoch 2" in capsys.readouterr().err
    assert read(tmp_path / "run" / BEST).state["epoch"] == 2
    assert fit(config, tmp_path / "run", dataset, CPU, resume=True)
    assert len(read_metrics(tmp_path / "run")) == 4


def test_without_held_out_images_nothing_ends_early(dataset):
    trainer = Trainer(small("mlp", patience=1), dataset, CPU)
    trainer.best, trainer.step = Best(1, 0.0, 0), 10
    assert not trainer.gave_up


def test_the_mean_picture_is_a_model_like_any_other():
    random = np.random.default_rng(0)
    images = random.normal(120, 20, (400, 1, 8, 8)).clip(0, 255).astype(np.uint8)
    dataset = Dataset(images[:300], np.zeros(300, np.uint8), images[300:], np.zeros(100, np.uint8))
    nats = mean_picture_bound(small("mlp", **GAUSSIAN), dataset, dataset.test_images)
    entropy = -64 * (math.log(20 / 255) + 0.5 * math.log(2 * math.pi * math.e))  # of the noise it was made with
    assert nats == pytest.approx(entropy, rel=0.02)
    black = Dataset(images[:300] * 0, dataset.train_labels, images[:5] * 0, dataset.test_labels[:5])
    assert mean_picture_bound(small("mlp"), black, black.test_images) == pytest.approx(64 * math.log(0.999))
    exact = mean_picture_bound(small("mlp", **GAUSSIAN), black, black.test_images)  # no error, and the least sigma
    assert exact == pytest.approx(-64 * (math.log(0.5 / 255) + 0.5 * math.log(2 * math.pi)))
    bits = packed_bits_per_dim(images[300:])
    assert 6 < bits["png"] < 25 and 6 < bits["webp"] < bits["png"]  # small noisy pictures: headers and all


def rows_of(run, held_out, trained_on):
    run.mkdir()
    lines = [
        {"epoch": epoch + 1, "draws": 1, "validation_bound": bound, "elbo": elbo}
        for epoch, (bound, elbo) in enumerate(zip(held_out, trained_on, strict=True))
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_verdict_names_what_is_worse_than_trivial_and_a_curve_that_turned(dataset, tmp_path):
    config = dataclasses.replace(small("mlp", validation_images=20), **GAUSSIAN)
    trivial = mean_picture_bound(config, dataset, dataset.train_images[-20:])
    rows_of(tmp_path / "bad", [trivial - 50, trivial - 20], [0, 0])
    (facts, warning) = verdict(tmp_path / "bad", config, dataset)
    assert "the mean picture alone" in facts and "bits a dimension at epoch 2" in facts
    assert warning.startswith("warning: the model is worse than the mean picture alone. Train longer (--minutes)")
    turned = [trivial + 10, trivial + 200, *(trivial + 100 - row for row in range(8))]
    rows_of(tmp_path / "short", turned[:4], turned[:4])
    assert len(verdict(tmp_path / "short", config, dataset)) == 1  # too few epochs to tell
    rows_of(tmp_path / "turned", turned, turned)
    (_, warning) = verdict(tmp_path / "turned", config, dataset)
    assert warning.startswith("warning: the held-out curve turned at epoch 2 of 10") and "--augment flip" in warning
    (_, warning) = verdict(tmp_path / "turned", dataclasses.replace(config, augment=("flip",)), dataset)
    assert "--augment" not in warning
    rows_of(tmp_path / "good", [trivial + 10, trivial + 100, trivial + 200, trivial + 199], [1, 2, 3, 4])
    assert len(verdict(tmp_path / "good", config, dataset)) == 1
    rows_of(tmp_path / "none", [], [])
    assert verdict(tmp_path / "none", config, dataset) == []


def test_a_model_that_takes_more_than_the_raw_bytes_is_said_to(dataset, tmp_path):
    config = dataclasses.replace(small("mlp", validation_images=20), **GAUSSIAN)
    noise = np.random.default_rng(0).integers(0, 256, dataset.train_images.shape, dtype=np.uint8)
    loud = dataset._replace(train_images=noise // 255 * 255)
    rows_of(tmp_path / "run", [-40.0], [0])
    said = verdict(tmp_path / "run", config, loud._replace(train_images=noise))
    assert len(said) == 2 and "worse than" in said[1]
