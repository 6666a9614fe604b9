"""A run that begins with the weights of another one."""

from __future__ import annotations

from vae_runtime.errors import InputError

from .networks import VAE


def take_weights(model: VAE, trained: VAE) -> None:
    """Give a new model another run's encoder, decoder and prior.

    Residual blocks that it lacks start as the identity; a prior of another kind, size or number of labels starts anew
    as a whole.
    """
    weights, mine = trained.state_dict(), model.state_dict()
    priors = [
        {name: tensor.shape for name, tensor in part.items() if name.startswith("prior.")} for part in (weights, mine)
    ]
    if priors[0] != priors[1]:
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith("prior.")}
        weights |= {name: tensor for name, tensor in mine.items() if name.startswith("prior.")}
    if weights.keys() - mine.keys() or any(".conv_" not in name for name in mine.keys() - weights.keys()):
        raise InputError("--from takes a run of the same networks, or one with fewer residual blocks.")
    if other := [name for name in weights if weights[name].shape != mine[name].shape]:
        raise InputError(
            f"--from takes a run with layers of the same sizes; {other[0]} is {list(weights[other[0]].shape)} "
            f"there and {list(mine[other[0]].shape)} here."
        )
    model.load_state_dict(weights, strict=False)
