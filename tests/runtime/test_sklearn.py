"""The scikit-learn estimator: latents and back, an outlier detector whose threshold is the conformal one."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from vae_runtime import VAE, InputError
from vae_runtime.checks.calibrate import calibration, write_calibrated
from vae_runtime.sklearn import VAETransformer


@pytest.fixture
def normal(folder):
    return np.clip(VAE.load(folder).sample(60, seed=2), 0, 1)


def test_rows_are_images_and_latents_are_posterior_means(folder, normal):
    vae, estimator = VAE.load(folder), VAETransformer(folder).fit(normal)
    rows = normal.reshape(60, -1)
    latents = estimator.transform(rows)
    np.testing.assert_array_equal(latents, vae.encode(normal).mean)
    np.testing.assert_array_equal(estimator.inverse_transform(latents), vae.decode(latents).reshape(60, -1))
    np.testing.assert_array_equal(estimator.score_samples(rows), -vae.score(normal))
    assert estimator.get_feature_names_out().tolist() == [f"z{index}" for index in range(vae.latent_size)]
    with pytest.raises(InputError, match="expected"):
        estimator.transform(rows[:, :-1])


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.1, 0.5])
def test_an_outlier_is_what_the_p_value_calls_one(folder, normal, rate):
    estimator = VAETransformer(folder, false_alarm_rate=rate).fit(normal[:50])
    strange = np.random.default_rng(0).random(normal.shape, dtype=np.float32)
    for images in (normal, strange):
        expected = np.where(estimator.p_value(images) <= rate, -1, 1)
        np.testing.assert_array_equal(estimator.predict(images), expected)
    assert (estimator.predict(strange) == -1).mean() >= (0.9 if rate >= 0.1 else 0)
    assert rate > 1 / 51 or (estimator.predict(strange) == 1).all()


@pytest.mark.parametrize(("rate", "scores"), [(0.29, 99), (0.57, 99), (0.07, 99), (0.003, 999), (0.287, 999)])
def test_a_p_value_of_the_very_rate_is_an_alarm(folder, normal, monkeypatch, rate, scores):
    """0.29 * 100 is 28.999999999999996 in doubles: predict called it normal where the p-value was 0.29."""
    monkeypatch.setattr(VAE, "score", lambda self, images, method: images.reshape(len(images), -1)[:, 0].astype(float))
    monkeypatch.setattr(VAETransformer, "_images", lambda self, X: np.asarray(X, float))
    estimator = VAETransformer(folder, false_alarm_rate=rate).fit(np.arange(1.0, scores + 1)[:, None])
    ties = scores + 1 - round(rate * (scores + 1)) + 0.5  # fewer than that share are as high, by one
    p_values = estimator.p_value(np.array([[ties], [ties - 1]]))
    assert p_values[0] == rate < p_values[1]
    assert estimator.predict(np.array([[ties], [ties - 1]])).tolist() == [-1, 1]
    assert (estimator.decision_function(np.array([[ties], [ties - 1]])) < 0).tolist() == [True, False]


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, float("nan"), "0.1", True, None])
def test_a_rate_that_is_none_is_refused_when_it_is_fitted(folder, normal, rate):
    with pytest.raises(InputError, match=r"the false-alarm rate is .* expected a number between 0 and 1"):
        VAETransformer(folder, false_alarm_rate=rate).fit(normal)


def test_the_models_own_calibration_will_do(folder, normal):
    estimator = VAETransformer(folder).fit()
    with pytest.raises(InputError, match="no calibration"):
        estimator.predict(normal)
    write_calibrated(folder, folder, calibration(VAE.load(folder), [normal]))
    fitted = VAETransformer(folder, false_alarm_rate=0.1).fit()
    np.testing.assert_array_equal(
        fitted.predict(normal), VAETransformer(folder, false_alarm_rate=0.1).fit(normal).predict(normal)
    )


def test_it_works_in_pipelines_is_cloned_and_pickled(folder, normal):
    classes = np.arange(60) % 2
    pipeline = make_pipeline(VAETransformer(folder), LogisticRegression()).fit(normal.reshape(60, -1), classes)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(pipeline.predict(normal.reshape(60, -1)), again.predict(normal.reshape(60, -1)))
    assert clone(pipeline[0]).get_params() == pipeline[0].get_params()
    with pytest.raises(NotFittedError):
        VAETransformer(folder).transform(normal)


@pytest.mark.parametrize(
    "check",
    [
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_get_params_invariance",
        "check_set_params",
        "check_estimator_repr",
        "check_estimator_cloneable",
        "check_valid_tag_types",
    ],
)
def test_scikit_learns_checks_that_need_no_data_of_their_own(check):
    """The others fit on tables of a few columns, which are no images of any model."""
    getattr(estimator_checks, check)("VAETransformer", VAETransformer())
