"""A run that begins with another's weights: what is taken over, and which networks do not fit."""

import pytest
import torch
from vae_train.fit.trainer import Trainer

from tests.support.small_runs import bars, small
from vae_runtime import InputError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset():
    return bars()


def test_a_deeper_network_begins_as_the_shallower_function(dataset):
    trained = Trainer(small("conv", blocks=1), dataset, CPU)
    for parameter in trained.model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    deeper = Trainer(small("conv", blocks=3), dataset, CPU)
    deeper.begin_with(trained.model)
    images = trained.batch().images
    for model in (deeper.model, deeper.averaged_model):
        mean, _ = model.encode(images)
        assert torch.equal(mean, trained.model.encode(images)[0])
        assert torch.equal(model.decode(mean), trained.model.decode(mean))
        assert torch.equal(model.prior.log_prob(mean), trained.model.prior.log_prob(mean))


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        ({"blocks": 2}, {"blocks": 1}, "fewer residual blocks"),
        ({}, {"widths": (4, 8)}, "layers of the same sizes"),
        ({}, {"latent_size": 7}, "layers of the same sizes"),
    ],
)
def test_a_run_of_other_networks_is_no_start(dataset, there, here, words):
    trained = Trainer(small("conv", **there), dataset, CPU)
    with pytest.raises(InputError, match=words):
        Trainer(small("conv", **here), dataset, CPU).begin_with(trained.model)


def test_a_prior_of_another_kind_starts_anew(dataset):
    trained = Trainer(small("conv", prior="standard_normal"), dataset, CPU)
    learner = Trainer(small("conv", labels=2), dataset, CPU)
    learner.begin_with(trained.model)
    assert torch.equal(learner.model.encoder[0].weight, trained.model.encoder[0].weight)
    assert learner.model.prior.label_mean.shape == (2, 40)
