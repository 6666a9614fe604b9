"""Why torch cannot trace a module, in a sentence that says where in it and what to do."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from ..errors import ExportError
from .watching import places_of

# What torch's errors say, and what it means for whoever wrote the module.
REASONS = (
    (
        r"data-dependent|GuardOnDataDependent|\.item\(\)|unbacked",
        "its forward chooses, loops or counts by the values of its input; write that as arithmetic, such as clamp or "
        "torch.where",
    ),
    (
        r"specialized it to be a constant|Constraints violated|marked batch as dynamic|not all values of batch",
        "its forward takes the batch's size for a fixed number, as len(x) and int(x.shape[0]) do; write x.shape[0], or "
        "-1 in view and reshape",
    ),
    (
        r"\.numpy\(\)|numpy\(\) is not supported|tolist|can't convert .* to numpy",
        "its forward leaves torch, for numpy or Python's numbers; write that part in torch",
    ),
)


def untraceable(error: Exception, module: nn.Module, example: Tensor, role: str) -> ExportError:
    """What to raise for an error of torch's exporter."""
    texts = [str(each) for each in _chain(error)]
    operator = next(filter(None, (re.search(r"OpOverload\(op='([\w.]+)'", text) for text in texts)), None)
    if operator:
        name = operator[1].replace("aten.", "torch.")
        place = _place_of_operator(module, example, operator[1])
        return ExportError(
            f"the {role} needs {name}, {place or f'somewhere in the {role}'}, which ONNX does not have; write that layer "
            "in other operations of torch, or leave it out."
        )
    again, place = _again(module, example)
    if again is not None:
        texts = [str(each) for each in _chain(again)] + texts
    for pattern, reason in REASONS:
        if any(re.search(pattern, text) for text in texts):
            return ExportError(f"the {role} cannot be traced{_at(place)}: {reason}.")
    first = next(iter(texts[0].strip().splitlines()), type(error).__name__)[:200]
    return ExportError(
        f"torch.export cannot trace the {role}{_at(place)} ({first}); make torch.export.export work with it, or write "
        "that layer otherwise."
    )


def readable(place: str) -> str:
    """The name of a module as its maker knows it, without those that hold it here."""
    parts = [part for part in place.split(".") if part not in ("model", "owner", "held")]
    return ".".join(part for number, part in enumerate(parts) if number == 0 or part != parts[number - 1])


def _chain(error: BaseException | None) -> list[BaseException]:
    errors: list[BaseException] = []
    while error is not None and error not in errors:
        errors.append(error)
        error = error.__cause__ or error.__context__
    return errors


def _again(module: nn.Module, example: Tensor) -> tuple[Exception | None, str]:
    """What torch.export itself says, and the module that was running."""
    places: list[str] = []
    with places_of(module) as places:
        try:
            torch.export.export(module, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},), strict=False)
        except Exception as error:  # of whatever kind the module's code raises
            return error, places[-1] if places else ""
    return None, ""


def _place_of_operator(module: nn.Module, example: Tensor, name: str) -> str:
    try:
        batch = torch.export.Dim("batch")
        program = torch.export.export(module, (example,), dynamic_shapes=({0: batch},), strict=False)
    except Exception:  # the first error is the one to tell of
        return ""
    short = name.split(".")[-1].strip("_")
    for node in program.graph.nodes:
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        if node.op == "call_function" and short in str(node.target) and stack:
            return f"at {readable(stack[-1][0])}"
    return ""


def _at(place: str) -> str:
    return f" at {readable(place)}" if readable(place) else ""
