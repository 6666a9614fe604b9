"""The data sets: idx files are parsed and checked, from a folder or from a mirror through a cache."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from vae_train.data import datasets as data
from vae_train.data.datasets import load, parse_idx

from vae_runtime import InputError


def idx(array):
    return struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """Four small idx files under MNIST's names, two of them packed, and their hashes in place of the real ones."""
    random = np.random.default_rng(0)
    folder, arrays, hashes = tmp_path / "mnist", {}, {}
    folder.mkdir()
    for name, shape in zip(data.MNIST_FILES, ((9, 28, 28), (9,), (4, 28, 28), (4,)), strict=True):
        arrays[name] = random.integers(0, 256, shape, dtype=np.uint8)
        content = idx(arrays[name])
        hashes[name] = hashlib.sha256(content).hexdigest()
        packed = "images" in name
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    monkeypatch.setattr(data, "MNIST_FILES", hashes)
    monkeypatch.delenv("VAE_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder, list(arrays.values())


def test_plain_and_packed_idx_files_are_read_from_a_folder(mnist, monkeypatch):
    folder, (train_images, train_labels, test_images, test_labels) = mnist
    for dataset in (load("mnist", folder), monkeypatch.setenv("VAE_DATA_DIR", str(folder)) or load("mnist")):
        np.testing.assert_array_equal(dataset.train_images[:, 0], train_images)
        np.testing.assert_array_equal(dataset.train_labels, train_labels)
        np.testing.assert_array_equal(dataset.test_images[:, 0], test_images)
        np.testing.assert_array_equal(dataset.test_labels, test_labels)
    assert dataset.train_images.flags.writeable


def test_a_mirror_is_asked_once_and_its_files_checked(mnist, monkeypatch):
    folder, arrays = mnist
    for name in data.MNIST_FILES:
        if (folder / name).exists():
            (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    monkeypatch.setattr(data, "MNIST_MIRRORS", ((folder / "nothing").as_uri() + "/", folder.as_uri() + "/"))
    np.testing.assert_array_equal(load("mnist").train_labels, arrays[1])
    monkeypatch.setattr(data, "MNIST_MIRRORS", ())
    np.testing.assert_array_equal(load("mnist").train_labels, arrays[1])


def test_a_mirror_that_gives_something_else_is_not_cached(mnist, monkeypatch, tmp_path):
    folder, _ = mnist
    for name in data.MNIST_FILES:
        (folder / f"{name}.gz").write_bytes(b"<html>")
    monkeypatch.setattr(data, "MNIST_MIRRORS", (folder.as_uri() + "/",))
    with pytest.raises(InputError, match="is not MNIST's"):
        load("mnist")
    assert not list((tmp_path / "cache").rglob("*.gz"))


def test_without_a_network_the_way_out_is_named(mnist, monkeypatch, tmp_path):
    monkeypatch.setattr(data, "MNIST_MIRRORS", ((tmp_path / "nothing").as_uri() + "/",))
    with pytest.raises(InputError, match=r"--data-dir.*--data digits"):
        load("mnist")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-1], "is not MNIST's"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "is not MNIST's"),
        (lambda content: gzip.compress(content)[:-9], "damaged gzip"),
        (lambda content: b"\x1f\x8b" + content, "damaged gzip"),
    ],
)
def test_a_damaged_file_is_named(mnist, damage, words):
    folder, _ = mnist
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=words) as error:
        load("mnist", folder)
    assert str(path) in str(error.value)


def test_a_folder_without_the_files_is_named(tmp_path):
    with pytest.raises(InputError, match="holds neither train-images-idx3-ubyte"):
        load("mnist", tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\3\4", idx(np.zeros((2, 3), np.uint8))[:-1], idx(np.zeros(3, np.uint8)) + b"x", b"\0\0\x0d\1\0\0\0\0"],
)
def test_what_is_not_idx_is_refused(content):
    with pytest.raises(InputError, match="is not an idx file"):
        parse_idx(content, "labels")


def test_the_digits_are_split_into_disjoint_sets_of_every_label():
    dataset = load("digits")
    assert dataset.train_images.shape == (1437, 1, 28, 28) and dataset.test_images.shape == (360, 1, 28, 28)
    assert dataset.train_images.dtype == np.uint8 and dataset.train_images.max() == 255
    assert set(dataset.train_labels) == set(dataset.test_labels) == set(range(10))
    train, test = ({image.tobytes() for image in images} for images in (dataset.train_images, dataset.test_images))
    assert len(train & test) < 3


def test_an_unknown_data_set_is_refused():
    with pytest.raises(InputError, match="'cifar'; expected 'mnist' or 'digits'"):
        load("cifar")
