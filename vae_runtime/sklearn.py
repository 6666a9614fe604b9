"""A model as a scikit-learn estimator: `from vae_runtime.sklearn import VAETransformer`. Needs scikit-learn."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from .coerce import as_array
from .errors import InputError
from .maths.conformal import alarms, check_rate, conformal_p_values, is_anomalous
from .maths.gaussian import in_rows
from .model.scores import calibrate_command
from .vae import VAE

try:
    from sklearn.base import BaseEstimator, OutlierMixin, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError("vae_runtime.sklearn needs scikit-learn. Try: pip install scikit-learn.") from error

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


class VAETransformer(TransformerMixin, OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Images as rows to latents and back, and an outlier detector with a false-alarm rate that holds.

    The model is trained already: `fit` learns only how high the scores of normal images are (conformal calibration),
    and with X = None takes the model's own calibration. X is float [samples, channels * height * width] in [0, 1], or
    images [samples, channels, height, width].

    path: model folder, None for the one in the package. method: of `VAE.score`, None its usual one.
    false_alarm_rate: the share of normal images that `predict` may call outliers.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        method: str | None = None,
        false_alarm_rate: float = 0.01,
        providers: Any = ("CPUExecutionProvider",),
        threads: int | None = None,
        precision: str = "float32",
    ) -> None:
        self.path = path
        self.method = method
        self.false_alarm_rate = false_alarm_rate
        self.providers = providers
        self.threads = threads
        self.precision = precision

    def fit(self, X: Any = None, y: Any = None) -> VAETransformer:
        """Open the model and calibrate it on normal images, or with the calibration that it carries."""
        self.rate_ = check_rate(self.false_alarm_rate)
        self.vae_ = VAE.load(self.path, providers=self.providers, threads=self.threads, precision=self.precision)
        self.n_features_in_ = math.prod(self.vae_.image_shape)
        self.method_ = self.method or self.vae_.manifest.usual_score
        if X is not None:
            known = self.vae_.score(self._images(X), method=self.method_)
        else:
            known = np.array(self.vae_.manifest.calibration.get(self.method_, ()))
        self.calibration_ = np.sort(known)
        # An alarm is a score that fewer than this many calibration scores reach; the rate is below 1, so some do.
        rank = alarms(len(known), self.rate_)
        self.offset_ = -float(self.calibration_[-rank]) if rank else -math.inf
        return self

    def transform(self, X: Any) -> Float32:
        """Posterior means as rows: float32 [samples, latent_size], in C order of the latent's shape."""
        return np.asarray(in_rows(self._fitted().encode(self._images(X)).mean))

    def inverse_transform(self, X: Any) -> Float32:
        """Latents to images as rows: float32 [samples, channels * height * width]."""
        latents, shape = np.asarray(as_array(X, "X"), np.float32), self._fitted().latent_shape
        if latents.ndim == 2 and latents.shape[1] == math.prod(shape):
            latents = latents.reshape(-1, *shape)
        images = self._fitted().decode(latents)
        return images.reshape(len(images), -1)

    def score_samples(self, X: Any) -> Float64:
        """Minus `VAE.score`: higher is more normal, float64 [samples], nats."""
        return -self._fitted().score(self._images(X), method=self.method_)

    def decision_function(self, X: Any) -> Float64:
        """How far `score_samples` is above the threshold of the false-alarm rate; negative is an outlier."""
        return self.score_samples(X) - self.offset_

    def p_value(self, X: Any) -> Float64:
        """Conformal p-values, float64 [samples]."""
        return conformal_p_values(-self.score_samples(X), self.calibration_)

    def predict(self, X: Any) -> npt.NDArray[np.int64]:
        """1 for normal images, -1 for outliers: int64 [samples]."""
        if not len(self._fitted_calibration()):
            raise InputError(
                "there is no calibration; fit on normal images, or calibrate the model: " + calibrate_command(self.path)
            )
        return np.where(is_anomalous(self.p_value(X), self.rate_), -1, 1)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """z0, z1 …"""
        return np.array([f"z{index}" for index in range(self._fitted().latent_size)], object)

    def _fitted(self) -> VAE:
        check_is_fitted(self, "vae_")
        vae: VAE = self.vae_
        return vae

    def _fitted_calibration(self) -> Float64:
        check_is_fitted(self, "calibration_")
        known: Float64 = self.calibration_
        return known

    def _images(self, X: Any) -> Any:
        array = as_array(X, "X")
        if array.ndim == 2:
            if array.shape[1] != self.n_features_in_:
                shape = "x".join(map(str, self.vae_.image_shape))
                raise InputError(f"X has {array.shape[1]} features; expected {self.n_features_in_}, images of {shape}.")
            array = array.reshape(-1, *self.vae_.image_shape)
        return array
