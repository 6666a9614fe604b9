"""Ray and Spark run the examples: rows complete, none twice, the bits of one process, workers killed in the middle.

Each runs in a process of its own, for engines have threads and warnings that are not the tests'.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vae_runtime import VAE, InputError, read_images, write_image

RAY = """
import os, signal, sys
from pathlib import Path
from examples import ray_score
import ray
from vae_runtime.batch import Sampler, Scorer

pictures, table, model, out = sys.argv[1:]

class KilledOnce(Scorer):
    "The worker that meets picture 100 first dies of it."
    def __call__(self, batch):
        try:
            if any(path.endswith("100.png") for path in batch["path"]):
                Path(out, "killed").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
        return super().__call__(batch)

ray_score.connect(2)
assert ray.util.get_node_ip_address() == "127.0.0.1"
options = dict(model=model, actors=2, batch_size=8)
ray_score.score(pictures, out + "/killed_once", scorer=KilledOnce, **options)
ray_score.score(table, out + "/table", **options)
try:
    ray_score.score(table, out + "/table", **options)
except SystemExit as error:
    assert "give a new folder" in str(error)
samples = ray.data.range(50).random_shuffle().map_batches(
    Sampler, fn_constructor_kwargs={"model": model, "column": "id", "seed": 4}, batch_size=9, concurrency=2)
samples.write_parquet(out + "/samples")
try:
    ray.data.range(3).map_batches(Scorer, fn_constructor_kwargs={"model": model}, concurrency=1).take_all()
except Exception as error:
    assert "the batch has no column 'image', only id" in str(error), error
else:
    raise AssertionError("a column that is not there is no error")
"""

SPARK = """
import os, signal, sys
from pathlib import Path
from examples import spark_encode
from pyspark.ml.functions import predict_batch_udf
from pyspark.sql.types import StructType
from vae_runtime.batch import Encoder, Sampler, Scorer, make_predict_fn

pictures, table, model, out = sys.argv[1:]

class KilledOnce(Encoder):
    "The worker that meets picture 100 first dies of it."
    def __call__(self, batch):
        try:
            if any(path.endswith("100.png") for path in batch["path"]):
                Path(out, "killed").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
        return super().__call__(batch)

spark = spark_encode.connect(2)
spark_encode.encode(spark, pictures, out + "/killed_once", model=model, batch_size=8, stage=KilledOnce)
spark_encode.encode(spark, table, out + "/table", model=model, batch_size=8)

def udf(stage, **options):
    result = StructType.fromDDL(stage.schema)
    return predict_batch_udf(make_predict_fn(stage), return_type=result, batch_size=7, **options)

draw = udf(Sampler(model=model, column="id", seed=4))
samples = spark.range(50).repartition(3).select("id", draw("id").alias("found")).select("id", "found.*")
samples.write.parquet(out + "/samples")
score = udf(Scorer(model=model), input_tensor_shapes=[[1, 28, 28]])
samples.select("id", score("image").alias("found")).select("id", "found.*").write.parquet(out + "/scores")
another = lambda **options: Encoder(**{**options, "digest": "0" * 64})
try:
    spark_encode.encode(spark, table, out + "/never", model=model, stage=another)
except Exception as error:
    assert "another model" in str(error), error
else:
    raise AssertionError("another model is no error")
spark.stop()
"""


@pytest.fixture(scope="module")
def model(root):
    return root / "artifacts" / "mnist-2d"


@pytest.fixture(scope="module")
def pictures(model, tmp_path_factory):
    """A folder of 200 pictures, each tenth damaged; the same as Parquet, with a null; the names of the damaged."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    place = tmp_path_factory.mktemp("engines")
    folder, table = place / "pictures", place / "table.parquet"
    folder.mkdir()
    damaged = set()
    for number, image in enumerate(VAE.load(model, threads=1).sample(200, seed=6)):
        path = folder / f"{number:03}.png"
        write_image(path, image)
        if number % 10 == 3:
            damaged.add(path.name)
            content = path.read_bytes()
            path.write_bytes((b"", content[:-40], b"<html>", content[8:])[number // 10 % 4])
    paths = sorted(folder.iterdir())
    contents = [*(path.read_bytes() for path in paths), None]
    names = [*(path.name for path in paths), "null.png"]
    rows = pyarrow.table({"path": names, "image": pyarrow.array(contents, pyarrow.binary())})
    parquet.write_table(rows, table, row_group_size=30)
    return folder, table, damaged


def run(code, arguments, place, root):
    place.mkdir()
    (place / "job.py").write_text(code, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", place / "job.py", *arguments, place],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(root), "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert (place / "killed").exists()


def rows_of(folder, key="path"):
    """Rows by their key; none comes twice."""
    from pyarrow.parquet import read_table

    rows = read_table(folder).to_pylist()
    by_key = {Path(row[key]).name if key == "path" else row[key]: row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def check(rows, damaged, expected):
    """Each row has an error or, in one process's bits, the columns of `expected`: name -> {path -> value}."""
    assert {name for name, row in rows.items() if row["error"]} == damaged
    for column, values in expected.items():
        assert rows.keys() == values.keys() | damaged
        for name, row in rows.items():
            if name in damaged:
                assert np.isnan(row[column]).all()
            else:
                np.testing.assert_array_equal(row[column], values[name])


@pytest.fixture(scope="module")
def one_process(model, pictures):
    """What one process makes of the good pictures: column -> path -> value."""
    vae = VAE.load(model, threads=1)
    folder, _, damaged = pictures
    paths = [path for path in sorted(folder.iterdir()) if path.name not in damaged]
    for name in damaged:
        with pytest.raises(InputError):
            read_images(folder / name, vae.manifest.image)
    images = read_images(paths, vae.manifest.image)
    mean, logvar = vae.encode(images)
    names = [path.name for path in paths]
    columns = {"mean": mean, "logvar": logvar, "score": vae.score(images)}
    return {column: dict(zip(names, values, strict=True)) for column, values in columns.items()}


def test_ray_gives_what_one_process_gives_also_where_an_actor_is_killed(root, model, pictures, one_process, tmp_path):
    pytest.importorskip("ray")
    folder, table, damaged = pictures
    run(RAY, [folder, table, model], tmp_path / "ray", root)
    expected = {"score": one_process["score"]}
    check(rows_of(tmp_path / "ray" / "killed_once"), damaged, expected)
    check(rows_of(tmp_path / "ray" / "table"), damaged | {"null.png"}, expected)
    samples = rows_of(tmp_path / "ray" / "samples", key="id")
    for index, image in enumerate(VAE.load(model, threads=1).sample(50, seed=4)):  # Parquet has them flat
        np.testing.assert_array_equal(np.array(samples[index]["image"], np.float32), image.ravel())


def test_spark_gives_what_one_process_gives_also_where_a_worker_is_killed(root, model, pictures, one_process, tmp_path):
    pytest.importorskip("pyspark")
    folder, table, damaged = pictures
    run(SPARK, [folder, table, model], tmp_path / "spark", root)
    expected = {name: one_process[name] for name in ("mean", "logvar")}
    check(rows_of(tmp_path / "spark" / "killed_once"), damaged, expected)
    check(rows_of(tmp_path / "spark" / "table"), damaged | {"null.png"}, expected)
    vae = VAE.load(model, threads=1)
    samples, scores = (rows_of(tmp_path / "spark" / name, key="id") for name in ("samples", "scores"))
    images = vae.sample(50, seed=4)
    for index, score in enumerate(vae.score(images)):
        np.testing.assert_array_equal(np.array(samples[index]["image"], np.float32), images[index].ravel())
        assert scores[index]["score"] == score
