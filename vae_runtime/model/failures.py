"""What a failure of onnxruntime says: memory ran out, it is too old, the model is wrong, or onnxruntime itself failed.

Its errors share no base class, and where memory runs out it raises three kinds of them (measured with 1.31):
MemoryError, and its own Fail around a C++ exception or around the words of its arena.
"""

from __future__ import annotations

from ..errors import EngineError, IntegrityError, ProviderError, VAEError

_NO_MEMORY = ("MemoryError", "bad_alloc", "bad allocation", "Failed to allocate memory", "Cannot allocate memory")
_OF_THE_MODEL = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel")  # onnxruntime's classes


def lacked_memory(said: str) -> bool:
    """Whether these are words of something that found no memory."""
    return any(words in said for words in _NO_MEMORY)


def while_opening(error: Exception, name: str, version: str, provider: str) -> VAEError | MemoryError:
    """The error to raise where onnxruntime did not open the graph `name`."""
    said = one_line(error)
    if isinstance(error, MemoryError) or lacked_memory(said):
        return MemoryError(f"onnxruntime could not open {name}: {said}")
    if "Unsupported model IR version" in said or "opset" in said.lower():
        return ProviderError(f"onnxruntime {version} is too old for {name}; upgrade it. It said: {said}")
    if type(error).__name__ in _OF_THE_MODEL:
        return IntegrityError(f"onnxruntime {version} refuses {name}: {said}")
    return EngineError(f"{provider} failed to open {name}, which is sound: {said}")


def while_running(error: Exception, name: str, provider: str) -> EngineError | MemoryError:
    """The error to raise where an open graph did not run: whatever is wrong is not the model."""
    said = one_line(error)
    if isinstance(error, MemoryError) or lacked_memory(said):
        return MemoryError(f"{provider} could not run {name}: {said}")
    return EngineError(f"{provider} failed in {name}: {said}")


def one_line(error: Exception) -> str:
    """What an error says, without its line breaks, and not all of a long one."""
    return " ".join(str(error).split())[:300]
