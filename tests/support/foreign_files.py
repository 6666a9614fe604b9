"""Small files of every library that `vae export --from` reads, by the names that documents give them."""

import torch
from torch import nn

from tests.support.keras_models import convolutional, dense, save
from tests.support.onnx_pairs import write_dense, write_optimum


def write_foreign(folder):
    """Models of random weights in `folder`, each written by its own library."""
    torch.manual_seed(0)
    _pythae(folder / "final_model")
    _diffusers(folder / "autoencoder")
    save(folder, convolutional())
    for path in save(_made(folder / "flat"), dense(side=28)):
        path.rename(folder / f"flat-{path.name}")
    write_dense(folder)
    write_optimum(folder / "optimum", opset=17, config={"sample_size": 8, "in_channels": 3})
    _programs(folder)


def _made(folder):
    folder.mkdir()
    return folder


def _pythae(folder):
    from pythae import models

    config = models.VAEConfig(input_dim=(1, 8, 8), latent_dim=3, reconstruction_loss="bce")
    models.VAE(config).save(str(folder))


def _diffusers(folder):
    from diffusers import AutoencoderKL

    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        norm_num_groups=4,
    ).save_pretrained(folder)


class _Halved(nn.Module):
    """The mean and log-variance that a network gives side by side."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).chunk(2, dim=1)


def _programs(folder):
    encoder = _Halved(nn.Sequential(nn.Flatten(), nn.Linear(64, 6)))
    decoder = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    batch = ({0: torch.export.Dim("batch")},)
    for name, module, example in (("encoder", encoder, (3, 1, 8, 8)), ("decoder", decoder, (3, 3))):
        program = torch.export.export(module.eval(), (torch.zeros(example),), dynamic_shapes=batch)
        torch.export.save(program, folder / f"{name}.pt2")
