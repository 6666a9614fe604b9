"""An encoder or decoder as a torch module, whatever callable it came as: a module, a method of one, or a function."""

from __future__ import annotations

import copy
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from .model import Half


def as_module(half: Half) -> nn.Module:
    """The module itself, or one that calls the method or function and holds the modules that it needs."""
    if isinstance(half, nn.Module):
        return half
    owner = getattr(half, "__self__", None)
    if isinstance(owner, nn.Module):
        return Method(owner, half.__name__)
    return Function(half)


class Method(nn.Module):
    """A method of a bigger module as a module of its own; it holds the owner."""

    def __init__(self, owner: nn.Module, name: str) -> None:
        super().__init__()
        self.owner, self.name = owner, name

    def forward(self, x: Any) -> Any:
        return getattr(self.owner, self.name)(x)


class Function(nn.Module):
    """A function as a module; it holds the modules that the function finds in its closure, defaults and globals.

    A copy calls a function of the copies, so that it can be made double. What is deeper in other functions is shared.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self.call = call
        self.held = nn.ModuleList({id(module): module for module in _modules_of(call)}.values())

    def forward(self, x: Any) -> Any:
        return self.call(x)

    def __deepcopy__(self, memo: dict[int, Any]) -> Function:
        held = copy.deepcopy(self.held, memo)
        copies = {id(old): new for old, new in zip(self.held, held, strict=True)}
        return Function(_rebound(self.call, copies))


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """All modules in eval mode, and afterwards as they were."""
    every = {id(part): part for module in modules for part in module.modules()}.values()
    were = [(part, part.training) for part in every]
    for part, _ in were:
        part.training = False
    try:
        yield
    finally:
        for part, training in were:
            part.training = training


def _modules_of(call: Any) -> Iterator[nn.Module]:
    for value in _values_of(call):
        if isinstance(value, nn.Module):
            yield value
        elif isinstance(getattr(value, "__self__", None), nn.Module):
            yield value.__self__


def _values_of(call: Any) -> Iterator[Any]:
    """What a function can name: arguments given beforehand, its closure, defaults and globals."""
    if isinstance(call, functools.partial):
        yield from (call.func, *call.args, *call.keywords.values())
        yield from _values_of(call.func)
    elif inspect.isfunction(call):
        yield from (cell.cell_contents for cell in call.__closure__ or () if _is_filled(cell))
        yield from call.__defaults__ or ()
        yield from (call.__globals__[name] for name in call.__code__.co_names if name in call.__globals__)
    elif hasattr(call, "__dict__"):
        yield from vars(call).values()


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a name that is bound later
        return False


def _rebound(call: Any, copies: dict[int, nn.Module]) -> Any:
    """The same function of other modules; others than functions are left as they are."""

    def other(value: Any) -> Any:
        if id(value) in copies:
            return copies[id(value)]
        owner = getattr(value, "__self__", None)
        return getattr(copies[id(owner)], value.__name__) if id(owner) in copies else value

    if isinstance(call, functools.partial):
        keywords = {name: other(value) for name, value in call.keywords.items()}
        return functools.partial(_rebound(other(call.func), copies), *map(other, call.args), **keywords)
    if not inspect.isfunction(call):
        return other(call)
    cells = tuple(types.CellType(other(c.cell_contents)) if _is_filled(c) else c for c in call.__closure__ or ())
    defaults = tuple(map(other, call.__defaults__)) if call.__defaults__ else None
    names = {name: other(value) for name, value in call.__globals__.items()}
    new = types.FunctionType(call.__code__, names, call.__name__, defaults, cells)
    new.__kwdefaults__ = call.__kwdefaults__
    return new
