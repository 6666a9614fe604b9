"""Sound models are exported whatever their numbers are, broken exports are refused; more: fuzz/engines/exports.py."""

import dataclasses

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from vae_export import steps
from vae_export.errors import ExportError
from vae_export.graphs.finishing import finish
from vae_export.pipeline import export
from vae_train import checkpoint as checkpoints
from vae_train.checkpoint import Checkpoint, load_model
from vae_train.config import PRESETS
from vae_train.data.recipe import for_shape
from vae_train.models.networks import build

from fuzz.engines.exports import export_broken, random_run
from vae_runtime import VAE

pytestmark = pytest.mark.usefixtures("operators_read_once")
CPU = torch.device("cpu")


def saved(place, config, change=lambda model: None):
    model = build(config, CPU)
    with torch.no_grad():
        change(model)
    run = place / "run"
    run.mkdir()
    (run / "config.json").write_text(config.to_json())
    checkpoints.save(run / checkpoints.BEST, Checkpoint(dict(model.state_dict()), {}))
    return run


@pytest.mark.parametrize("seed", [1, 3])
def test_sound_models_of_any_kind_are_exported(tmp_path, seed):
    run, _ = random_run(tmp_path, seed)
    export(run, tmp_path / "model")
    assert VAE.load(tmp_path / "model").sample(1).shape[0] == 1


@pytest.mark.parametrize("seed", range(2))
def test_broken_exports_are_refused(tmp_path, seed):
    random = np.random.default_rng(seed)
    for attempt in range(8):
        place = tmp_path / str(attempt)
        place.mkdir()
        run, _ = random_run(place, 100 * seed + attempt)
        outcome, what = export_broken(run, place / "model", random)
        if outcome != "no effect":
            break
    assert outcome == "refused", what
    assert not (place / "model").exists()


def test_latents_that_a_flow_throws_far_out_are_no_reason_to_refuse(tmp_path):
    """Noise of 10 deviations lands beyond 10^4, where float32 itself leaves more open than any fixed limit."""
    config = dataclasses.replace(
        for_shape(PRESETS["conv"](), (3, 28, 28)), widths=(4, 6), blocks=1, latent_size=16, linear_pool=0
    )

    def stretch(model):
        for coupling in model.prior.couplings:
            coupling.scale.weight.normal_(0, 0.02)
            coupling.scale.bias.fill_(2.6)
            coupling.shift.weight.normal_(0, 0.1)
            coupling.shift.bias.normal_(0, 1)

    run = saved(tmp_path, config, stretch)
    model, _ = load_model(run)
    with torch.no_grad():
        assert model.prior.from_noise(torch.full((1, 16), 10.0)).abs().max() > 1e4
    export(run, tmp_path / "model")


@pytest.mark.parametrize("role", ["prior_sample", "prior_log_prob"])
def test_a_weight_of_the_prior_is_not_drowned_by_the_nats_of_pixels(tmp_path, monkeypatch, role):
    config = dataclasses.replace(
        for_shape(PRESETS["conv"](), (3, 40, 40)), widths=(4, 6), blocks=0, latent_size=16, linear_pool=0
    )

    def waken(model):
        for coupling in model.prior.couplings:
            coupling.shift.weight.normal_(0, 0.1)

    run = saved(tmp_path, config, waken)
    usual = steps.export_graphs

    def broken(*arguments, **options):
        graphs, pair_id = usual(*arguments, **options)
        graph = onnx.load_from_string(graphs[role])
        (tensor,) = (each for each in graph.graph.initializer if each.name == "couplings.2.shift.weight")
        values = numpy_helper.to_array(tensor).copy()
        values[np.unravel_index(np.abs(values).argmax(), values.shape)] *= 1.01
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        return {**graphs, role: finish(graph, role, {item.key: item.value for item in graph.metadata_props})}, pair_id

    monkeypatch.setattr(steps, "export_graphs", broken)
    with pytest.raises(ExportError, match=r"the exported graphs are another model: for .*draws from the prior"):
        export(run, tmp_path / "model")


def test_a_small_sigma_and_nats_of_both_signs_are_no_reason_to_refuse(tmp_path):
    config = dataclasses.replace(
        for_shape(PRESETS["conv"](), (3, 48, 48)), widths=(4, 6, 8), blocks=1, latent_size=8, prior="standard_normal"
    )
    run = saved(tmp_path, config, lambda model: model.likelihood.log_sigma.fill_(np.log(0.004)))
    export(run, tmp_path / "model")
    assert VAE.load(tmp_path / "model").manifest.golden["float32"].tolerance["nats"] > 0.01


@pytest.mark.parametrize("model", ["mnist", "mnist-mlp"])
def test_the_nats_of_absurd_images_are_torchs_in_double_precision(root, model):
    """To 1e-3 nats, or 1e-6 of them where they are more than a thousand, as they are here."""
    torch_model, config = load_model(root / "artifacts" / model / "checkpoint")
    exact, vae = torch_model.double(), VAE.load(root / "artifacts" / model)
    digits, shape = vae.sample(4, seed=2), (4, *config.image_shape)
    images = np.concatenate(
        [np.ones(shape), np.zeros(shape), np.random.default_rng(0).random(shape), 1 - digits, digits > 0.5]
    ).astype(np.float32)
    x = torch.from_numpy(images).double()
    with torch.no_grad():
        logits = exact.decode(exact.encode(x)[0])
        nats = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3)).numpy()
    assert nats.max() > 5000 and logits.abs().max() > 20
    np.testing.assert_array_less(
        np.abs(vae.score(images, method="reconstruction") - nats), np.maximum(1e-3, 1e-6 * nats)
    )


def test_outputs_that_are_not_finite_are_refused_with_their_probe(tmp_path):
    config = dataclasses.replace(for_shape(PRESETS["mlp"](), (1, 28, 28)), widths=(8,), latent_size=4)

    def overflow(model):
        model.encoder[1].weight.fill_(1e30)
        model.encoder[3].weight.fill_(1e30)

    with pytest.raises(ExportError, match=r"holds NaN or infinity. Train again, with a lower learning rate"):
        export(saved(tmp_path, config, overflow), tmp_path / "model")
    assert not (tmp_path / "model").exists()
