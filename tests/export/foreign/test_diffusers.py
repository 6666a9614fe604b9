"""`--from diffusers`: folders that diffusers itself saved, against its own encode and decode."""

import json

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from vae_export.foreign.adapters.diffusers import ADAPTER
from vae_export.foreign.adapters.options import Options

from vae_runtime import InputError

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
WEIGHTS = "diffusion_pytorch_model"


def kl(**fields):
    torch.manual_seed(0)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        **{"block_out_channels": (8, 16), "norm_num_groups": 4, "sample_size": 16, **fields},
    ).eval()


def tiny():
    torch.manual_seed(0)
    sizes = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    return AutoencoderTiny(**sizes, num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1)).eval()


@pytest.mark.parametrize("fields", [{}, {"use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.1}])
def test_autoencoder_kl_gives_the_distribution_that_diffusers_gives(tmp_path, fields):
    model = kl(scaling_factor=0.5, **fields)
    model.save_pretrained(tmp_path)
    foreign = ADAPTER.open([tmp_path], Options())
    with torch.no_grad():
        theirs = model.encode(IMAGES).latent_dist
        mean, logvar = foreign.encoder(IMAGES)
        assert torch.equal(mean, theirs.mean) and torch.equal(logvar, theirs.logvar)
        assert torch.equal(foreign.decoder(mean), model.decode(mean).sample)
    assert foreign.latent_shape == tuple(mean.shape[1:]) == (4, 8, 8)
    assert (foreign.latent_scale, foreign.latent_shift) == (0.5, fields.get("shift_factor", 0.0))
    assert (foreign.value_range, foreign.image.shape) == ((-1, 1), (3, 16, 16))
    assert (foreign.prior, foreign.likelihood) == ("none", "none")


def test_autoencoder_tiny_is_deterministic_and_asks_for_the_shape(tmp_path):
    model = tiny()
    model.save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"config\.json has no image shape; give --image-shape"):
        ADAPTER.open([tmp_path], Options())
    foreign = ADAPTER.open([tmp_path], Options(image_shape=(3, 16, 16)))
    with torch.no_grad():
        latents = foreign.encoder(IMAGES)
        assert torch.equal(latents, model.encode(IMAGES).latents)
        assert torch.equal(foreign.decoder(latents), model.decode(latents).sample)
    assert foreign.latent_shape == tuple(latents.shape[1:]) and foreign.encoder_gives == "mean"


def test_the_folder_of_a_pipeline_has_its_autoencoder_in_it(tmp_path):
    kl().save_pretrained(tmp_path / "vae")
    (tmp_path / "model_index.json").write_text("{}")
    assert ADAPTER.open([tmp_path], Options()).latent_shape == (4, 8, 8)


def test_half_precision_files_are_read_as_single(tmp_path):
    model = kl().half()
    model.save_pretrained(tmp_path, variant="fp16")
    foreign = ADAPTER.open([tmp_path], Options())
    weights = {name: value for name, value in foreign.decoder.state_dict().items() if name.startswith("decoder.")}
    assert weights and all(torch.equal(value, model.state_dict()[name].float()) for name, value in weights.items())


def test_weights_in_a_pickle_need_trust(tmp_path):
    kl().save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(InputError, match=rf"{WEIGHTS}\.bin: these weights are a pickle, .*--trust-pickle"):
        ADAPTER.open([tmp_path], Options())
    assert ADAPTER.open([tmp_path], Options(trust_pickle=True)).latent_shape == (4, 8, 8)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"_class_name": "VQModel"}, "is of VQModel; expected AutoencoderKL or AutoencoderTiny"),
        ({"latents_mean": [0, 0, 0, 0]}, "scales each latent channel by itself"),
        ({"sample_size": 15}, "Images of 15 x 15 do not fit this model; expected multiples of 2"),
        ({"latent_channels": 5}, "diffusers cannot read this model"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(tmp_path, change, told):
    kl().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=told):
        ADAPTER.open([tmp_path], Options())


@pytest.mark.parametrize(
    ("file", "told"),
    [("config.json", "has no config.json"), (f"{WEIGHTS}.safetensors", f"has no {WEIGHTS}.safetensors")],
)
def test_a_file_that_is_not_there_is_named(tmp_path, file, told):
    kl().save_pretrained(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(InputError, match=told):
        ADAPTER.open([tmp_path], Options())
