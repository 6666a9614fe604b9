"""Names of execution providers: onnxruntime's own, and the short ones that people type."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import InputError

_SHORT = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "qnn": "QNNExecutionProvider",
    "nvtensorrtrtx": "NvTensorRTRTXExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
    "nnapi": "NnapiExecutionProvider",
}

# What a provider is opened with. CUDA multiplies in TF32 unless told not to, which costs three decimal digits.
OPTIONS = {"CUDAExecutionProvider": {"use_tf32": "0"}}

INSTALL = {
    "CUDAExecutionProvider": 'pip install "vae-runtime[gpu]" in an environment without onnxruntime',
    "OpenVINOExecutionProvider": "pip install onnxruntime-ep-openvino, for processors of Intel",
    "WebGpuExecutionProvider": "pip install onnxruntime-ep-webgpu",
    "QNNExecutionProvider": "pip install onnxruntime-qnn, for processors of Qualcomm",
    "DmlExecutionProvider": "pip install onnxruntime-directml in an environment without onnxruntime",
}


def full_names(providers: str | Iterable[str]) -> tuple[str, ...]:
    """Turn "cuda", "cuda,cpu" or onnxruntime's names into a tuple of onnxruntime's names, order kept."""
    names = providers.split(",") if isinstance(providers, str) else list(providers)
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise InputError(f"providers is {providers!r}; expected names such as 'cpu' or 'CUDAExecutionProvider'.")
    return tuple(_SHORT.get(name.strip().lower(), name.strip()) for name in names)
