"""Spatial latents, and models without a prior, a posterior or a likelihood, in Python: by formulas, or refused."""

import dataclasses
import json
import re

import numpy as np
import pytest

from tests.support.folders import edit
from tests.support.spatial import ALL, IMAGE, LATENT, LOGVAR, SCALE, SHIFT, SIGMAS, SIZE, Families, Spatial
from vae_runtime import VAE, ImageSpec, InputError, IntegrityError, LatentSpec, Posterior, score_tiled, standard_normal
from vae_runtime.batch import Decoder, Encoder, Scorer, make_predict_fn
from vae_runtime.checks.bench import Setup, measure_speeds
from vae_runtime.checks.calibrate import calibration
from vae_runtime.checks.doctor import diagnose
from vae_runtime.checks.verify import verify
from vae_runtime.maths.likelihood import Gaussian, SquaredError
from vae_runtime.model import manifest as manifests
from vae_runtime.model.writing import describe
from vae_runtime.sklearn import VAETransformer


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A model of each combination of families."""
    place = tmp_path_factory.mktemp("families")
    return {name: Spatial(families).write(place / name) for name, families in ALL.items()}


@pytest.fixture(scope="module")
def opened(folders):
    return {name: VAE.load(folder, threads=1) for name, folder in folders.items()}


@pytest.fixture(params=ALL)
def name(request):
    return request.param


@pytest.fixture
def vae(opened, name):
    return opened[name]


@pytest.fixture
def exact(name):
    return Spatial(ALL[name])


X = Spatial().draw(5, seed=1)


def test_its_golden_vectors_are_those_of_the_formulas(folders, name):
    report = verify(folders[name], providers="cpu", threads=1, precision="float32")
    assert report.passed and report.bits.same
    manifest = manifests.read(folders[name])
    assert {check.tensor for check in report.tensors} == {"eps", *manifest.golden["float32"].tolerance}


def test_golden_vectors_are_complete_or_refused(folders, name, tmp_path):
    """Without any one of its arrays, and with any one that is of other families."""
    golden, every = Spatial(ALL[name]).golden(), Spatial(ALL["bernoulli"]).golden().arrays
    there = golden.arrays
    usual = "score_elbo" if ALL[name].has_elbo else "score_reconstruction"
    optional = {array for array in there if array.startswith("score_") and array != usual}
    changed = [{key: there[key] for key in there if key != array} for array in there if array not in optional]
    changed += [{**there, array: every[array]} for array in every if array not in there and "score" not in array]
    folder = Spatial(ALL[name]).write(tmp_path / "model")
    for arrays in changed:
        np.savez(folder / "golden.npz", **arrays)
        entry = describe("golden.npz", (folder / "golden.npz").read_bytes())
        edit(folder, lambda m, entry=entry: m["golden"]["float32"].update(bytes=entry.bytes, sha256=entry.sha256))
        with pytest.raises(IntegrityError, match=r"is missing|of another model"):
            verify(folder, providers="cpu", threads=1, precision="float32")


def test_latents_have_the_models_shape(vae, exact):
    posterior = vae.encode(X)
    np.testing.assert_allclose(posterior.mean, exact.mean(X), atol=1e-6)
    if exact.families.posterior == "none":
        assert posterior.logvar is None
    else:
        np.testing.assert_allclose(posterior.logvar, exact.logvar(5), atol=1e-6)
    np.testing.assert_allclose(vae.decode(posterior.mean), exact.images(exact.mean(X)), atol=1e-6)
    np.testing.assert_array_equal(vae.reconstruct(X), vae.decode(posterior.mean))
    assert (vae.latent_shape, vae.latent_size) == (LATENT, SIZE)
    assert "latent 2x4x4" in repr(vae) and "latent 2x4x4" in repr(vae.manifest)


def test_an_empty_batch_has_shapes_too(vae):
    none = vae.encode(X[:0])
    assert none.mean.shape == (0, *LATENT) and vae.decode(none.mean).shape == (0, *IMAGE)
    assert all(vae.score(X[:0], method=method).shape == (0,) for method in vae.manifest.scores)


def test_scores_are_those_of_the_formulas(vae, exact):
    expected = exact.scores(X)
    assert set(vae.manifest.scores) - {"complexity"} == set(expected)
    for method, scores in expected.items():
        np.testing.assert_allclose(vae.score(X, method=method), scores, rtol=1e-5, err_msg=method)
    usual = "elbo" if exact.families.has_elbo else "reconstruction"
    assert vae.manifest.usual_score == usual
    np.testing.assert_array_equal(vae.score(X), vae.score(X, method=usual))
    maps = vae.anomaly_map(X, window=1)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), expected["reconstruction"], rtol=1e-4)
    windows = score_tiled(vae, _picture(X[0]))
    assert list(windows.scores) == [usual]


def test_samples_are_the_priors_noise_decoded(opened):
    for name, families in ALL.items():
        if families.prior == "none":
            continue
        eps = 0.5 * standard_normal(3, SIZE, seed=4, start=2).reshape(3, *LATENT)
        z = eps * SCALE + SHIFT if families.prior == "flow" else eps
        samples = opened[name].sample(3, seed=4, start=2, temperature=0.5)
        np.testing.assert_allclose(samples, Spatial(families).images(z), atol=1e-5, err_msg=name)


def test_draws_of_the_posterior_are_noise_in_c_order(opened):
    posterior = opened["gaussian"].encode(X)
    eps = standard_normal(5, SIZE, seed=6).reshape(5, *LATENT)
    spread = np.exp(np.array(LOGVAR) / 2)[:, None, None]
    np.testing.assert_allclose(posterior.sample(6), Spatial().mean(X) + spread * eps, atol=1e-5)
    draws = posterior.draws(0, 2, seed=6)
    np.testing.assert_array_equal(draws[:, 0], posterior.sample(6))
    again = standard_normal(5, SIZE, seed=6, start=2**32).reshape(5, *LATENT)
    np.testing.assert_allclose(draws[:, 1], Spatial().mean(X) + spread * again, atol=1e-5)


def test_bounds_are_those_of_the_formulas(opened):
    for name in ("gaussian", "bernoulli", "flow"):
        exact, elbo = Spatial(ALL[name]), opened[name].elbo(X, samples=2)
        every = [exact.draws(X, draw) for draw in range(2)]
        likelihood = np.mean([exact.log_likelihood(X, z) for z in every], axis=0)
        np.testing.assert_allclose(elbo.log_likelihood, likelihood, rtol=1e-5)
        drawn = np.mean([exact.log_posterior(z, X) - exact.log_prior(z) for z in every], axis=0)
        np.testing.assert_allclose(elbo.kl, drawn if name == "flow" else exact.exact_kl(X), rtol=1e-5)


def test_ways_between_spatial_latents_are_those_between_flat_ones(opened):
    a, b = Spatial().mean(X[:2]).reshape(2, SIZE)
    t = np.linspace(0, 1, 5)[:, None]
    line = opened["no prior"].interpolate(X[0], X[1], steps=5)
    np.testing.assert_allclose(line, Spatial().images(((1 - t) * a + t * b).reshape(5, *LATENT)), atol=1e-6)
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    directions = np.sin((1 - t) * angle) * a / np.linalg.norm(a) + np.sin(t * angle) * b / np.linalg.norm(b)
    points = directions / np.sin(angle) * ((1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b))
    arc = opened["gaussian"].interpolate(X[0], X[1], steps=5, path="spherical")
    np.testing.assert_allclose(arc, Spatial().images(points.reshape(5, *LATENT)), atol=1e-5)
    ends = opened["flow"].interpolate(X[0], X[1], steps=3, path="spherical")[[0, -1]]
    np.testing.assert_allclose(ends, opened["flow"].reconstruct(X[:2]), atol=1e-5)


def test_a_labelled_prior_may_be_spatial(tmp_path):
    means = np.stack([np.full(SIZE, -2.0), np.linspace(-1, 3, SIZE)])
    labels = [{"name": str(i), "mean": mean.tolist(), "logvar": [-2.0] * SIZE} for i, mean in enumerate(means)]
    folder = Spatial().write(tmp_path / "model")
    edit(folder, lambda m: m["prior"].update(labels=labels))
    vae = VAE.load(folder)
    z = means[1] + np.exp(-1) * standard_normal(4, SIZE, seed=0)
    np.testing.assert_allclose(vae.sample(4, label="1"), Spatial().images(z.reshape(4, *LATENT)), atol=1e-5)
    mean = vae.encode(X).mean.reshape(5, SIZE).astype(float)
    logs = -0.5 * np.exp(2) * np.square(mean[:, None] - means).sum(axis=2)
    expected = np.exp(logs - logs.max(axis=1, keepdims=True))
    np.testing.assert_allclose(vae.label_probabilities(X), expected / expected.sum(axis=1, keepdims=True), atol=1e-6)


REFUSALS = {
    "no prior, and sampling needs one": (lambda vae: vae.sample(), ("no prior", "nothing")),
    "no prior, and spherical interpolation": (
        lambda vae: vae.interpolate(X[0], X[1], path="spherical"),
        ("no prior", "nothing"),
    ),
    "the model has no prior": (lambda vae: vae.prior.log_prob(X[:, :2, :4, :4], batch_size=1), ("no prior",)),
    "has no prior, so there is no ELBO": (lambda vae: vae.elbo(X), ("no prior",)),
    "has no posterior, so there is no ELBO": (lambda vae: vae.elbo(X), ("no posterior",)),
    "has no prior, no posterior and no likelihood, so": (lambda vae: vae.elbo(X), ("nothing",)),
    "has no likelihood, so no method 'elbo'; take one of reconstruction, kl.": (
        lambda vae: vae.score(X, method="elbo"),
        ("no likelihood",),
    ),
    "has no posterior, so no method 'kl'": (lambda vae: vae.score(X, method="kl"), ("no posterior",)),
    "has no posterior, so no method 'complexity'": (
        lambda vae: vae.score(X, method="complexity"),
        ("no posterior, flow",),
    ),
    "this encoder is deterministic": (lambda vae: vae.encode(X).sample(), ("no posterior", "nothing")),
    "has no calibration for the method 'reconstruction'": (lambda vae: vae.p_value([1.0]), ("no likelihood",)),
    "has no labels": (lambda vae: vae.label_probabilities(X), ("no prior",)),
    "z is float32 [5, 32]; expected [batch, 2, 4, 4]. These look like flat rows of latents: use z.reshape(-1, 2": (
        lambda vae: vae.decode(np.zeros((5, 32), np.float32)),
        ("gaussian",),
    ),
    "expected [batch, 2, 4, 4]. For one latent, pass z[None]": (
        lambda vae: vae.decode(np.zeros(LATENT, np.float32)),
        ("gaussian",),
    ),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_what_a_model_lacks_is_refused_with_a_sentence(opened, words):
    refused, names = REFUSALS[words]
    for each in names:
        with pytest.raises(InputError, match=re.escape(words)):
            refused(opened[each])


def test_calibration_is_for_the_scores_that_there_are(folders, vae, name):
    scores = calibration(vae, [X])
    assert set(scores) == set(vae.manifest.scores)
    estimator = VAETransformer(folders[name], false_alarm_rate=0.2, threads=1).fit(X.reshape(5, -1))
    usual = vae.manifest.usual_score
    assert estimator.calibration_.tolist() == list(scores[usual])
    assert set(estimator.predict(Spatial().draw(40, seed=2))) <= {-1, 1}


def test_scikit_learn_sees_rows(folders, opened):
    estimator = VAETransformer(folders["nothing"], threads=1).fit()
    rows = estimator.transform(X)
    np.testing.assert_array_equal(rows, opened["nothing"].encode(X).mean.reshape(5, SIZE))
    assert len(estimator.get_feature_names_out()) == SIZE
    np.testing.assert_array_equal(estimator.inverse_transform(rows), opened["nothing"].reconstruct(X).reshape(5, -1))


def test_stages_of_tables_know_shapes_and_flat_rows(folders, vae, name):
    encoder = Encoder(model=folders[name], layout="chw")
    columns = encoder({"image": list(X)})
    posterior = vae.encode(X)
    assert ("logvar" in columns) == ("`logvar`" in encoder.schema) == (posterior.logvar is not None)
    np.testing.assert_array_equal(columns["mean"], posterior.mean)
    for rows in (columns["mean"], columns["mean"].reshape(5, -1), columns["mean"].tolist()):
        latents = rows if isinstance(rows, np.ndarray) else [np.float32(row) for row in rows]
        np.testing.assert_array_equal(Decoder(model=folders[name])({"mean": latents})["image"], vae.reconstruct(X))
    np.testing.assert_array_equal(Scorer(model=folders[name])({"image": list(X)})["score"], vae.score(X))
    flat = make_predict_fn(encoder)()(X)
    assert flat["mean"].shape == (5, SIZE)


def test_it_is_timed_and_compared_between_providers(folders, vae, name):
    verbs = {speed.verb for speed in measure_speeds(folders[name], [Setup("cpu", "float32", 1)], [2], seconds=0.001)}
    assert verbs == {"sample" if vae.manifest.has_prior else "decode", "encode", "score"}
    assert all(report.sound for report in diagnose(folders[name]).providers)


def test_sigma_may_be_one_for_each_channel(tmp_path):
    one, each = Spatial(Families(likelihood=Gaussian(0.3))), Spatial(Families(likelihood=Gaussian((0.3,) * 3)))
    folders = [model.write(tmp_path / str(number)) for number, model in enumerate((one, each))]
    np.testing.assert_allclose(*(VAE.load(folder).score(X) for folder in folders), rtol=1e-12)
    written = json.loads((folders[1] / "manifest.json").read_text())["likelihood"]
    assert written == {"family": "gaussian", "sigma": [0.3, 0.3, 0.3]}
    assert manifests.read(folders[1]).likelihood == Gaussian((0.3, 0.3, 0.3))


def test_scale_and_shift_are_kept_and_change_nothing(tmp_path):
    plain = VAE.load(Spatial().write(tmp_path / "plain"))
    scaled = Spatial().write(tmp_path / "scaled", latent=LatentSpec(shape=LATENT, scale=0.18215, shift=0.25))
    vae = VAE.load(scaled)
    assert vae.manifest.latent == LatentSpec(shape=LATENT, scale=0.18215, shift=0.25)
    assert json.loads((scaled / "manifest.json").read_text())["latent"] == {
        "shape": [2, 4, 4],
        "scale": 0.18215,
        "shift": 0.25,
    }
    np.testing.assert_array_equal(vae.encode(X).mean, plain.encode(X).mean)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shape": ()}, "latent.shape is ()"),
        ({"shape": (2, 2, 2, 2)}, "1 to 3 whole numbers"),
        ({"shape": (0,)}, "latent.shape"),
        ({"shape": (2.0,)}, "latent.shape"),
        ({"shape": (2**31,)}, "latent.shape"),
        ({"shape": (4,), "scale": 0.0}, "latent.scale is 0.0; expected a positive number"),
        ({"shape": (4,), "scale": "1"}, "latent.scale is '1'"),
        ({"shape": (4,), "shift": float("nan")}, "latent.shift is nan"),
    ],
)
def test_a_latent_that_cannot_be_is_refused(fields, words):
    with pytest.raises(InputError, match=re.escape(words.replace("()", "[]"))):
        LatentSpec(**fields)


def test_the_unit_of_a_score_is_its_likelihoods():
    from vae_runtime.model.scores import SCORES

    manifest = dataclasses.make_dataclass("Manifest", ["likelihood"])
    assert SCORES["reconstruction"].unit_of(manifest(SquaredError())) == "squared error"
    assert SCORES["reconstruction"].unit_of(manifest(Gaussian(SIGMAS))) == "nats"
    assert all(score.unit_of(manifest(SquaredError())) == "nats" for name, score in SCORES.items() if name == "kl")


def test_posteriors_without_a_variance_are_whole_without_it():
    posterior = Posterior(np.zeros((2, *LATENT), np.float32))
    assert list(posterior.there) == ["mean"] and [each.logvar for each in posterior.each] == [None, None]
    with pytest.raises(InputError, match="deterministic; take its mean"):
        posterior.draws(0, 1, seed=0)


def _picture(image):
    from PIL import Image

    return Image.fromarray((image.transpose(1, 2, 0) * 255).astype(np.uint8))


def test_the_shapes_are_public():
    assert ImageSpec(shape=IMAGE, mode="RGB").shape == IMAGE and LatentSpec(shape=LATENT).size == SIZE
