"""The loop: it learns, resumes bit for bit, keeps the best weights and stops at NaN."""

import dataclasses
import os
import signal

import numpy as np
import pytest
import torch
from vae_train.checkpoint import BEST, LAST, PREVIOUS, load_model, read
from vae_train.config import PRESETS, Config
from vae_train.errors import TrainingError
from vae_train.fit.batches import Batch, observe
from vae_train.fit.division import Division
from vae_train.fit.parallel import Processes
from vae_train.fit.schedule import bound_draws, kl_weight, learning_rate
from vae_train.fit.trainer import Trainer
from vae_train.fit.training import fit
from vae_train.metrics import read_metrics

from tests.support.small_runs import bars, small

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset():
    return bars()


def interrupt_at(monkeypatch, *steps):
    """Send Ctrl-C to this process when the trainer has taken each of these steps."""
    usual = Trainer.take_step

    def take_step(self):
        usual(self)
        if self.step in steps:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Trainer, "take_step", take_step)


@pytest.mark.parametrize(
    "config",
    [
        small("mlp-2d"),
        small("mlp", validation_images=20),
        small("conv", importance_share=0.5, grey_share=0.2),
        small("conv", ema_decay=0.0, kl_warmup_epochs=0.0, targets="grey", gradient_norm_limit=0.0),
    ],
    ids=["mlp-2d", "mlp", "conv", "conv-plain"],
)
def test_an_interrupted_run_resumes_to_the_same_bits(config, dataset, tmp_path, monkeypatch):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert fit(config, straight, dataset, CPU)
    interrupt_at(monkeypatch, 2, 7)  # within an epoch, and later again
    assert not fit(config, broken, dataset, CPU)
    assert not fit(config, broken, dataset, CPU, resume=True)
    assert fit(config, broken, dataset, CPU, resume=True)
    for name in (LAST, BEST):
        assert (straight / name).read_bytes() == (broken / name).read_bytes(), name
    timings = {"images_per_second", "seconds"}
    rows = [
        [{k: v for k, v in row.items() if k not in timings} for row in read_metrics(run)] for run in (straight, broken)
    ]
    assert rows[0] == rows[1] and len(rows[0]) == 3


def test_the_same_config_trains_to_the_same_bits_and_another_seed_does_not(dataset, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        fit(small("conv", seed=seed), tmp_path / name, dataset, CPU)
    content = {name: (tmp_path / name / LAST).read_bytes() for name in "abc"}
    assert content["a"] == content["b"] != content["c"]


def test_training_raises_the_elbo(dataset, tmp_path):
    fit(small("conv", epochs=12, learning_rate=5e-3), tmp_path / "run", dataset, CPU)
    rows = read_metrics(tmp_path / "run")
    assert rows[-1]["elbo"] > rows[0]["elbo"] + 5
    assert rows[-1]["elbo"] == pytest.approx(rows[-1]["log_likelihood"] - rows[-1]["kl"])


def test_every_epoch_sees_every_image_once(dataset):
    trainer = Trainer(small("mlp"), dataset, CPU)
    orders = []
    for _ in range(2):
        seen = []
        for _ in range(trainer.steps_per_epoch):
            seen += [image.tobytes() for image in trainer.batch().images.numpy()]
            trainer.step += 1
        orders.append(seen)
    expected = [image.tobytes() for image in (dataset.train_images / np.float32(255)).astype(np.float32)]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(expected)
    assert orders[0] != orders[1]


def test_a_run_leaves_config_metrics_checkpoints_and_pictures(dataset, tmp_path):
    config = small("mlp-2d")
    fit(config, tmp_path / "run", dataset, CPU)
    names = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert {"config.json", "metrics.jsonl", LAST, PREVIOUS, BEST, "pictures/epoch-003.png"} <= names
    model, loaded = load_model(tmp_path / "run")
    assert loaded == config == Config.from_json(config.to_json())
    best = read(tmp_path / "run" / BEST).tensors
    assert all(torch.equal(tensor, best[name]) for name, tensor in model.state_dict().items())


def test_the_best_weights_are_the_averaged_ones(dataset, tmp_path):
    """Of a run of one epoch, whose last weights are its best."""
    fit(small("mlp", epochs=1), tmp_path / "run", dataset, CPU)
    last, best = read(tmp_path / "run" / LAST).tensors, read(tmp_path / "run" / BEST)
    name = "encoder.1.weight"
    assert best.state["epoch"] == 1
    assert torch.equal(best.tensors[name], last[f"average.module.{name}"])
    assert not torch.equal(best.tensors[name], last[f"model.{name}"])


def test_a_loss_that_is_not_finite_stops_with_a_sentence_and_keeps_the_last_checkpoint(dataset, tmp_path):
    config = small("mlp-2d")
    fit(config, tmp_path / "run", dataset, CPU)
    before = (tmp_path / "run" / LAST).read_bytes()
    worse = dataclasses.replace(config, learning_rate=1e38, epochs=20)
    with pytest.raises(TrainingError, match=r"not finite at step .*lower --learning-rate"):
        fit(worse, tmp_path / "run", dataset, CPU, resume=True)
    assert (tmp_path / "run" / LAST).read_bytes() == before


def test_the_schedules_are_those_of_the_papers():
    config = dataclasses.replace(
        PRESETS["conv"](), learning_rate=1.0, learning_rate_warmup_steps=10, kl_warmup_epochs=2
    )
    assert [learning_rate(config, step, 1000) for step in (0, 4, 9)] == [0.1, 0.5, 1.0]
    assert learning_rate(config, 500, 1000) == pytest.approx(0.505)
    assert learning_rate(config, 1000, 1000) == pytest.approx(0.01)
    constant = dataclasses.replace(config, learning_rate_schedule="constant")
    assert learning_rate(constant, 999, 1000) == 1.0
    assert [kl_weight(config, step, 50) for step in (0, 49, 99, 5000)] == [0.01, 0.5, 1.0, 1.0]
    assert kl_weight(dataclasses.replace(config, kl_warmup_epochs=0), 0, 50) == 1.0


def test_part_of_a_batch_stays_grey(dataset):
    trainer = Trainer(small("conv", grey_share=0.25), dataset, CPU)
    grey = torch.full((16, 1, 8, 8), 0.5)
    seen = observe(grey, trainer.config, trainer.noise)
    assert (seen[:4] == 0.5).all() and set(seen[4:].unique().tolist()) == {0.0, 1.0}


def test_the_last_share_of_the_epochs_raises_the_importance_weighted_bound():
    config = dataclasses.replace(PRESETS["conv"](), epochs=10, importance_share=0.7)
    assert [bound_draws(config, epoch) for epoch in range(10)] == [1, 1, 1, 5, 5, 5, 5, 5, 5, 5]
    assert bound_draws(PRESETS["mlp"](), 39) == 1


def test_the_best_weights_are_of_the_bound_that_was_raised_last(dataset, tmp_path):
    config = small("conv", epochs=4, importance_share=0.5)
    fit(config, tmp_path / "run", dataset, CPU)
    assert [row["draws"] for row in read_metrics(tmp_path / "run")] == [1, 1, 5, 5]
    longer = dataclasses.replace(config, epochs=6, importance_share=0.0)
    fit(longer, tmp_path / "run", dataset, CPU, resume=True)
    assert read(tmp_path / "run" / BEST).state["epoch"] > 4


def test_a_process_without_rows_adds_nothing(dataset):
    trainer = Trainer(small("conv", labels=2), dataset, CPU, Share(rank=3, size=4))
    batch = trainer.batch()
    sums = trainer.find_gradients(Batch(batch.images[:2], batch.labels[:2]))
    assert sums.tolist() == [0, 0, 0, 0]
    assert all((parameter.grad == 0).all() for parameter in trainer.model.parameters())


class Share(Processes):
    """The share of one of several processes, without the others."""

    def add_up(self, tensors):
        pass


def test_sums_are_reset_at_each_epoch(dataset):
    trainer = Trainer(small("mlp"), dataset, CPU)
    for _ in range(trainer.steps_per_epoch):
        trainer.take_step()
    row = trainer.end_epoch()
    assert trainer.sums.tolist() == [0, 0, 0, 0] and row["epoch"] == 1


@pytest.fixture
def threads():
    """Sets torch's threads, for this test alone."""
    usual = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(usual)


def test_a_run_that_goes_on_with_other_threads_says_that_it_is_another(dataset, tmp_path, monkeypatch, capsys, threads):
    """Bit for bit holds with as many threads alone; the run went on with any other number and nothing was said."""
    interrupt_at(monkeypatch, 2, 4)
    threads(1)
    assert not fit(small("mlp"), tmp_path / "run", dataset, CPU)
    threads(2)
    assert not fit(small("mlp"), tmp_path / "run", dataset, CPU, resume=True)
    said = capsys.readouterr().err
    assert "not bit for bit as it would have: it had --threads 1, and has --threads 2 now." in said
    assert fit(small("mlp"), tmp_path / "run", dataset, CPU, resume=True)  # with as many as it was left with
    assert "bit for bit" not in capsys.readouterr().err


def test_all_that_divides_a_sum_is_named_and_what_was_not_noted_is_not(threads):
    threads(3)
    here = Division.here(CPU, 2)
    assert here == ("cpu", 3, 2, torch.__version__)
    assert here.since({**here._asdict(), "step": 7}) is None and here.since({"step": 7}) is None
    other = {"device": "cuda", "threads": 1, "processes": 8, "torch_version": "2.0.0"}
    now = f"has the device cpu, --threads 3, processes: 2, torch {torch.__version__} now"
    assert f"it had the device cuda, --threads 1, processes: 8, torch 2.0.0, and {now}." in here.since(other)
    assert Division.here(torch.device("cuda")).threads == 1
