"""A model as a stage of a batch engine: callables that pickle, a dict of arrays in, the same with more columns out.

Ray Data takes the classes (`map_batches(Scorer, …)`), Spark's `predict_batch_udf` takes `make_predict_fn(Encoder(…))`,
and whatever else hands columns to a function takes an object. Nothing here imports an engine: docs/SCALING.md.
"""

from .spark import make_predict_fn
from .stages import Decoder, Encoder, Sampler, Scorer

__all__ = ["Decoder", "Encoder", "Sampler", "Scorer", "make_predict_fn"]
