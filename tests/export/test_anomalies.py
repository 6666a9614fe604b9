"""How well a model tells its own pictures from anomalies made of them is measured, said, and kept with the model."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from vae_export.checks.anomalies import MOST_PICTURES, Anomalies, table, tell_anomalies, warnings
from vae_train.data.sources import is_at_hand
from vae_train.fit.training import fit

from tests.support.small_runs import bars, small
from tests.train.models.test_pca import low_rank
from vae_runtime import VAE
from vae_runtime.cli import main

pytestmark = pytest.mark.usefixtures("operators_read_once")


class Judge:
    """A model whose one score is a function of images."""

    def __init__(self, **scores):
        self.scores, self.asked = scores, []
        self.manifest = type("Manifest", (), {"scores": tuple(scores)})

    def score(self, images, *, method):
        self.asked.append(images)
        return self.scores[method](images)


def brightness(images):
    return images.mean(axis=(1, 2, 3))


def roughness(images):
    return np.abs(np.diff(images, axis=3)).mean(axis=(1, 2, 3))


def test_scores_are_asked_of_anomalies_of_every_kind():
    pictures = low_rank(MOST_PICTURES + 50, (3, 32, 32)).numpy()
    judge = Judge(elbo=brightness, kl=roughness)
    auc, count = tell_anomalies(judge, pictures)
    assert count == MOST_PICTURES
    assert list(auc) == ["noise", "blurred", "other colours", "constant", "shuffled"]
    assert auc["noise"]["kl"] == 1 and auc["constant"]["kl"] == 0 and auc["blurred"]["kl"] < 0.2
    for kind in ("constant", "shuffled", "other colours"):  # none of them changes how bright a picture is
        assert auc[kind]["elbo"] == pytest.approx(0.5, abs=0.02)
    normal, anomalies = judge.asked[0], judge.asked[2::2]
    assert len(normal) == MOST_PICTURES
    for images in anomalies:
        assert images.shape == normal.shape and images.dtype == np.float32 and 0 <= images.min() <= images.max() <= 1
    shuffled = judge.asked[-1]
    np.testing.assert_allclose(np.sort(shuffled[0].ravel()), np.sort(normal[0].ravel()))
    assert not np.allclose(shuffled[0], normal[0])


def test_grey_pictures_are_inverted_where_colour_ones_exchange_their_channels():
    judge = Judge(elbo=brightness)
    auc = tell_anomalies(judge, (low_rank(30, (1, 28, 28)).numpy() // 4)).auc
    assert "inverted" in auc and "other colours" not in auc and auc["inverted"]["elbo"] == 1


def test_a_blind_default_score_is_said_with_the_one_that_sees():
    auc = {
        "noise": {"elbo": 0.99, "kl": 0.2},
        "blurred": {"elbo": 0.3, "kl": 0.9},
        "constant": {"elbo": 0.1, "kl": 0.5},
    }
    first, second = warnings(Anomalies(auc, 100))
    assert first.startswith("warning: the default score, elbo, does not tell blurred pictures") and "0.30" in first
    assert "--method kl has 0.90" in first
    assert "pictures of one colour" in second and "no other score does" in second
    lines = table(Anomalies(auc, 100))
    assert len(lines) == 5 and "100 held-out pictures" in lines[0]
    assert lines[1].split() == ["elbo", "kl"] and lines[3].split() == ["blurred", "0.300", "0.900"]
    assert warnings(Anomalies(auc, 3)) == ["3 pictures are too few to say which score to trust; 20 or more would do."]


def test_anomalies_that_are_what_the_pictures_are_anyway_are_left_out():
    plain = np.full((30, 3, 32, 32), 90, np.uint8)
    assert tell_anomalies(Judge(elbo=brightness), plain).auc.keys() == {"noise"}


def test_an_export_prints_and_keeps_what_anomalies_it_tells(tmp_path, monkeypatch):
    """Digits are bundled, and so always at hand."""
    config = small("mlp-2d", data="digits", epochs=1)
    fit(config, tmp_path / "run", bars(), device())
    monkeypatch.setattr("vae_train.data.datasets.load", lambda name, folder: bars())
    result = CliRunner().invoke(main, ["export", str(tmp_path / "run"), str(tmp_path / "model")])
    assert result.exit_code == 0, result.output
    assert "AUROC of each score" in result.output and "shuffled" in result.output
    kept = VAE.load(tmp_path / "model").manifest.training["anomalies_auc"]
    assert kept.keys() == {"noise", "blurred", "inverted", "constant", "shuffled"}
    assert kept["noise"].keys() == {"elbo", "reconstruction", "kl", "complexity"}
    assert "noise" in (tmp_path / "model" / "README.md").read_text()


def test_without_the_data_it_is_said_that_nothing_was_measured(root, tmp_path):
    checkpoint = root / "artifacts" / "mnist-2d" / "checkpoint"
    result = CliRunner().invoke(main, ["export", str(checkpoint), str(tmp_path / "model")])
    assert result.exit_code == 0 and "not measured: the data are not at hand; give them as --data-dir" in result.output
    assert "anomalies_auc" not in json.loads((tmp_path / "model" / "manifest.json").read_text())["training"]


def test_data_are_at_hand_where_they_were(tmp_path):
    from vae_train.data.sources import PictureFolders

    (tmp_path / "run").mkdir()
    (tmp_path / "photos").mkdir()
    assert is_at_hand(small("mlp", data="digits"), tmp_path) and not is_at_hand(small("mlp"), tmp_path / "run")
    PictureFolders(tmp_path / "photos").save(tmp_path / "run")
    assert is_at_hand(small("mlp", data="photos"), tmp_path / "run")
    (tmp_path / "photos").rmdir()
    assert not is_at_hand(small("mlp", data="photos"), tmp_path / "run")


def device():
    import torch

    return torch.device("cpu")
