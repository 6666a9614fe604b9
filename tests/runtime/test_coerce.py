"""Tensors of torch as arrays: those that are get in, and the others are told what makes them arrays."""

import io

import numpy as np
import pytest

from vae_runtime import VAE, InputError, image_grid, to_uint8, write_image
from vae_runtime.coerce import as_array
from vae_runtime.maths.conformal import conformal_p_values

torch = pytest.importorskip("torch")

CALLS = {
    "encode": lambda vae, images, z: vae.encode(images),
    "decode": lambda vae, images, z: vae.decode(z),
    "reconstruct": lambda vae, images, z: vae.reconstruct(images),
    "score": lambda vae, images, z: vae.score(images),
    "elbo": lambda vae, images, z: vae.elbo(images),
    "anomaly_map": lambda vae, images, z: vae.anomaly_map(images),
    "interpolate": lambda vae, images, z: vae.interpolate(images[0], images[1]),
    "to_uint8": lambda vae, images, z: to_uint8(images),
    "image_grid": lambda vae, images, z: image_grid(images),
    "write_image": lambda vae, images, z: write_image(io.BytesIO(), images[0]),
    "p-values": lambda vae, images, z: conformal_p_values(images[:, 0, 0, 0], [0.0]),
}


class OnAGraphicsCard:
    """A tensor of torch on a GPU, as far as it shows."""

    requires_grad, dtype = False, "torch.float32"

    def __init__(self, place):
        self.device = torch.device(place)

    def cpu(self):
        return torch.zeros(1)

    def __array__(self, *_, **__):
        raise TypeError(f"can't convert {self.device} device type tensor to numpy.")

    def __getitem__(self, _):
        return self


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_a_tensor_that_needs_its_gradient_is_told_what_to_do(folder, call):
    vae = VAE.load(folder)
    images, z = torch.full((2, *vae.image_shape), 0.5), torch.zeros(2, vae.latent_size)
    call(vae, images, z)
    with pytest.raises(
        InputError, match=r"a Tensor came that needs its gradient; give its numbers: \.detach\(\)\.numpy"
    ):
        call(vae, images.requires_grad_(), z.requires_grad_())
    with pytest.raises(InputError, match=r"that lies on cuda; give its numbers: \.cpu\(\)\.numpy\(\)"):
        call(vae, OnAGraphicsCard("cuda"), OnAGraphicsCard("cuda"))


def test_both_and_other_kinds_of_tensor_are_told_apart():
    both = OnAGraphicsCard("cuda")
    both.requires_grad = True
    for value, words in (
        (both, r"needs its gradient; give its numbers: \.detach\(\)\.cpu\(\)\.numpy"),
        (OnAGraphicsCard("mps"), r"lies on mps; give its numbers: \.cpu\(\)\.numpy"),
        (torch.zeros(3, dtype=torch.bfloat16), r"is bfloat16; give its numbers: \.float\(\)\.numpy"),
        ([torch.zeros(3, requires_grad=True)], "a list came that is no array"),
        (torch.zeros(3).to_sparse(), "a Tensor came that is no array"),
    ):
        with pytest.raises(InputError, match=words):
            as_array(value, "images")
    assert as_array(torch.ones(3), "images").tolist() == np.ones(3).tolist()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: VAE("my-model"), r"VAE\('my-model'\) opens no model; use VAE\.load\('my-model'\)"),
        (lambda: VAE(), r"VAE\(\) opens no model; use VAE\.load\(\)"),
    ],
)
def test_who_calls_the_class_is_told_of_load(call, words):
    with pytest.raises(InputError, match=words):
        call()


SCALES = {
    "[-1, 1]": (
        lambda x: x * 2 - 1,
        lambda x: (x + 1) / 2,
        r"reach from -1 to 1; .* like \[-1, 1\]: use \(images \+ 1\) / 2",
    ),
    "[-1, 1], dark": (lambda x: x / 4 - 1, None, r"like \[-1, 1\]"),
    "bytes": (lambda x: x * 255, lambda x: x / 255, r"look like bytes: use images / 255, or from_uint8"),
    "normalised": (lambda x: (x - 0.1307) / 0.3081, lambda x: x * 0.3081 + 0.1307, r"use images \* deviation \+ mean"),
    "overshoot": (lambda x: x * 1.04 - 0.02, lambda x: np.clip(x, 0, 1), r"use np\.clip\(images, 0, 1\)"),
    "far off": (lambda x: x * 5000, None, r"Bring them to \[0, 1\] by the range"),
}


@pytest.mark.parametrize(("wrong", "mended", "words"), SCALES.values(), ids=list(SCALES))
def test_images_of_another_range_are_told_what_brings_them_back(folder, wrong, mended, words):
    vae = VAE.load(folder)
    images = np.linspace(0, 1, 4 * 6, dtype=np.float32).reshape(4, *vae.image_shape)
    with pytest.raises(InputError, match=words) as error:
        vae.encode(wrong(images))
    assert "Divide bytes" not in str(error.value)
    if mended:
        np.testing.assert_allclose(mended(wrong(images)), images, atol=0.03)
        vae.encode(np.clip(mended(wrong(images)), 0, 1))
