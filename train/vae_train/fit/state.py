"""All of a run that a checkpoint must hold, so that it goes on bit for bit on a CPU."""

from __future__ import annotations

from ..checkpoint import Checkpoint, under
from ..errors import TrainingError
from .moments import moments, set_moments
from .trainer import Best, Trainer


def checkpoint(trainer: Trainer) -> Checkpoint:
    """All that a resumed run needs."""
    tensors = {f"model.{name}": tensor for name, tensor in trainer.model.state_dict().items()}
    if trainer.average:
        tensors |= {f"average.{name}": tensor for name, tensor in trainer.average.state_dict().items()}
    tensors |= moments(trainer.optimizer)
    tensors |= {"noise": trainer.noise.get_state(), "sums": trainer.sums}
    best = {f"best_{name}": entry for name, entry in trainer.best._asdict().items()}
    minutes = trainer.config.minutes
    spent = {"seconds": trainer.seconds, "minutes": minutes} if minutes else {}
    return Checkpoint(tensors, {"step": trainer.step, **best, **spent, **trainer.division._asdict()})


def restore(trainer: Trainer, saved: Checkpoint) -> None:
    """Continue exactly where `checkpoint` was taken."""
    tensors = {name: tensor.to(trainer.device) for name, tensor in saved.tensors.items()}
    try:
        trainer.model.load_state_dict(under(tensors, "model."))
        if trainer.average:
            trainer.average.load_state_dict(under(tensors, "average."))
    except RuntimeError as error:
        raise TrainingError(f"the checkpoint is of another network than config.json says: {error}") from error
    set_moments(trainer.optimizer, tensors)
    trainer.noise.set_state(saved.tensors["noise"])
    trainer.sums = tensors["sums"]
    trainer.step = saved.state["step"]
    trainer.best = Best(*(saved.state.get(f"best_{name}", 0) for name in Best._fields))
    trainer.seconds, trainer.minutes = saved.state.get("seconds", 0.0), saved.state.get("minutes", 0.0)
