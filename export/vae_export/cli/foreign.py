"""`vae export --from`: its options, and the model folder that it makes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from vae_runtime.printable import printable
from vae_runtime.spec import MODES

if TYPE_CHECKING:
    from ..draft import Exported

Command = TypeVar("Command", bound=Callable[..., Any])

KINDS = ("pythae", "diffusers", "keras", "onnx", "torch")  # the table's, which needs torch to be read
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


class ForeignChoice(NamedTuple):
    """What the command line says of a model that another library made; None or False where it says nothing."""

    kind: str | None  # None of this project's own runs
    value_range: tuple[float, ...] | None
    likelihood: str | None
    sigma: tuple[float, ...] | None
    prior: str | None
    mode: str | None
    image_shape: tuple[int, ...] | None
    encoder_gives: str | None
    decoder_gives: str | None
    examples: Path | None
    trust_pickle: bool

    def require_kind(self) -> None:
        """Refuse the other options where --from is not there."""
        given = [name for name, value in self._asdict().items() if value]
        if given and not self.kind:
            raise click.UsageError(f"--{given[0].replace('_', '-')} is of --from.")


class _Numbers(click.ParamType):  # type: ignore[type-arg]
    """Numbers with commas between them, as a tuple."""

    def __init__(self, kind: type, example: str, counts: Sequence[int]) -> None:
        self.kind, self.example, self.counts = kind, example, counts
        self.name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(self.kind(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in self.counts:
            self.fail(f"{value!r} is not of the form {self.example}.", param, ctx)
        return numbers


OPTIONS = (
    click.option("--from", "kind", type=click.Choice(KINDS), help="What another library saved, in the place of RUN."),
    click.option(
        "--value-range",
        type=_Numbers(float, "-1,1", (2,)),
        help="With --from: black and white as the model has them.  [default: as the files say]",
    ),
    click.option("--image-shape", type=_Numbers(int, "3,64,64", (3,)), help="With --from: channels, height, width."),
    click.option("--mode", type=click.Choice(list(MODES)), help="With --from: grey or colour.  [default: by channels]"),
    click.option(
        "--likelihood",
        type=click.Choice(["bernoulli", "gaussian", "none"]),
        help="With --from: of what the loss compared pixels by; binary cross-entropy is bernoulli.",
    ),
    click.option(
        "--sigma",
        type=_Numbers(float, "0.1 or 0.1,0.2,0.1", (1, 3)),
        help="With --from: of a gaussian, in units of pixels in [0, 1].  [default: estimated from --examples]",
    ),
    click.option(
        "--prior", type=click.Choice(["standard_normal", "none"]), help="With --from: none, if samples make no sense."
    ),
    click.option(
        "--encoder-gives",
        type=click.Choice(["mean, logvar", "mean, std", "mean"]),
        help="With --from: what the encoder's outputs are.  [default: by their count]",
    ),
    click.option("--decoder-gives", type=click.Choice(["images", "logits"]), help="With --from: the decoder's output."),
    click.option("--examples", type=FOLDER, help="With --from: pictures such as the model was trained on."),
    click.option("--trust-pickle", is_flag=True, help="With --from: read files that run code. Know who wrote them."),
)


def foreign_options(command: Command) -> Command:
    """Add --from and what belongs to it, and pass them on as `foreign`, a `ForeignChoice`."""

    @functools.wraps(command)
    def called(**values: Any) -> Any:
        gathered = ForeignChoice(**{field: values.pop(field) for field in ForeignChoice._fields})
        return command(**values, foreign=gathered)

    for option in reversed(OPTIONS):
        called = option(called)
    return called  # type: ignore[return-value]


def export_from(
    foreign: ForeignChoice,
    paths: Sequence[Path],
    folder: Path,
    *,
    license: str | None,
    int8: bool,
    calibrate: Path | None,
    replace: bool,
) -> Exported:
    """Read the files by their adapter and export what they hold."""
    from ..foreign.adapters.options import Options
    from ..foreign.adapters.table import ADAPTERS
    from ..foreign.exporting import export_foreign

    options = Options(
        image_shape=foreign.image_shape,  # type: ignore[arg-type]  # three, as the option has seen
        mode=foreign.mode,
        value_range=foreign.value_range,  # type: ignore[arg-type]  # two
        encoder_gives=foreign.encoder_gives,
        decoder_gives=foreign.decoder_gives,
        likelihood=foreign.likelihood,
        sigma=foreign.sigma[0] if foreign.sigma and len(foreign.sigma) == 1 else foreign.sigma,
        prior=foreign.prior,
        trust_pickle=foreign.trust_pickle,
    )
    assert foreign.kind
    return export_foreign(
        folder,
        ADAPTERS[foreign.kind].open(paths, options),
        examples=foreign.examples,
        normal=calibrate,
        int8=int8,
        license=license or "unknown",
        replace=replace,
        say=lambda text: click.echo(printable(text), err=True),
    )
