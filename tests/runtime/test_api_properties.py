"""Whatever is given to the API: a result of the promised shape and type, or an error of ours; never another."""

import contextlib
import json
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.support.linear_gaussian import LATENTS, SHAPE, LinearGaussian
from vae_runtime import VAE, VAEError, from_uint8, image_grid, to_uint8
from vae_runtime.maths.conformal import conformal_p_values
from vae_runtime.model import manifest as manifests
from vae_runtime.model.wire import WireError, read_message

FEW = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

DTYPES = st.one_of(
    arrays.floating_dtypes(),
    arrays.integer_dtypes(),
    arrays.unsigned_integer_dtypes(),
    arrays.boolean_dtypes(),
    arrays.complex_number_dtypes(),
)
SHAPES = st.one_of(
    st.tuples(st.integers(0, 5), *map(st.just, SHAPE)),
    st.tuples(st.integers(0, 5), st.just(LATENTS)),
    arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
)
ARRAYS = st.one_of(
    arrays.arrays(DTYPES, SHAPES),
    arrays.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32)),
    st.lists(st.lists(st.floats(), max_size=3), max_size=3),
    st.none(),
    st.text(max_size=3),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return VAE.load(LinearGaussian.make().write(tmp_path_factory.mktemp("model") / "m"), threads=1)


def attempt(call):
    """What comes, or None for an error of ours; numpy's warnings about odd casts are no errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except VAEError as error:
            assert "\n" not in str(error) and len(str(error)) < 500
            return None


@FEW
@given(images=ARRAYS)
def test_any_images(model, images):
    posterior = attempt(lambda: model.encode(images))
    if posterior is not None:
        assert posterior.mean.dtype == np.float32 and posterior.mean.shape[1:] == (LATENTS,)
        assert np.isfinite(posterior.mean).all() and np.isfinite(posterior.logvar).all()
        n = len(posterior.mean)
        assert model.reconstruct(images).shape == (n, *SHAPE) and model.anomaly_map(images).shape == (n, *SHAPE[1:])
        assert model.score(images).shape == model.elbo(images).value.shape == (n,)


@FEW
@given(z=ARRAYS)
def test_any_latents(model, z):
    images = attempt(lambda: model.decode(z))
    assert images is None or (images.dtype == np.float32 and images.shape[1:] == SHAPE)


@FEW
@given(
    n=st.one_of(st.integers(-2, 70), st.floats(allow_nan=True), st.text(max_size=2), st.booleans()),
    seed=st.one_of(st.integers(-(2**65), 2**65), st.floats(), st.none()),
    start=st.integers(-1, 2**64),
    temperature=st.one_of(st.floats(), st.integers(-1, 2)),
    batch_size=st.integers(-1, 100),
)
def test_any_sampling(model, n, seed, start, temperature, batch_size):
    arguments = {"seed": seed, "start": start, "temperature": temperature, "batch_size": batch_size}
    images = attempt(lambda: model.sample(n, **arguments))
    if images is not None:
        assert images.shape == (n, *SHAPE) and images.dtype == np.float32
        np.testing.assert_array_equal(images, model.sample(n, **{**arguments, "batch_size": 7}))


@FEW
@given(array=ARRAYS)
def test_any_pixels(array):
    bytes_of = attempt(lambda: to_uint8(array))
    assert bytes_of is None or bytes_of.dtype == np.uint8
    floats = attempt(lambda: from_uint8(array))
    assert floats is None or (floats.dtype == np.float32 and 0 <= floats.min(initial=0) <= floats.max(initial=0) <= 1)
    grid = attempt(lambda: image_grid(array))
    assert grid is None or grid.ndim == 3


@FEW
@given(
    known=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    scores=arrays.arrays(np.float64, 7, elements=st.floats(-1e6, 1e6)),
)
def test_p_values_are_ranks(known, scores):
    p_values = conformal_p_values(scores, sorted(known))
    expected = [(1 + sum(other >= score for other in known)) / (len(known) + 1) for score in scores]
    np.testing.assert_allclose(p_values, expected, rtol=1e-12)


@FEW
@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(content):
    with contextlib.suppress(WireError):
        assert isinstance(read_message(content), dict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@FEW
@given(data=st.data())
def test_any_value_in_the_place_of_one_in_a_manifest(model, data):
    content = json.loads(model.manifest.to_json())
    key = data.draw(st.sampled_from(sorted(content)))
    if isinstance(content[key], dict) and content[key] and data.draw(st.booleans()):
        content[key][data.draw(st.sampled_from(sorted(content[key])))] = data.draw(JSON)
    else:
        content[key] = data.draw(JSON)
    manifest = attempt(lambda: manifests.parse(json.dumps(content)))
    assert manifest is None or manifests.parse(manifest.to_json()) == manifest
