"""Every verb of `vae`, by group, and the module that has it; a verb's module is imported when it is asked for."""

from __future__ import annotations

import importlib

import click

GROUPS = {
    "Use a model": {
        "sample": "vae_runtime.cli.sample",
        "encode": "vae_runtime.cli.encode",
        "decode": "vae_runtime.cli.decode",
        "reconstruct": "vae_runtime.cli.reconstruct",
        "vary": "vae_runtime.cli.vary",
        "interpolate": "vae_runtime.cli.interpolate",
        "score": "vae_runtime.cli.score",
        "web": "vae_runtime.cli.web",
    },
    "Make a model": {
        "train": "vae_export.cli.train",
        "fit": "vae_train.cli.fit",
        "evaluate": "vae_train.cli.evaluate",
        "plot": "vae_train.cli.plot",
        "compare": "vae_train.cli.compare",
        "detector": "vae_train.cli.detector",
        "calibrate": "vae_runtime.cli.calibrate",
        "export": "vae_export.cli.export",
    },
    "Know a model, know a machine": {
        "info": "vae_runtime.cli.info",
        "verify": "vae_runtime.cli.verify",
        "doctor": "vae_runtime.cli.doctor",
        "bench": "vae_runtime.cli.bench",
    },
}
MODULES = {name: module for verbs in GROUPS.values() for name, module in verbs.items()}
EXTRAS = {name: "train" for name, module in MODULES.items() if not module.startswith("vae_runtime.")}
EXTRAS["export"] = "export"  # which takes in models that others trained, and trains none


def load(name: str) -> click.Command:
    """The command of this name, with its options."""
    command = getattr(importlib.import_module(MODULES[name]), name)
    assert isinstance(command, click.Command)
    return command
