"""The steps of `vae train`, in their order; each is noted when it is done, and not done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from vae_train import checkpoint as checkpoints
from vae_train.data import sources
from vae_train.fit.plan import FitRequest
from vae_train.fit.run import run as fit_run
from vae_train.measure.run import evaluate_run

from vae_runtime import VAE
from vae_runtime.checks.calibrate import calibration, write_calibrated
from vae_runtime.checks.verify import verify
from vae_runtime.console import say
from vae_runtime.model import manifest as manifests
from vae_runtime.progress import watched
from vae_runtime.stopping import end_by, is_stopping

from ..errors import ExportError
from ..report.write import write_report
from .held_out import AT_ONCE, batches, held_out
from .notes import Notes
from .request import TrainRequest

CHOOSING = {"mnist": {"validation_images": 500}, "digits": {"validation_images": 144}}  # of pictures, the recipe says
DRAWS = (1, 16)  # of the bounds that are measured: more sharpen the last digit and take most of the time


class Step(NamedTuple):
    """One thing to do, as it is said, and what does it and returns a note for whoever goes on."""

    name: str
    says: str
    do: Callable[[TrainRequest, Notes], Any]


def go(request: TrainRequest) -> None:
    """Do all steps that are not done yet. Errors: those of the steps; what is done by then stays done."""
    notes = Notes.read(request.run, request.asked)
    if "export" in notes.done and manifests.digest_of(request.model) == "":
        notes.done = {name: note for name, note in notes.done.items() if name in BEFORE_MODEL}
    request.check(made=notes.done.get("export"))
    for number, step in enumerate(STEPS, 1):
        if is_stopping():  # of a signal that a library has swallowed
            raise KeyboardInterrupt
        if step.name not in notes.done:
            say(f"[{number}/{len(STEPS)}] {step.says}")
            notes.note(step.name, step.do(request, notes))
    say(f"Done: the model {request.model}, and what was found on the way in {request.run / 'report.html'}.")


def _fit(request: TrainRequest, notes: Notes) -> Any:
    """Train, or go on; the signal that stops it ends this process too, and the same command goes on."""
    asked = FitRequest(
        out=request.run,
        go_on=True,
        preset=request.preset,
        data=request.data,
        data_dir=request.data_dir,
        size=request.size,
        mode=request.mode,
        device=request.device,
        threads=request.threads,
        changes={"minutes": request.minutes, "seed": request.seed, **CHOOSING.get(request.data, {})},
    )
    outcome = fit_run(asked)
    if outcome.stopped_by:
        say("The same command goes on with it.")
        end_by(outcome.stopped_by)
    for sentence in outcome.verdict:
        say(sentence)
    return {"data": outcome.data, "verdict": outcome.verdict}


def _evaluate(request: TrainRequest, notes: Notes) -> Any:
    """Measure the run on the pictures that were held out."""
    figures = evaluate_run(
        request.run, draws=DRAWS, directory=request.data_dir, device=request.device, threads=request.threads
    )
    return {"test_images": figures["test_images"]}


def _plot(request: TrainRequest, notes: Notes) -> Any:
    """Draw what `vae plot` draws."""
    from vae_train.devices import choose_device
    from vae_train.measure.plots import plot_run

    device = choose_device(request.device, request.threads)
    model, config = checkpoints.load_model(request.run, device)
    return [path.name for path in plot_run(request.run, model, config, _dataset(request), device)]


def _export(request: TrainRequest, notes: Notes) -> Any:
    """Make the model folder; its pair_id is what the notes keep of it."""
    from ..pipeline import export

    export(
        request.run,
        request.model,
        license=request.license,
        int8=_int8(request) if request.int8 else None,
        dataset=_dataset(request),
        replace=request.replace,
    )
    return manifests.read(request.model).pair_id


def _calibrate(request: TrainRequest, notes: Notes) -> Any:
    """Score the held-out pictures by every method, and keep the scores in the model."""
    vae = VAE.load(request.model, threads=request.threads)
    pictures = held_out(checkpoints.read_config(request.run), _dataset(request))
    if not len(pictures.images):
        say("warning: nothing is left to calibrate with; give the model normal pictures later: vae calibrate")
        return {"pictures": 0, "chose": 0, "copies": pictures.copies}
    known = calibration(vae, watched(batches(pictures.images), -(-len(pictures.images) // AT_ONCE), "batches"))
    write_calibrated(request.model, request.model, known, scored=vae.manifest)
    say(f"Calibrated with {pictures.sentence}")
    return {"pictures": len(pictures.images), "chose": pictures.chose, "copies": pictures.copies}


def _verify(request: TrainRequest, notes: Notes) -> Any:
    """Check every byte and every number of the model as it now lies there."""
    checked = verify(request.model, providers="cpu", threads=request.threads, precision="float32")
    if not checked.passed:
        raise ExportError(f"{request.model} does not pass its own checks: {checked.tensors}")
    return manifests.digest_of(request.model)


def _report(request: TrainRequest, notes: Notes) -> Any:
    """Write the page that shows all of it."""
    path = write_report(request.run, request.model, _dataset(request), notes.done, data=request.data)
    return path.name


def _dataset(request: TrainRequest) -> Any:
    config = checkpoints.read_config(request.run)
    return sources.load(config, request.run, directory=request.data_dir)


def _int8(request: TrainRequest) -> Any:
    from ..int8.asked import search_on

    return search_on(_dataset(request), None, say)


STEPS = (
    Step("fit", "Fit", _fit),
    Step("evaluate", "Measure on pictures that were held out", _evaluate),
    Step("plot", "Draw samples, reconstructions and curves", _plot),
    Step("export", "Export, and compare with torch", _export),
    Step("calibrate", "Calibrate with pictures that were not fitted", _calibrate),
    Step("verify", "Verify the model", _verify),
    Step("report", "Write the report", _report),
)
BEFORE_MODEL = ("fit", "evaluate", "plot")
