"""Names of execution providers: onnxruntime's own, and the short ones that people type."""

from __future__ import annotations

import difflib
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

_OTHER_WORDS = {  # what people say, and what is meant here
    "amd": "migraphx",
    "apple": "coreml",
    "cudnn": "cuda",
    "directx": "directml",
    "dml": "directml",
    "gpu": "cuda",
    "hip": "rocm",
    "intel": "openvino",
    "metal": "coreml",
    "mps": "coreml",
    "nvidia": "cuda",
    "qualcomm": "qnn",
    "trt": "tensorrt",
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
    return tuple(_full_name(name.strip()) for name in names)


def _full_name(name: str) -> str:
    """onnxruntime's name of a short one; what ends as its names do is one, whether we know it or not."""
    full = _SHORT.get(name.lower(), name)
    misspelled = full.lower() in map(str.lower, _SHORT.values()) and full not in _SHORT.values()
    if misspelled or not full.endswith("Provider"):
        raise InputError(
            f"the provider {name!r} is unknown{_meant(name)} Expected {', '.join(_SHORT)}, or onnxruntime's own name."
        )
    return full


def _meant(name: str) -> str:
    """The known name that is nearest, as a question."""
    if exact := [full for full in _SHORT.values() if full.lower() == name.lower()]:
        return f": did you mean {exact[0]}?"
    word = name.lower().partition(":")[0]  # "cuda:0" is torch's
    near = difflib.get_close_matches(word, [*_SHORT, *_OTHER_WORDS], n=1, cutoff=0.7)
    return f": did you mean {_OTHER_WORDS.get(near[0], near[0])}?" if near else "."
