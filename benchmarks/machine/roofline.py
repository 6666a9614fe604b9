"""What the processor could do at most: measured peaks, and the work of a graph counted from its nodes."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import onnx
from onnx import numpy_helper

_PEAKS = """
import time, numpy as np
a, b = np.random.rand(1536, 1536).astype(np.float32), np.random.rand(1536, 1536).astype(np.float32)
source = np.ones(2**25, np.float32); target = np.empty_like(source)
def best(call):
    times = []
    for _ in range(9):
        start = time.perf_counter(); call(); times.append(time.perf_counter() - start)
    return min(times)
print(2 * 1536**3 / best(lambda: a @ b) / 1e9, 2 * source.nbytes / best(lambda: np.copyto(target, source)) / 1e9)
"""


class Peaks(NamedTuple):
    """GFLOP/s of a large float32 matrix product, and GB/s of a large copy, on some threads."""

    gflops: float
    gbytes: float


class Work(NamedTuple):
    """Of one graph: floating-point operations a row, bytes of weights, bytes of activations a row."""

    flop: float
    weight_bytes: float
    activation_bytes: float

    def intensity(self, batch: int) -> float:
        """FLOP for each byte that must move if every tensor is written and read once."""
        return batch * self.flop / (self.weight_bytes + batch * self.activation_bytes)


def measure_peaks(threads: int) -> Peaks:
    """In a process of its own, for the BLAS of numpy fixes its threads at import."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    output = subprocess.run([sys.executable, "-c", _PEAKS], env=environment, capture_output=True, check=True).stdout
    return Peaks(*map(float, output.split()))


def count_work(path: Path) -> Work:
    """Multiply-adds of Conv and Gemm count as two; the rest of a decoder is below one in a hundred."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    graph = model.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    values = (*graph.value_info, *graph.output, *graph.input)
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim[1:]] for value in values}
    flop = activations = 0
    for node in graph.node:
        shape = shapes[node.output[0]]
        activations += 2 * 4 * math.prod(shape)
        if node.op_type == "Gemm":
            flop += 2 * weights[node.input[1]].size
        elif node.op_type == "Conv":
            flop += 2 * weights[node.input[1]].size * math.prod(shape[1:])
    weight_bytes = sum(array.nbytes for array in weights.values())
    return Work(flop, weight_bytes, activations)
