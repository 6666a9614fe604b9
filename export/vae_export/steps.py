"""The steps of an export: each takes a draft and gives it with more in it, or refuses it with an ExportError."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import vae_runtime
from vae_runtime import image_grid
from vae_runtime.checks.thinning import calibrated, thinning
from vae_runtime.checks.verify import verify
from vae_runtime.model import manifest as manifests
from vae_runtime.model.folder import check_role
from vae_runtime.model.gate import OPSET
from vae_runtime.model.manifest import Golden, Manifest
from vae_runtime.model.writing import check_target, describe
from vae_runtime.pictures.writing import encode_image

from .card import card
from .checks.anomalies import tell_anomalies
from .checks.calibration import score_folder, score_images, score_quartiles
from .checks.golden import TOLERANCE, golden_size, golden_vectors, tensor_sizes, tolerance_of
from .checks.parity import compare, require_parity
from .draft import Draft, ExportRequest
from .errors import ExportError
from .foreign.source import ForeignSource
from .graphs.making import MIN_ONNXRUNTIME, export_graphs
from .int8.graphs import measured, quantised, with_figures
from .publishing import check_checkpoint, earlier_model
from .run_source import RunSource
from .source import metadata

SAMPLES = 64  # on the card


def begin(request: ExportRequest) -> Draft:
    """Look at the place and read the run: a draft of facts, without a file."""
    check_target(request.folder, replace=request.replace, meant=request.meant)
    check_checkpoint(request.folder / "checkpoint")
    digest, earlier = manifests.digest_of(request.folder), earlier_model(request.folder)
    origin = request.origin
    source = RunSource.read(origin) if isinstance(origin, Path) else ForeignSource.read(origin)
    manifest = Manifest(
        name=request.folder.absolute().name,
        license=request.license,
        created_by=f"vae-runtime {vae_runtime.__version__}",
        pair_id="",
        opset=OPSET,
        min_onnxruntime=MIN_ONNXRUNTIME,
        image=source.image,
        latent=source.latent,
        prior=source.prior,
        posterior=source.posterior,
        likelihood=source.likelihood,
        graphs={},
        golden={},
        labels=source.labels,
        card=(),
        training=source.training(),
    )
    return Draft(request, source, earlier, digest, manifest, {})


def add_graphs(draft: Draft) -> Draft:
    """The float32 graphs, and the id that they share."""
    manifest = draft.manifest
    facts = metadata(
        manifest.license,
        image=manifest.image,
        latent=manifest.latent,
        likelihood=manifest.likelihood,
        prior=manifest.prior,
    )
    graphs, pair_id = export_graphs(draft.source.functions, metadata=facts)
    contents = {f"{role}.onnx": content for role, content in graphs.items()}
    files = {role: {"float32": describe(f"{role}.onnx", content)} for role, content in graphs.items()}
    return draft.extended(contents, pair_id=pair_id, graphs=files)


def add_golden_vectors(draft: Draft) -> Draft:
    """What torch gives for some images, of as many as a device has the time to check."""
    side, manifest = draft.source.side, draft.manifest
    footprints = {
        role: check_role(draft.contents[f"{role}.onnx"], f"{role}.onnx", role, manifest) for role in manifest.graphs
    }
    count, draws = golden_size(side, footprints)
    golden = golden_vectors(side, manifest, count=count, draws=draws)
    content, sizes = golden.to_bytes(), tensor_sizes(golden)
    entry = Golden(file=describe("golden.npz", content), tolerance={name: TOLERANCE[name] for name in sizes})
    return dataclasses.replace(draft, sizes=sizes).extended({"golden.npz": content}, golden={"float32": entry})


def compare_with_torch(draft: Draft) -> Draft:
    """Refuse graphs that are another model than torch's; golden vectors may differ by what float32 leaves open."""
    golden = draft.manifest.golden["float32"]
    with draft.opened() as vae:
        parity = compare(draft.source.side, vae)
    require_parity(parity)
    golden = dataclasses.replace(golden, tolerance=tolerance_of(dict(draft.sizes), parity))
    return draft.extended(golden={"float32": golden}).noted(parity=parity)


def calibrate_scores(draft: Draft) -> Draft:
    """Scores of normal pictures, where they were given, and those that the folder's model has if it is the same."""
    request, new = draft.request, None
    same = draft.earlier and draft.earlier.pair_id == draft.manifest.pair_id  # the same graphs give the same scores
    scores = dict(draft.earlier.calibration) if draft.earlier and same else {}
    if request.calibrate is not None:
        trained_on = request.dataset.trained_on if request.dataset else frozenset()
        with draft.opened() as vae:
            if isinstance(request.calibrate, Path):
                tiled = draft.source.learned_windows
                new = score_folder(vae, request.calibrate, tiled=tiled, trained_on=trained_on)
            else:
                new = score_images(vae, request.calibrate)
        scores |= new.scores
    manifest = calibrated(draft.manifest, scores)
    draft = dataclasses.replace(draft, manifest=manifest)
    return draft.noted(calibrated=new, thinning=thinning(scores, manifest.calibration))


def ask_for_anomalies(draft: Draft) -> Draft:
    """Which simple anomalies each score tells, and how images score that were trained on; nothing without the data."""
    dataset, source = draft.request.dataset, draft.source
    if not dataset or not isinstance(source, RunSource):
        return draft
    with draft.opened() as vae:
        anomalies = tell_anomalies(vae, dataset.test_images)
        figures = anomalies.figures()
        if not source.learned_windows:  # which calibrate by their windows
            figures |= score_quartiles(vae, dataset, source.config)
    return draft.extended(training={**draft.manifest.training, **figures}).noted(anomalies=anomalies)


def add_int8(draft: Draft) -> Draft:
    """8-bit graphs by the recipe that is found now, or by the one that the run carries; nothing without one."""
    recipe = draft.source.recipe
    if draft.request.int8:
        recipe = draft.request.int8(draft) or recipe
    return with_figures(measured(quantised(draft, recipe)), recipe) if recipe else draft


def add_card(draft: Draft) -> Draft:
    """README.md and a picture of samples."""
    with draft.opened() as vae:
        if draft.manifest.has_prior:
            name, images = "samples.png", vae.sample(SAMPLES, seed=0)
        else:
            name, images = "reconstructions.png", vae.reconstruct(draft.source.side.likely_images(SAMPLES))
        picture = encode_image(image_grid(images, columns=16))
    sizes = {name: len(content) for name, content in draft.contents.items()}
    text = card(draft.manifest, sizes, draft.exported.parity, picture=name).encode()
    contents = {"README.md": text, name: picture}
    return draft.extended(contents, card=tuple(describe(name, content) for name, content in contents.items()))


def verify_all(draft: Draft) -> Draft:
    """Refuse a model whose golden vectors the runtime does not reproduce, in any precision."""
    bits = {}
    with draft.laid_out() as folder:
        for precision in draft.manifest.precisions:
            report = verify(folder, providers="cpu", threads=None, precision=precision)
            assert report.bits
            bits[precision] = report.bits
            if not report.passed:
                raise ExportError(f"the runtime does not reproduce the {precision} golden vectors: {report.tensors}")
    return draft.noted(bits=bits)
