"""Augmentation moves and brightens images, each by itself, and repeats with the generator."""

import torch
from vae_train.data.augment import augment


def noise():
    return torch.Generator().manual_seed(0)


def images(batch=200):
    return torch.rand(batch, 2, 16, 8, generator=torch.Generator().manual_seed(1))


def test_half_of_the_images_are_flipped():
    for kind, axis in (("flip", 3), ("flip-vertical", 2)):
        augmented = augment(images(), (kind,), noise())
        same = (augmented == images()).flatten(1).all(1)
        turned = (augmented == images().flip(axis)).flatten(1).all(1)
        assert (same ^ turned).all() and 70 < turned.sum() < 130


def test_shifted_images_are_the_same_pixels_elsewhere():
    augmented, shifts = augment(images(), ("shift",), noise()), set()
    for image, original in zip(augmented, images(), strict=True):
        matches = [
            (down, across)
            for down in (-1, 0, 1)
            for across in (-1, 0, 1)
            if torch.equal(image[:, 1:-1, 1:-1], torch.roll(original, (-down, -across), (1, 2))[:, 1:-1, 1:-1])
        ]
        assert len(matches) == 1
        shifts.update(matches)
    assert len(shifts) == 9


def test_brightness_multiplies_and_stays_in_range():
    augmented = augment(images(), ("brightness",), noise())
    ratios = (augmented / images()).flatten(1).median(1).values
    assert augmented.max() <= 1 and 0.9 <= ratios.min() < 0.95 < 1.05 < ratios.max() <= 1.1


def test_the_same_noise_changes_alike_and_no_kind_changes_nothing():
    kinds = ("flip", "shift", "brightness")
    assert torch.equal(augment(images(), kinds, noise()), augment(images(), kinds, noise()))
    assert torch.equal(augment(images(), (), noise()), images())
