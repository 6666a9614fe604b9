"""Every kind of foreign model that `vae export --from` reads."""

from __future__ import annotations

from . import diffusers, keras, onnx, pythae, torch
from .options import Adapter

ADAPTERS = {room.ADAPTER.name: room.ADAPTER for room in (pythae, diffusers, keras, onnx, torch)}

__all__ = ["ADAPTERS", "Adapter"]
