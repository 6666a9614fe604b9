"""What can go wrong, as one small tree.

    VAEError
    ├── ManifestError    a model folder that does not say, in the known form, what it is
    ├── IntegrityError   bytes that are not the ones the manifest promises
    ├── InputError       an array, picture, path or option that the call cannot take
    ├── ProviderError    onnxruntime is missing or too old, or the asked execution provider did not come
    ├── EngineError      onnxruntime failed on a model that is sound
    └── TimeoutError     a call took longer than `vae_runtime.timeout` gave it

Every message is one sentence or two: what came, what was expected, what to do. Where memory runs out, Python's own
MemoryError is raised, be it numpy that asks for it or onnxruntime: it says nothing of the model.
"""

import builtins


class VAEError(Exception):
    """Root of every error that this package raises on purpose."""

    exit_code = 2  # what the command `vae` ends with


class ManifestError(VAEError):
    """The model folder has no manifest, a torn one, or one that this version cannot read."""

    exit_code = 4


class IntegrityError(VAEError):
    """A file of the model is missing, damaged, or belongs to another model."""

    exit_code = 4


class InputError(VAEError, ValueError):
    """The caller's array, picture, path or option is not what the call takes."""


class TimeoutError(VAEError, builtins.TimeoutError):
    """A call inside `vae_runtime.timeout` took longer."""


class ProviderError(VAEError):
    """onnxruntime is not installed or too old, or the asked execution provider did not come."""

    exit_code = 3


class EngineError(VAEError):
    """onnxruntime, or a driver below it, failed on a model that is sound: the same call may succeed elsewhere."""

    exit_code = 3
