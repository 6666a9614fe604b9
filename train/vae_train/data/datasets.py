"""The data sets, whole in memory as uint8: MNIST's idx files, and scikit-learn's bundled digits."""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.request
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from vae_runtime.errors import InputError
from vae_runtime.files import write_file
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.strips import Croppable, strips
from vae_runtime.spec import ImageSpec

# How a picture becomes an image of these sets: light strokes on black, 28x28.
IMAGE_SPEC = ImageSpec(shape=(1, 28, 28))

MNIST_FILES = {  # name: sha256 of the unpacked file (LeCun, Cortes and Burges)
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


class Dataset(NamedTuple):
    """Images uint8 [count, channels, height, width] and labels uint8 [count], split once and for all."""

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.uint8]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.uint8]
    classes: tuple[str, ...] = ()  # names of the labels 0, 1 …, where they have some
    sizes: tuple[int, ...] = ()  # of pictures, before they were fitted: least and greatest width, then height
    digests: tuple[str, ...] = ()  # of the pictures that train (`picture_digest`); none: the images are the pictures
    about: tuple[str, ...] = ()  # what they are, in sentences for people
    names: tuple[str, ...] = ()  # of the images, those that train first: paths in their folders, where they have some

    @property
    def trained_on(self) -> frozenset[str]:
        """Digests of all pictures that a run sees, those that choose its best weights too."""
        return frozenset(self.digests or (_digest(image.tobytes()) for image in self.train_images))


def split_sentence(train: int, test: int, spec: ImageSpec) -> str:
    """How many images there are to train and to test, and of which shape."""
    channels, height, width = spec.shape
    colour = "grey" if channels == 1 else "colour"
    return f"{train:,} images to train on, {test:,} to test: {width}x{height}, {colour}."


def picture_digest(picture: Croppable) -> str:
    """What tells a picture from all others, whatever its file's name and kind: 16 hexadecimal digits of its pixels."""
    return _digest(*(strip.tobytes() for _, strip in strips(picture)))


def load(name: str, directory: Path | None = None) -> Dataset:
    """Load a data set by name; `directory` is where MNIST's files lie."""
    if name == "mnist":
        dataset = mnist(directory)
    elif name == "digits":
        dataset = digits()
    else:
        raise InputError(f"the data set is {name!r}; expected 'mnist' or 'digits'.")
    return dataset._replace(about=(split_sentence(len(dataset.train_images), len(dataset.test_images), IMAGE_SPEC),))


def mnist(directory: Path | None = None) -> Dataset:
    """The 60,000 and 10,000 digits, from `directory`, else $VAE_DATA_DIR, else downloaded once into a cache."""
    given = directory or (Path(os.environ["VAE_DATA_DIR"]) if "VAE_DATA_DIR" in os.environ else None)
    arrays = [
        parse_idx(_local(given, name, sha256) if given else _cached(name, sha256), name)
        for name, sha256 in MNIST_FILES.items()
    ]
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(train_images[:, None], train_labels, test_images[:, None], test_labels)


def digits() -> Dataset:
    """The 1,797 bundled 8x8 digits at 28x28: works offline at once. Every fifth is a test image."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    spec = ImageSpec(shape=IMAGE_SPEC.shape, resample="bicubic")
    images = np.stack([fit_picture(Image.fromarray(picture), spec) for picture in pixels])
    labels = bunch.target.astype(np.uint8)
    test = np.arange(len(images)) % 5 == 0
    return Dataset(images[~test], labels[~test], images[test], labels[test])


def parse_idx(content: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Parse an idx file of unsigned bytes: two zeros, type 8, rank, big-endian sizes, then the pixels."""
    rank = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    shape = np.frombuffer(content[4 : 4 + 4 * rank], ">u4").astype(int)
    if not rank or len(shape) != rank or len(content) != 4 + 4 * rank + int(shape.prod()):
        raise InputError(f"{name} is not an idx file of unsigned bytes; get the four MNIST files again.")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def _digest(*pixels: bytes) -> str:
    digest = hashlib.sha256()
    for part in pixels:
        digest.update(part)
    return digest.hexdigest()[:16]


def _local(directory: Path, name: str, sha256: str) -> bytes:
    for path in (directory / name, directory / f"{name}.gz"):
        if path.is_file():
            return _checked(_unpacked(path.read_bytes(), path), sha256, path)
    raise InputError(f"{directory} holds neither {name} nor {name}.gz; give the folder of the four MNIST idx files.")


def _cached(name: str, sha256: str) -> bytes:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vae-runtime" / "mnist"
    path = cache / f"{name}.gz"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        packed = _download(f"{name}.gz")
        _checked(_unpacked(packed, path), sha256, path)
        write_file(path, packed)
    return _checked(_unpacked(path.read_bytes(), path), sha256, path)


def _download(name: str) -> bytes:
    reasons = []
    for mirror in MNIST_MIRRORS:
        try:
            with urllib.request.urlopen(mirror + name, timeout=60) as response:
                content: bytes = response.read()
                return content
        except OSError as error:
            reasons.append(f"{mirror}: {error}")
    raise InputError(
        f"{name} could not be downloaded ({'; '.join(reasons)}). Give the folder of the idx files as --data-dir, "
        "or train on --data digits, which needs no network."
    )


def _unpacked(content: bytes, path: Path) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file ({error}); delete it and get it again.") from error


def _checked(content: bytes, sha256: str, path: Path) -> bytes:
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise InputError(
            f"{path} is not MNIST's (sha256 of the content {actual[:12]}…, expected {sha256[:12]}…); "
            "delete it and get it again."
        )
    return content
