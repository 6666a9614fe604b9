"""A stage for `pyspark.ml.functions.predict_batch_udf`, without pyspark."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .base import Batch, Stage

Predict = Callable[[Any], Batch]


def make_predict_fn(stage: Stage) -> Callable[[], Predict]:
    """Make the factory that `predict_batch_udf` calls once in each worker.

    Its return_type is `StructType.fromDDL(stage.schema)`: the columns added, `error` among them. The column given may
    be binary (encoded pictures, null where there is none), text (paths), an index, or arrays, with
    `input_tensor_shapes=[[channels, height, width]]`: of one length in all rows and none null, which is pyspark's rule.
    """
    return partial(_open, stage)


def _open(stage: Stage) -> Predict:
    _ = stage.vae  # a model that cannot be opened fails the job here
    return partial(_predict, stage)


def _predict(stage: Stage, rows: Any) -> Batch:
    """One column, [rows, …], to the stage's own columns; Spark's arrays are flat."""
    columns = stage({stage.column: rows})
    del columns[stage.column]
    return {name: part if part.ndim < 3 else part.reshape(len(part), -1) for name, part in columns.items()}
