"""onnxruntime: the only module that imports it. Opens a session from checked bytes and runs it in batches."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..deadlines import ending, seconds_left
from ..errors import InputError, ProviderError
from ..threads import available_processors, in_threads
from .failures import while_opening, while_running
from .kernels import UNKNOWN, Kernels
from .plugins import devices
from .providers import INSTALL, OPTIONS

Float32 = npt.NDArray[np.float32]

OTHER_DEVICES = 32  # times as many rows at once as the CPU


class Session:
    """One graph, open. Safe to run from many threads at once (onnxruntime's own promise, and tested).

    After a fork the child opens a session of its own from what `reopen` gives, when it first runs one: an inherited one
    waits for threads that the child does not have.
    """

    def __init__(
        self,
        model: bytes,
        name: str,
        *,
        providers: tuple[str, ...],
        threads: int | None,
        kernels: Kernels = UNKNOWN,
        rows: int = 64,
        most: int = 64,
        reopen: Callable[[], bytes] | None = None,
    ) -> None:
        """Open `model`, the bytes of the file `name`, on exactly these providers.

        threads: how many work on the CPU at once, on one run where `kernels` says that its numbers stay the same, on
        rows of their own where not. rows: what the CPU runs at once; most: what it has the memory for.
        """
        self.name, self._asked, self._reopen = name, providers, reopen
        self._threads, self._kernels, self._rows, self._most = _thread_count(threads), kernels, rows, most
        self._lock, self._forked = threading.Lock(), False
        self._row_seconds = math.inf  # the least that one row of many has taken
        self._open(model)
        _open_sessions.add(self)

    def _open(self, model: bytes) -> None:
        onnxruntime, providers, name = import_onnxruntime(), self._asked, self.name
        if "CUDAExecutionProvider" in providers:
            _preload_cuda(onnxruntime)
        options = _options(onnxruntime, self._threads if self._kernels.any_threads else 1)
        plugged = set()
        for provider in providers:
            if plugin_devices := devices(onnxruntime, provider):
                options.add_provider_for_devices(plugin_devices, OPTIONS.get(provider, {}))
                plugged.add(provider)
        built_in = tuple(provider for provider in providers if provider not in plugged)
        _require_listed(onnxruntime, built_in)
        try:
            self._session = onnxruntime.InferenceSession(
                model,
                options,
                providers=[(provider, OPTIONS.get(provider, {})) for provider in built_in] if built_in else None,
                enable_fallback=0,  # else onnxruntime prints to stdout and tries again on the CPU
                read_config_from_model=0,  # else a model may set threads and write profiles
            )
        except Exception as error:  # onnxruntime's errors share no base class
            raise while_opening(error, name, onnxruntime.__version__, providers[0]) from error
        self._session._model_bytes = None  # it keeps a second copy of the file otherwise
        self._run_options = onnxruntime.RunOptions
        # Asked once: each question costs microseconds, and a small decoder runs for twenty.
        self._inputs, self._outputs = self._session.get_inputs(), self._session.get_outputs()
        self.input_shape: tuple[int, ...] = tuple(self._inputs[0].shape[1:])  # of one row
        self.shapes: dict[str, tuple[int, ...]] = {item.name: tuple(item.shape[1:]) for item in self._outputs}
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        missing = [provider for provider in providers if provider not in self.providers]
        if missing:
            raise ProviderError(_not_opened(missing[0], self.providers, "its device or a library it needs is missing"))
        on_cpu = self.providers[0] == "CPUExecutionProvider"
        self._workers = 1 if self._kernels.any_threads or not on_cpu else min(self._threads, self._most)
        self._at_once = self._rows // self._workers or 1 if on_cpu else self._rows * OTHER_DEVICES
        if on_cpu and not self._kernels.any_batch:
            self._at_once = 1

    def run(self, array: Float32, outputs: tuple[str, ...], *, batch_size: int) -> tuple[Float32, ...]:
        """Run the one-input graph over axis 0 in batches; returns the named outputs, each [batch, …], deterministic.

        Small batches keep the memory of a big call small: batch_size is the most, and fewer rows of a graph that needs
        much for each are run at once. On the CPU a row's bits depend on neither (model/kernels.py). One batch is
        returned as it comes, several are written into place, not concatenated.
        """
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise InputError(f"batch_size is {batch_size!r}; expected a whole number from 1.")
        step = min(int(batch_size), self._at_once, -(-len(array) // self._workers) or 1)
        if 0 < len(array) <= step:
            return tuple(self._run(array, outputs))
        results = tuple(np.empty((len(array), *self.shapes[output]), np.float32) for output in outputs)

        def run(begin: int) -> None:
            rows, begun = slice(begin, begin + step), time.perf_counter()
            for result, part in zip(results, self._run(array[rows], outputs), strict=True):
                result[rows] = part
            self._row_seconds = min(self._row_seconds, (time.perf_counter() - begun) / step)

        begins = range(0, len(array), step)
        in_threads(run, begins, threads=self._workers, seconds_each=step * self._row_seconds)
        return results

    def _run(self, array: Float32, outputs: tuple[str, ...]) -> list[Float32]:
        if self._forked:
            self._open_after_fork()
        seconds, feed = seconds_left(), {self._inputs[0].name: array}
        try:
            if seconds is None:
                results: list[Float32] = self._session.run(outputs, feed)
                return results
            options = self._run_options()
            with ending(options, seconds):
                results = self._session.run(outputs, feed, options)
        except Exception as error:  # onnxruntime's errors share no base class
            seconds_left()  # it was told to end
            raise while_running(error, self.name, self.providers[0]) from error
        return results

    def _open_after_fork(self) -> None:
        with self._lock:
            if self._forked:
                if self._reopen is None:
                    raise ProviderError(f"{self.name} was opened before a fork; open it again in this process.")
                self._open(self._reopen())
                self._forked = False

    def _leave_to_the_parent(self) -> None:
        """In the child of a fork: never run the inherited session again, nor end it, for both may wait for ever."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
        self._lock, self._forked = threading.Lock(), True


_open_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


def _after_fork() -> None:
    for session in list(_open_sessions):
        session._leave_to_the_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def import_onnxruntime() -> ModuleType:
    """Import onnxruntime with its telemetry off, or say how to install it.

    Since 1.29 it sends usage data from a background thread unless told not to before the import.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        if error.name != "onnxruntime":
            raise ProviderError(f"onnxruntime is installed but cannot be loaded: {error}") from error
        raise ProviderError(
            'onnxruntime is not installed. Try: pip install "vae-runtime[cpu]" (or "vae-runtime[gpu]" for CUDA).'
        ) from None
    module: ModuleType = onnxruntime
    return module


def _thread_count(threads: int | None) -> int:
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise InputError(f"threads is {threads!r}; expected a whole number from 1, or None for all that are available.")
    return threads or available_processors()


def _options(onnxruntime: ModuleType, threads: int) -> Any:
    """Defaults for small devices that share their processor with other work."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # The arena keeps the memory of its largest run; runs are small, and without it malloc returns pages to the system
    # and faults them in again at each run: 1.3 times slower, and more left behind.
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = False  # one plan for each size of batch that comes
    options.log_severity_level = 4  # what goes wrong is raised; nothing is printed
    # Threads wait for each other's layers awake, which halves the time of one image, and sleep as soon as a run ends.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _require_listed(onnxruntime: ModuleType, providers: tuple[str, ...]) -> None:
    listed = onnxruntime.get_available_providers()
    for provider in providers:
        if provider not in listed:
            raise ProviderError(_not_opened(provider, listed, "this onnxruntime was built without it"))


def _preload_cuda(onnxruntime: ModuleType) -> None:
    """Load CUDA from the nvidia wheels that the gpu extra brings; nothing else puts them on the loader's path.

    Older versions have no such function, and torch, where the host has it, has loaded CUDA already.
    """
    if hasattr(onnxruntime, "preload_dlls") and "torch" not in sys.modules:
        with contextlib.redirect_stdout(sys.stderr):  # it prints what it misses
            onnxruntime.preload_dlls(directory="")


def _not_opened(provider: str, there: Any, reason: str) -> str:
    advice = f" Try: {INSTALL[provider]}." if provider in INSTALL else ""
    return f"{provider} was asked for and did not come: {reason}. There is {', '.join(there)}.{advice}"
