"""What tests of model folders share."""

import dataclasses
import shutil

import pytest

from tests.support.folders import model_at
from tests.support.linear_gaussian import LinearGaussian


@pytest.fixture
def other(tmp_path):
    """Another model, as `write_model` takes it."""
    manifest, contents = model_at(LinearGaussian.make(logvar_error=1.0).write(tmp_path / "other"))
    shutil.rmtree(tmp_path / "other")
    return dataclasses.replace(manifest, created_by="another"), contents
