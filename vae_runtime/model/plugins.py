"""Execution providers that come as packages of their own, beside the plain onnxruntime.

They share one contract: a module with `get_library_path()`, registered under the provider's own name; under another the
session would run on the CPU without a word. One that is loaded may still find no device.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

from ..errors import ProviderError

PACKAGES = {  # module of each provider; the package on the index has - for _
    "OpenVINOExecutionProvider": "onnxruntime_ep_openvino",
    "WebGpuExecutionProvider": "onnxruntime_ep_webgpu",
    "NvTensorRTRTXExecutionProvider": "onnxruntime_ep_nv_tensorrt_rtx",
    "QNNExecutionProvider": "onnxruntime_qnn",
}
_registered: set[str] = set()


def installed() -> dict[str, str]:
    """Providers whose package is installed, with its module."""
    return {provider: module for provider, module in PACKAGES.items() if importlib.util.find_spec(module)}


def devices(onnxruntime: ModuleType, provider: str) -> list[Any] | None:
    """Load the provider's package and give the devices it finds, one or more; None where there is no such package."""
    module = installed().get(provider)
    if module is None:
        return None
    name = module.replace("_", "-")
    if not hasattr(onnxruntime, "register_execution_provider_library"):
        raise ProviderError(f"{name} is installed, but onnxruntime {onnxruntime.__version__} is too old to load it.")
    try:
        if provider not in _registered:
            library = importlib.import_module(module).get_library_path()
            onnxruntime.register_execution_provider_library(provider, library)
            _registered.add(provider)
    except Exception as error:  # whatever a vendor's package and its libraries raise
        raise ProviderError(
            f"{name} is installed but cannot be loaded: {' '.join(str(error).split())[:300]}"
        ) from error
    plugin_devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == provider]
    if not plugin_devices:
        raise ProviderError(f"{provider} was asked for; {name} is installed and finds no device on this machine.")
    return plugin_devices
