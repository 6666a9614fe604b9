"""`--from pythae`: folders that pythae itself saved, against pythae's own results."""

import json
import pickle

import pytest
import torch
from pythae import models
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from vae_export.foreign.adapters.options import Options
from vae_export.foreign.adapters.pythae import ADAPTER, BARE, CLASSES, DETERMINISTIC

from vae_runtime import InputError

SHAPE, LATENTS = (1, 8, 8), 3
IMAGES = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(0))
TRUSTED = Options(trust_pickle=True)


class OwnEncoder(BaseEncoder):
    """A network that pythae has not: convolution and BatchNorm."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten())
        self.embedding, self.log_var = torch.nn.Linear(72, LATENTS), torch.nn.Linear(72, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return ModelOutput(embedding=self.embedding(h), log_covariance=self.log_var(h))


class OwnDecoder(BaseDecoder):
    """Its opposite, whose images are flat."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Linear(LATENTS, 64)

    def forward(self, z):
        return ModelOutput(reconstruction=torch.sigmoid(self.body(z)))


def saved(folder, kind="VAE", *, input_dim=SHAPE, networks=(), **fields):
    """A model of random weights in a folder, and the model."""
    torch.manual_seed(0)
    config = {name: configured for configured, name in CLASSES.items()}[kind]
    model = getattr(models, kind)(
        getattr(models, config)(input_dim=input_dim, latent_dim=LATENTS, **fields), *networks
    ).eval()
    model.save(str(folder))
    return model


@pytest.mark.parametrize("kind", sorted(CLASSES.values()))
def test_each_kind_gives_what_pythae_gives(tmp_path, kind):
    model = saved(tmp_path / "model", kind)
    foreign = ADAPTER.open([tmp_path / "model"], Options())
    with torch.no_grad():
        theirs, ours = model.encoder(IMAGES), foreign.encoder(IMAGES)
        assert torch.equal(foreign.decoder(ours[0]), model.predict(IMAGES).recon_x)
    names = ("embedding",) if kind in (*BARE.values(), *DETERMINISTIC.values()) else ("embedding", "log_covariance")
    assert len(ours) == len(names) and all(torch.equal(ours[i], theirs[name]) for i, name in enumerate(names))
    assert foreign.encoder_gives == ("mean, logvar" if len(names) == 2 else "mean")
    assert foreign.image.shape == SHAPE and foreign.latent_shape == (LATENTS,)
    assert foreign.prior == ("none" if kind in ("VAMP", *BARE.values()) else "standard_normal")


@pytest.mark.parametrize(("loss", "likelihood", "sigma"), [("bce", "bernoulli", None), ("mse", "gaussian", 1.0)])
def test_the_reconstruction_loss_is_the_likelihood(tmp_path, loss, likelihood, sigma):
    """Up to the constant of a Gaussian, pythae's loss is minus the log-likelihood that the folder will have."""
    model = saved(tmp_path / "model", reconstruction_loss=loss)
    foreign = ADAPTER.open([tmp_path / "model"], Options())
    assert (foreign.likelihood, foreign.sigma) == (likelihood, sigma)
    with torch.no_grad():
        decoded = foreign.decoder(foreign.encoder(IMAGES)[0])
        mean = torch.zeros(len(IMAGES), LATENTS)
        _, theirs, _ = model.loss_function(decoded, IMAGES, mean, mean, mean)
        density = {
            "bernoulli": lambda: torch.distributions.Bernoulli(decoded, validate_args=False).log_prob(IMAGES),
            "gaussian": lambda: torch.distributions.Normal(decoded, 1.0).log_prob(IMAGES) + 0.918938533,
        }[likelihood]()
    torch.testing.assert_close(-density.sum((1, 2, 3)).mean(), theirs)


def test_what_the_user_says_goes_before_what_the_files_say(tmp_path):
    saved(tmp_path / "model")
    said = Options(likelihood="gaussian", sigma=0.1, prior="none", encoder_gives="mean, std", value_range=(-1, 1))
    foreign = ADAPTER.open([tmp_path / "model"], said)
    assert (foreign.sigma, foreign.prior, foreign.encoder_gives, foreign.value_range) == (
        *(0.1, "none", "mean, std"),
        (-1, 1),
    )


def test_networks_of_ones_own_are_pickles_and_need_trust(tmp_path):
    model = saved(tmp_path / "model", networks=(OwnEncoder(), OwnDecoder()))
    with pytest.raises(InputError, match=r"encoder\.pkl: the encoder is .* a pickle can run any code .*--trust-pickle"):
        ADAPTER.open([tmp_path / "model"], Options())
    foreign = ADAPTER.open([tmp_path / "model"], TRUSTED)
    with torch.no_grad():
        assert torch.equal(foreign.encoder(IMAGES)[0], model.encoder(IMAGES).embedding)
        assert foreign.decoder(torch.zeros(2, LATENTS)).shape == (2, *SHAPE)


class Bomb:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize("trust", [False, True])
def test_weights_are_never_unpickled_freely(tmp_path, trust):
    saved(tmp_path / "model")
    torch.save({"model_state_dict": {"a": Bomb()}}, tmp_path / "model" / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt holds no weights of pythae, or more than weights"):
        ADAPTER.open([tmp_path / "model"], Options(trust_pickle=trust))


def test_untrusted_pickles_are_not_opened(tmp_path):
    saved(tmp_path / "model", networks=(OwnEncoder(), OwnDecoder()))
    (tmp_path / "model" / "encoder.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError, match="--trust-pickle"):
        ADAPTER.open([tmp_path / "model"], Options())


def test_a_pickle_that_fails_says_where_it_may_work(tmp_path):
    saved(tmp_path / "model", networks=(OwnEncoder(), OwnDecoder()))
    (tmp_path / "model" / "decoder.pkl").write_bytes(b"\x80\x04cno.such.module\nName\n.")
    with pytest.raises(InputError, match=r"decoder\.pkl cannot be unpickled here: .*environment\.json"):
        ADAPTER.open([tmp_path / "model"], TRUSTED)


def test_flat_inputs_need_the_shape_of_their_pictures(tmp_path):
    model = saved(tmp_path / "model", input_dim=(64,))
    with pytest.raises(InputError, match=r"model_config\.json has no image shape; give --image-shape"):
        ADAPTER.open([tmp_path / "model"], Options())
    foreign = ADAPTER.open([tmp_path / "model"], Options(image_shape=SHAPE))
    with torch.no_grad():
        assert torch.equal(foreign.encoder(IMAGES)[0], model.encoder(IMAGES.flatten(1)).embedding)
        assert foreign.decoder(torch.zeros(2, LATENTS)).shape == (2, *SHAPE)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "VQVAEConfig"}, "is of VQVAEConfig: its latents are no Gaussian vectors"),
        ({"name": None}, "is of None"),
        ({"latent_dim": 4}, r"model\.pt does not fit model_config\.json"),
        ({"reconstruction_loss": "guess"}, "pythae cannot build this model"),
        ({"input_dim": [5, 8, 8]}, "takes pictures of 5 channels; expected 1 .grey. or 3"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(tmp_path, change, told):
    saved(tmp_path / "model")
    path = tmp_path / "model" / "model_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=told):
        ADAPTER.open([tmp_path / "model"], Options())


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("model_config.json", "has no model_config.json; expected a folder that model.save of pythae wrote"),
        ("model.pt", "model.pt does not exist"),
    ],
)
def test_a_file_that_is_not_there_is_named(tmp_path, file, told):
    saved(tmp_path / "model")
    (tmp_path / "model" / file).unlink()
    with pytest.raises(InputError, match=told):
        ADAPTER.open([tmp_path / "model"], Options())
