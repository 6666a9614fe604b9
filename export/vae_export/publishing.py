"""Where a model goes: what may lie there, and the one step of an export that writes."""

from __future__ import annotations

from pathlib import Path

from vae_train.checkpoint import is_config

from vae_runtime.errors import InputError, IntegrityError, VAEError
from vae_runtime.model import manifest as manifests
from vae_runtime.model.lock import held_alone
from vae_runtime.model.manifest import FILE_NAME, Manifest
from vae_runtime.model.writing import check_target, write_model

from .draft import Draft


def require_place(draft: Draft) -> Draft:
    """Refuse a folder that holds another model, unless it may be replaced."""
    request = draft.request
    check_target(request.folder, draft.manifest, replace=request.replace, meant=request.meant)
    return draft


def check_checkpoint(folder: Path) -> None:
    """Refuse, before any work is done, a folder of this name that no export has written."""
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or is_config(folder / "config.json"))):
        raise InputError(f"{folder} is not the checkpoint of an export, which would be written there; move it first.")


def earlier_model(folder: Path) -> Manifest | None:
    """The manifest of the model that an export takes the place of; None where there is none that can be read."""
    if not (folder / FILE_NAME).exists():
        return None
    try:
        return manifests.read(folder)
    except VAEError:  # --replace was given: nothing of it is kept
        return None


def publish(draft: Draft) -> Draft:
    """Write the model folder, then what exports it again in `checkpoint`."""
    request, manifest = draft.request, draft.manifest
    write_model(
        request.folder,
        manifest,
        draft.contents,
        replace=request.replace,
        meant=request.meant,
        expected=draft.digest,
    )
    with held_alone(request.folder):
        if manifests.read(request.folder).pair_id != manifest.pair_id:
            raise IntegrityError(f"{request.folder} was replaced by another model as soon as it was written.")
        draft.source.keep(request.folder / "checkpoint", draft.recipe)
    return draft.noted(dropped=_dropped(draft))


def _dropped(draft: Draft) -> str:
    if not draft.earlier or "int8" not in draft.earlier.precisions or "int8" in draft.manifest.precisions:
        return ""
    return f"The 8-bit graphs that {draft.request.folder} had are gone; --int8 makes new ones."
