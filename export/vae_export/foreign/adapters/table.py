"""Every kind of foreign model that `vae export --from` reads."""

from __future__ import annotations

from . import diffusers, keras, pythae, torch
from .options import Adapter

ADAPTERS = {adapter.name: adapter for adapter in (pythae.ADAPTER, diffusers.ADAPTER, keras.ADAPTER, torch.ADAPTER)}

__all__ = ["ADAPTERS", "Adapter"]
