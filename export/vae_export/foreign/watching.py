"""Where in a module something random happens, while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


class Drawn(NamedTuple):
    """An operator that draws random numbers, and the module that it was called in, "" for the outermost."""

    operator: str
    place: str

    @property
    def is_dropout(self) -> bool:
        """Whether it leaves numbers out, rather than adding noise."""
        return "dropout" in self.operator or "bernoulli" in self.operator


class _Recorder(TorchDispatchMode):
    def __init__(self, places: Sequence[str], drawn: list[Drawn]) -> None:
        super().__init__()
        self._places, self._drawn = places, drawn

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            name = str(func).removesuffix(".default").replace("aten.", "torch.")
            self._drawn.append(Drawn(name, self._places[-1] if self._places else ""))
        return func(*args, **(kwargs or {}))


def random_operators(module: nn.Module, call: Callable[[], Any]) -> list[Drawn]:
    """What draws random numbers while `call` runs parts of a module, in order."""
    drawn: list[Drawn] = []
    with _places(module) as places, _Recorder(places, drawn):
        call()
    return drawn


@contextmanager
def _places(module: nn.Module) -> Iterator[list[str]]:
    """The names of the modules that run at the moment, from the outermost inwards."""
    places: list[str] = []
    hooks = []
    for name, part in module.named_modules():
        hooks.append(part.register_forward_pre_hook(lambda part, given, name=name: places.append(name)))
        hooks.append(part.register_forward_hook(lambda part, given, gave: _left(places), always_call=True))
    try:
        yield places
    finally:
        for hook in hooks:
            hook.remove()


def _left(places: list[str]) -> None:
    if places:
        places.pop()
