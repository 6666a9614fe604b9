"""onnxruntime as a backend of Triton written in Python: a stand-in for Triton's own, which no package index carries.

`triton.py` puts this file where the server looks for the backend that a `config.pbtxt` names "onnxruntime". So the
server reads the configurations as they are; it is its word on them that counts, and not how fast this is.
"""

from __future__ import annotations

import importlib
import json
import os
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"


class TritonPythonModel:
    """One instance of one model; the server makes it and calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the graph of the version folder, with as many threads as the configuration says."""
        onnxruntime: Any = importlib.import_module("onnxruntime")
        self._triton: Any = importlib.import_module("triton_python_backend_utils")
        self._config: dict[str, Any] = json.loads(args["model_config"])
        path = os.path.join(args["model_repository"], args["model_version"], self._config["default_model_filename"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(self._config["parameters"]["intra_op_thread_count"]["string_value"])
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests that the server hands over together: one run of the graph for all of them."""
        import numpy as np

        (given,) = [tensor["name"] for tensor in self._config["input"]]
        arrays = [self._triton.get_input_tensor_by_name(request, given).as_numpy() for request in requests]
        names = [tensor["name"] for tensor in self._config["output"]]
        results = self._session.run(names, {given: np.concatenate(arrays)})
        ends = np.cumsum([len(array) for array in arrays])
        shapes = [tuple(int(size) for size in tensor["dims"]) for tensor in self._config["output"]]
        answers = []
        for begin, end in zip((0, *ends), ends, strict=False):
            parts = [array[begin:end].reshape(-1, *shape) for array, shape in zip(results, shapes, strict=True)]
            tensors = [self._triton.Tensor(name, part) for name, part in zip(names, parts, strict=True)]
            answers.append(self._triton.InferenceResponse(tensors))
        return answers
