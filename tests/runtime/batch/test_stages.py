"""Stages of batch engines, without an engine: errors that stay in their rows, the same bits for any partitioning."""

import io
import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.support.linear_gaussian import LinearGaussian
from tests.support.picture_files import encoded
from vae_runtime import VAE, ImageSpec, InputError, IntegrityError, ManifestError, ProviderError, from_uint8, to_uint8
from vae_runtime.batch import Decoder, Encoder, Sampler, Scorer, make_predict_fn
from vae_runtime.checks.calibrate import calibration, write_calibrated

GREY, COLOUR = ImageSpec(shape=(1, 8, 6)), ImageSpec(shape=(3, 8, 6), mode="RGB")
RANDOM = np.random.default_rng(5)


@pytest.fixture(scope="module")
def model(root):
    return root / "artifacts" / "mnist-2d"


@pytest.fixture(scope="module")
def digits(model):
    """Pixels uint8 [24, 1, 28, 28], and the model that made them."""
    vae = VAE.load(model, threads=1)
    return vae, to_uint8(vae.sample(24, seed=3))


def column(rows):
    values = np.empty(len(rows), object)
    values[:] = rows
    return values


def test_bad_rows_carry_an_error_and_touch_no_other(model, digits):
    vae, pixels = digits
    rows = [encoded(Image.fromarray(image[0])) for image in pixels[:6]]
    expected_scores, expected = vae.score(from_uint8(pixels[:6])), vae.encode(from_uint8(pixels[:6]))
    mixed = column([None, rows[0], b"junk", rows[1], rows[2], np.zeros((5, 5)), rows[3], pixels[4], pixels[5, 0], ""])
    good = np.array([1, 3, 4, 6, 7, 8])
    keys = np.arange(10)
    scored = Scorer(model=model, column="picture")({"key": keys, "picture": mixed})
    assert list(scored) == ["key", "picture", "score", "error"] and scored["key"] is keys
    np.testing.assert_array_equal(scored["score"][good], expected_scores)
    bad = np.setdiff1d(keys, good)
    assert np.isnan(scored["score"][bad]).all() and all(scored["error"][bad]) and not any(scored["error"][good])
    encoded_rows = Encoder(model=model, column="picture")({"picture": mixed})
    assert encoded_rows["mean"].dtype == np.float32 and encoded_rows["mean"].shape == (10, 2)
    np.testing.assert_array_equal(encoded_rows["logvar"][good], expected.logvar)
    decoded = Decoder(model=model)({"mean": encoded_rows["mean"]})
    np.testing.assert_array_equal(decoded["image"][good], vae.decode(expected.mean))
    assert np.isnan(decoded["image"][bad]).all() and all("finite" in text for text in decoded["error"][bad])


def test_ragged_latents_and_pillow_images_that_are_cut_off_are_errors_of_their_rows(model, digits):
    z = np.zeros(2, np.float32)
    decoded = Decoder(model=model)({"mean": column([z, [[1, 2], [3]], "x", z])})
    assert [bool(text) for text in decoded["error"]] == [False, True, True, False]
    cut = Image.open(io.BytesIO(encoded(Image.fromarray(digits[1][0][0]))[:80]))  # the header alone is whole
    rows = [cut, Image.new("L", (0, 0)), Image.fromarray(digits[1][0][0])]
    assert [bool(text) for text in Scorer(model=model)({"image": rows})["error"]] == [True, True, False]


def test_an_error_of_an_earlier_stage_is_kept(model, digits):
    encoded_rows = Encoder(model=model)({"image": column([None, digits[1][0]])})
    decoded = Decoder(model=model, dtype="uint8")({"mean": encoded_rows["mean"], "error": encoded_rows["error"]})
    assert decoded["error"].tolist() == ["the row has no image.", ""]
    assert decoded["image"].dtype == np.uint8 and not decoded["image"][0].any() and decoded["image"][1].any()


@pytest.mark.parametrize("rows", [[], [None], [b"x", None]])
def test_batches_without_one_good_row_have_all_columns(model, rows):
    for stage, names in ((Encoder, ["image", "mean", "logvar", "error"]), (Scorer, ["image", "score", "error"])):
        answer = stage(model=model)({"image": column(rows)})
        assert list(answer) == names and {len(part) for part in answer.values()} == {len(rows)}
    assert Sampler(model=model)({"index": np.array([], np.int64)})["image"].shape == (0, 1, 28, 28)


def test_results_are_the_same_bits_however_rows_are_divided(model, digits):
    _, pixels = digits
    rows = column([*pixels[:20], None, b"junk", *map(np.ascontiguousarray, pixels[20:, 0])])
    for stage, names in ((Encoder(model=model), ("mean", "logvar")), (Scorer(model=model), ("score",))):
        whole = stage({"image": rows})
        for size in (1, 7, 25):
            order = RANDOM.permutation(len(rows))
            parts = [stage({"image": rows[order[begin : begin + size]]}) for begin in range(0, len(rows), size)]
            for name in names:
                np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), whole[name][order])


@pytest.mark.parametrize("name", ["mnist", "mnist-conditional"])
def test_samples_are_those_of_their_global_index_in_any_order(root, name):
    folder = root / "artifacts" / name
    index = np.array([5, 6, 7, 2**40, 3, 3, 0, 2**63 - 1], np.int64)
    vae, options = VAE.load(folder, threads=1), {"seed": 8, "temperature": 0.9}
    expected = np.concatenate([vae.sample(1, start=int(i), **options) for i in index])
    answer = Sampler(model=folder, **options)({"index": index})
    np.testing.assert_array_equal(answer["image"], expected)
    again = Sampler(model=folder, dtype="uint8", **options)({"index": index[::-1]})
    np.testing.assert_array_equal(again["image"][::-1], to_uint8(expected))


def test_an_index_that_is_none_is_an_error_of_its_row(model):
    answer = Sampler(model=model)({"index": column([1, None, -1, 2.5, 2])})
    assert [bool(text) for text in answer["error"]] == [False, True, True, True, False]
    # A null makes the whole column of a table float.
    again = Sampler(model=model)({"index": np.array([1.0, np.nan, 2.0])})
    assert [bool(text) for text in again["error"]] == [False, True, False]
    np.testing.assert_array_equal(again["image"][[0, 2]], answer["image"][[0, 4]])
    np.testing.assert_array_equal(answer["image"][[0, 4]], VAE.load(model).sample(2, start=1))


def test_a_stage_pickles_without_its_model_and_opens_it_at_the_first_batch(model, digits, monkeypatch):
    opened = []
    load = VAE.load
    monkeypatch.setattr(
        VAE, "load", lambda *args, **options: opened.append(options["threads"]) or load(*args, **options)
    )
    monkeypatch.chdir(model.parent)
    stage, batch = Scorer(model="mnist-2d"), {"image": digits[1]}
    monkeypatch.chdir("/")
    assert opened == [] and len(pickle.dumps(stage)) < 1000
    first, again = stage(batch), pickle.loads(pickle.dumps(stage))
    assert len(pickle.dumps(stage)) < 1000
    np.testing.assert_array_equal(again(batch)["score"], first["score"])
    again(batch)
    assert opened == [1, 1]


def test_what_no_row_is_to_blame_for_is_raised(model, tmp_path, digits):
    batch = {"image": digits[1]}
    with pytest.raises(ManifestError):
        Scorer(model=tmp_path / "none")(batch)
    with pytest.raises(IntegrityError, match="another model"):
        Scorer(model=model, digest="0" * 64)(batch)
    with pytest.raises(ProviderError):
        Scorer(model=model, providers="NoSuchProvider")(batch)
    with pytest.raises(InputError, match="threads"):
        Scorer(model=model, threads=0)(batch)
    with pytest.raises(InputError, match="no column 'picture', only image"):
        Scorer(model=model, column="picture")(batch)
    with pytest.raises(InputError, match="'score' already; give prefix="):
        Scorer(model=model)({**batch, "score": np.zeros(24)})
    with pytest.raises(InputError, match="has no detector"):
        Scorer(model=model, method="faults")(batch)
    with pytest.raises(InputError, match="no labels"):
        Sampler(model=model, label=3)({"index": np.arange(2)})
    for wrong in (lambda: Scorer(method="?"), lambda: Encoder(layout="nchw"), lambda: Sampler(dtype="float16")):
        with pytest.raises(InputError, match="expected one of"):
            wrong()


def test_p_values_come_where_the_model_has_a_calibration(tmp_path):
    folder = LinearGaussian.make().write(tmp_path / "model")
    normal = np.clip(VAE.load(folder).sample(40, seed=2), 0, 1)
    with pytest.raises(InputError, match="no calibration"):
        Scorer(model=folder, p_value=True)({"image": normal})
    vae = VAE.load(folder)
    write_calibrated(folder, tmp_path / "calibrated", calibration(vae, [normal]))
    answer = Scorer(model=tmp_path / "calibrated", p_value=True, prefix="vae_")({"image": column([normal[0], None])})
    vae = VAE.load(tmp_path / "calibrated")
    assert answer["vae_p_value"][0] == vae.p_value(vae.score(normal[:1]))[0]
    assert np.isnan(answer["vae_p_value"][1]) and answer["vae_error"][1]


def test_spark_gets_a_factory_that_pickles_a_schema_and_flat_arrays(model, digits):
    stage = Encoder(model=model, prefix="z_")
    predict = pickle.loads(pickle.dumps(make_predict_fn(stage)))()
    answer = predict(from_uint8(digits[1]))
    assert stage.schema == "`z_mean` array<float>, `z_logvar` array<float>, `z_error` string"
    assert list(answer) == ["z_mean", "z_logvar", "z_error"]
    images = make_predict_fn(Sampler(model=model))()(np.arange(3))["image"]
    np.testing.assert_array_equal(images, digits[0].sample(3).reshape(3, -1))
    assert Scorer(p_value=True).schema == "`score` double, `p_value` double, `error` string"
    with pytest.raises(ManifestError):
        make_predict_fn(Scorer(model=model / "none"))()


def test_the_runtime_does_not_import_stages_and_stages_import_no_engine(root):
    code = (
        "import sys, vae_runtime, vae_runtime.cli; print('vae_runtime.batch' in sys.modules);"
        "from vae_runtime.batch import Scorer; Scorer();"
        "print({'onnxruntime', 'ray', 'pyspark'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert result.stdout == "False\nset()\n", result.stderr
