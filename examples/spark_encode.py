"""Encode pictures with Spark: a folder of picture files, or Parquet with a binary column `image`, to Parquet.

    python examples/spark_encode.py photos/ latents/ --cores 2

Writes every column but the image, and `mean`, `logvar` and `error`. A picture that cannot be read has a sentence in
`error`; a task whose worker dies is tried again, four times in all (docs/SCALING.md).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pyspark.ml.functions import predict_batch_udf
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from vae_runtime.batch import Encoder, make_predict_fn
from vae_runtime.batch.base import Stage
from vae_runtime.model.location import locate
from vae_runtime.model.manifest import read as read_manifest
from vae_runtime.pictures.walking import pictures_in


def encode(
    spark: SparkSession,
    source: str,
    out: str,
    *,
    model: str | None = None,
    batch_size: int = 256,
    stage: type[Stage] = Encoder,
) -> None:
    """Encode `source` into the new folder `out`; Spark refuses one that is there."""
    if Path(source).is_dir() and (paths := pictures_in(Path(source).absolute())):
        # Not Spark's own "binaryFile": it leaves empty files out without a word.
        column, table = "path", spark.createDataFrame([(str(path),) for path in paths], "path string")
        table = table.repartition(4 * spark.sparkContext.defaultParallelism)
    else:
        column, table = "image", spark.read.parquet(source)
    opened = stage(model=model, digest=read_manifest(locate(model)).digest, column=column)  # this very model everywhere
    encoded = predict_batch_udf(
        make_predict_fn(opened), return_type=StructType.fromDDL(opened.schema), batch_size=batch_size
    )
    rest = [name for name in table.columns if name != "image"]
    table.select(*rest, encoded(column).alias("found")).select(*rest, "found.*").write.parquet(out)


def connect(cores: int) -> SparkSession:
    """Start Spark on this machine alone."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return (
        SparkSession.builder.master(f"local[{cores},4]")  # 4 tries of a task; alone, local[2] has one
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", False)
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 1024)  # encoded pictures in a worker's memory at once
        .getOrCreate()
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", help="folder of pictures, or Parquet file or folder")
    parser.add_argument("out", help="new folder")
    parser.add_argument("-m", "--model", help="model folder; default: the built-in one")
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    session = connect(arguments.cores)
    encode(session, arguments.pictures, arguments.out, model=arguments.model)
    session.stop()
