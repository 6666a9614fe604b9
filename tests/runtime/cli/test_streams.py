"""Many samples go to disk part by part: the same as at once, and whole or not at all."""

import numpy as np
import pytest
from click.testing import CliRunner

from vae_runtime.cli import main, making
from vae_runtime.vae import VAE


@pytest.fixture
def few_at_once(monkeypatch):
    monkeypatch.setattr(making, "AT_ONCE", 4)


def test_an_array_of_samples_is_that_of_the_library(vae, tmp_path, few_at_once):
    path = tmp_path / "x.npy"
    result = CliRunner().invoke(main, ["sample", "-n", "10", "--seed", "7", "--start", "3", "-o", str(path)])
    assert result.exit_code == 0, result.output
    samples = np.load(path, allow_pickle=False)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, vae.sample(10, seed=7, start=3))
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]


def test_pictures_of_several_parts_count_on(vae, tmp_path, few_at_once):
    result = CliRunner().invoke(main, ["sample", "-n", "6", "--start", "2", "-o", str(tmp_path / "%d.png")])
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"{number}.png" for number in range(2, 8)]


def test_a_stop_half_way_leaves_the_old_array(tmp_path, few_at_once, monkeypatch):
    path = tmp_path / "x.npy"
    path.write_bytes(b"old")
    usual = VAE.sample

    def sample(self, n, **options):
        if options["start"] >= 4:
            raise OSError(28, "No space left on device")
        return usual(self, n, **options)

    monkeypatch.setattr(VAE, "sample", sample)
    result = CliRunner().invoke(main, ["sample", "-n", "9", "-o", str(path), "--overwrite"])
    assert result.exit_code == 2 and "No space left" in result.output
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["x.npy"]
