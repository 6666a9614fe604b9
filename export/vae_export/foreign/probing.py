"""What a module must be before anything is exported, asked by running it: one sentence for each thing it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ExportError
from ..graphs.untraceable import readable
from ..graphs.watching import random_operators

SAME = 1e-3  # of a tensor's size: rows that differ by more for other neighbours depend on them
SLIGHTLY, SHARE = 0.05, 0.1  # images may lie so far outside their range, or so many of their numbers may
ROWS, FEW = 4, 2


def require_sound(module: nn.Module, half: str) -> None:
    """Refuse weights that are on another device, of another type, or no numbers."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        place = f"{name} of the {half}"
        if tensor.device.type != "cpu":
            raise ExportError(f'{place} lies on {tensor.device}; export from the CPU: module.to("cpu").')
        if not tensor.is_floating_point():
            continue
        if tensor.dtype != torch.float32:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ExportError(f"{place} is {kind}; the format's graphs are float32: module.float().")
        if not torch.isfinite(tensor).all():
            raise ExportError(f"{place} holds NaN or infinity; take an earlier checkpoint, or train again.")


def called(module: nn.Module, x: Tensor, half: str) -> Any:
    """What a half gives for an input; what its code raises becomes an ExportError."""
    try:
        with torch.inference_mode():
            return module(x)
    except TypeError as error:
        if "argument" not in str(error):
            raise _failed(half, x, error) from error
        raise ExportError(
            f"the {half} does not run with one tensor ({error}); give a function of one tensor, such as "
            f"lambda x: {half}(x, condition), for each condition that is to be a model."
        ) from error
    except ExportError:
        raise
    except Exception as error:
        raise _failed(half, x, error) from error


def require_steady(module: nn.Module, half: str, outputs: Callable[[], tuple[Tensor, ...]]) -> None:
    """Refuse a half whose outputs differ from call to call; outputs: runs it."""
    with torch.random.fork_rng(devices=[]):
        once, again = outputs(), outputs()
        if all(map(torch.equal, once, again)):
            return
        drawn = random_operators(module, outputs)
    if dropout := [each for each in drawn if each.is_dropout]:
        raise ExportError(
            f"dropout is on in eval mode, {_at(half, dropout[0].place)}; use nn.Dropout, or "
            "F.dropout(x, training=self.training)."
        )
    if drawn:
        remedy = "the module that returns mean and logvar" if half == "encoder" else "one whose output z alone decides"
        raise ExportError(
            f"the {half} draws its own noise ({drawn[0].operator}, {_at(half, drawn[0].place)}): give {remedy}."
        )
    raise ExportError(
        f"the {half} gives other numbers each time it is called, by no random operator of torch; give one whose output "
        "depends on its input alone."
    )


def require_rows_apart(half: str, outputs: Callable[[slice], tuple[Tensor, ...]], module: nn.Module) -> None:
    """Refuse a half that gives a row other numbers when other rows stand beside it; outputs: of some of the rows."""
    together, alone = outputs(slice(0, ROWS)), outputs(slice(0, FEW))
    for whole, one in zip(together, alone, strict=True):
        size = max(1.0, float(whole.abs().max()))
        if float((whole[:FEW] - one).abs().max()) > SAME * size:
            norms = (nn.modules.batchnorm._BatchNorm,)
            names = [name for name, part in module.named_modules() if isinstance(part, norms) and _by_batch(part)]
            which = f", by {names[0]}, which keeps no running statistics" if names else ""
            raise ExportError(
                f"what the {half} gives for one row depends on the rest of its batch{which}; normalise by running "
                "statistics (BatchNorm with track_running_stats=True), or within a row (GroupNorm)."
            )


def require_shape(tensor: Tensor, shape: tuple[int, ...], what: str, name: str) -> None:
    """Refuse an output of another shape than the caller said."""
    if tuple(tensor.shape) == (ROWS, *shape):
        return
    there = list(tensor.shape)
    if tensor.shape[:1] != (ROWS,):
        raise ExportError(f"{what} has the shape {there} for {ROWS} rows; expected {[ROWS, *shape]}.")
    raise ExportError(
        f"{what} has the shape {there[1:]} a row, and {name} is {tuple(shape)}; say {name}={tuple(there[1:])}."
    )


def require_finite(tensor: Tensor, what: str) -> None:
    """Refuse NaN and infinity in an output."""
    if not torch.isfinite(tensor).all():
        raise ExportError(f"{what} holds NaN or infinity for ordinary inputs; take an earlier checkpoint.")


def require_range(images: Tensor, value_range: tuple[float, float]) -> None:
    """Refuse images, in the maker's own range, that clearly have another one; a slight excess is clipped."""
    low, high = value_range
    margin = SLIGHTLY * (high - low)
    outside = ((images < low - margin) | (images > high + margin)).double().mean().item()
    if outside > SHARE:
        raise ExportError(
            f"the decoder's images lie in [{images.min():.3g}, {images.max():.3g}], {outside:.0%} of their numbers "
            f"outside value_range {value_range}; say the range that they have, such as value_range=(-1, 1), or "
            'decoder_gives="logits".'
        )


def _by_batch(part: Any) -> bool:
    return part.training or part.running_mean is None


def _at(half: str, place: str) -> str:
    named = readable(f"{half}.{place}" if place else half)
    return f"at {named}" if named != half else f"in the {half} itself"


def _failed(half: str, x: Tensor, error: Exception) -> ExportError:
    reason = " ".join(str(error).split())[:300]
    return ExportError(
        f"the {half} does not run with float32 {list(x.shape)} ({type(error).__name__}: {reason}); check image and "
        "latent_shape."
    )
