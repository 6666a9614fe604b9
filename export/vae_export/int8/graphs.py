"""A draft with 8-bit graphs, and with their golden vectors."""

from __future__ import annotations

import dataclasses

import onnx

from vae_runtime.checks.verify import replay
from vae_runtime.maths.posterior import reparameterise
from vae_runtime.model.golden import GoldenVectors
from vae_runtime.model.manifest import Golden
from vae_runtime.model.writing import describe

from ..checks.golden import INT8_TOLERANCE, scaled
from ..draft import Draft
from ..graphs.finishing import finish, tidy
from .quantise import quantise
from .recipe import Recipe

GOLDEN = "golden.int8.npz"


def float32_graphs(draft: Draft) -> dict[str, onnx.ModelProto]:
    """The float32 graphs of a draft by role."""
    return {
        role: onnx.load_from_string(draft.contents[files["float32"].file])
        for role, files in draft.manifest.graphs.items()
    }


def quantised(draft: Draft, recipe: Recipe) -> Draft:
    """The same model with int8 graphs beside the float32 ones. Their golden vectors are float32's until `measured`."""
    contents, graphs = {}, dict(draft.manifest.graphs)
    for role, graph in float32_graphs(draft).items():
        if role in recipe.float32:
            metadata = {item.key: item.value for item in graph.metadata_props} | {"vae.precision": "int8"}
            integers = tidy(quantise(graph, recipe.ranges[role], recipe.float32[role]))
            contents[f"{role}.int8.onnx"] = finish(integers, role, metadata)
            graphs[role] = {**graphs[role], "int8": describe(f"{role}.int8.onnx", contents[f"{role}.int8.onnx"])}
    draft = draft.extended(contents, graphs=graphs)
    return _with_golden(draft, draft.contents[draft.manifest.golden["float32"].file.file])


def measured(draft: Draft) -> Draft:
    """A quantised draft with golden vectors of its int8 graphs.

    Integer graphs are their own reference: their golden vectors come from the runtime, float32's from torch.
    """
    float32 = GoldenVectors.from_bytes(draft.contents[draft.manifest.golden["float32"].file.file])
    with draft.opened(precision="int8") as vae:
        posterior = vae.encode(float32.images)
        z = reparameterise(posterior, float32.eps) if draft.manifest.has_posterior else posterior.mean
        return _with_golden(draft, replay(vae, float32._replace(z=z)).to_bytes())


def _with_golden(draft: Draft, content: bytes) -> Draft:
    golden = Golden(file=describe(GOLDEN, content), tolerance=scaled(INT8_TOLERANCE, draft.sizes))
    return draft.extended({GOLDEN: content}, golden={**draft.manifest.golden, "int8": golden})


def with_figures(draft: Draft, recipe: Recipe) -> Draft:
    """The draft with what the recipe cost and won, among the figures of its training."""
    figures = {f"int8_{name}": figure for name, figure in recipe.measured.items()}
    return dataclasses.replace(draft, recipe=recipe).extended(training={**draft.manifest.training, **figures})
