"""`--from torch`: programs that torch.export saved, against the modules they were made of."""

import pytest
import torch
from torch import nn
from vae_export.foreign.adapters.options import Options
from vae_export.foreign.adapters.torch import ADAPTER

from vae_runtime import InputError

IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
TRUSTED = Options(trust_pickle=True)


class Encoder(nn.Module):
    """Convolution, BatchNorm and an explicit type; gives mean and logvar."""

    def __init__(self, *, drop=0.0):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(), nn.Dropout(drop))
        self.head = nn.Linear(64, 6)

    def forward(self, x):
        h = self.body(x).to(torch.float32)
        return self.head(h.view(h.shape[0], -1)).chunk(2, dim=1)


def decoder(last):
    return nn.Sequential(nn.Linear(3, 64), *([last()] if last else []), nn.Unflatten(1, (1, 8, 8))).eval()


def save(path, module, example, *, free=True):
    shapes = ({0: torch.export.Dim("batch")},) if free else None
    torch.export.save(torch.export.export(module, (example,), dynamic_shapes=shapes), path)
    return path


@pytest.fixture
def pair(tmp_path):
    torch.manual_seed(0)
    return Encoder().eval(), decoder(nn.Tanh), tmp_path / "encoder.pt2", tmp_path / "decoder.pt2"


def test_programs_compute_what_their_modules_compute_in_any_precision_and_batch(pair):
    encoder, tanh, *paths = pair
    save(paths[0], encoder, IMAGES), save(paths[1], tanh, torch.zeros(3, 3))
    foreign = ADAPTER.open(paths, TRUSTED)
    assert (foreign.image.shape, foreign.latent_shape, foreign.value_range) == ((1, 8, 8), (3,), (-1, 1))
    for images in (IMAGES, IMAGES[:1], IMAGES.repeat(3, 1, 1, 1)):
        with torch.no_grad():
            theirs = encoder.float()(images)
            torch.testing.assert_close(tuple(foreign.encoder.float()(images)), theirs, rtol=1e-6, atol=1e-7)
            assert torch.equal(foreign.decoder.float()(theirs[0]), tanh.float()(theirs[0]))
            exact = encoder.double().head(encoder.body(images.double()).flatten(1)).chunk(2, dim=1)
            ours = foreign.encoder.double()(images.double())
        assert ours[0].dtype == torch.float64
        torch.testing.assert_close(tuple(ours), exact, rtol=1e-12, atol=1e-12)


def test_a_program_is_a_pickle_and_needs_trust(pair):
    encoder, tanh, *paths = pair
    save(paths[0], encoder, IMAGES), save(paths[1], tanh, torch.zeros(3, 3))
    with pytest.raises(InputError, match=r"encoder\.pt2: torch\.export\.load unpickles .*--trust-pickle"):
        ADAPTER.open(paths, Options())


@pytest.mark.parametrize(
    ("last", "said", "expected"), [(nn.Sigmoid, None, (0, 1)), (nn.Tanh, (0, 1), (0, 1)), (None, (-1, 1), (-1, 1))]
)
def test_the_last_operator_says_what_black_and_white_are_unless_the_user_does(pair, last, said, expected):
    encoder, _, *paths = pair
    save(paths[0], encoder, IMAGES), save(paths[1], decoder(last), torch.zeros(3, 3))
    assert ADAPTER.open(paths, Options(trust_pickle=True, value_range=said)).value_range == expected


def test_a_decoder_that_ends_in_neither_needs_the_range(pair):
    encoder, _, *paths = pair
    save(paths[0], encoder, IMAGES), save(paths[1], decoder(None), torch.zeros(3, 3))
    with pytest.raises(InputError, match=r"decoder\.pt2 does not say .* \(it ends in linear\); give --value-range"):
        ADAPTER.open(paths, TRUSTED)


def test_one_batch_alone_is_refused_with_the_way_out(pair):
    encoder, tanh, *paths = pair
    save(paths[0], encoder, IMAGES, free=False), save(paths[1], tanh, torch.zeros(3, 3))
    with pytest.raises(InputError, match=r"encoder\.pt2 was exported for a batch of 3; .*dynamic_shapes"):
        ADAPTER.open(paths, TRUSTED)


class Drawing(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :3] + torch.randn(x.shape[0], 3)


@pytest.mark.parametrize("module", [Drawing(), Encoder(drop=0.5).train()])
def test_noise_inside_a_program_is_refused(pair, module):
    _, tanh, *paths = pair
    save(paths[0], module, IMAGES), save(paths[1], tanh, torch.zeros(3, 3))
    with pytest.raises(InputError, match=r"encoder\.pt2 draws noise \(aten\.(randn|dropout).*in eval mode"):
        ADAPTER.open(paths, TRUSTED)


def test_another_file_is_refused(pair):
    *_, encoder, there = pair
    encoder.write_bytes(b"no program"), there.write_bytes(b"")
    with pytest.raises(InputError, match=r"encoder\.pt2 is no program that torch\.export\.save wrote"):
        ADAPTER.open([encoder, there], TRUSTED)
