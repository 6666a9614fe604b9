"""The model card: README.md of an artifact, made from its manifest's facts, with a grid of samples."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from vae_runtime.model.manifest import Manifest
from vae_runtime.printable import printable

from .checks.anomalies import AUC, PICTURES
from .checks.parity import Parity, largest

_FIGURES = (
    ("elbo_nats", "ELBO (nats an image; higher is better)", "{:.2f}"),
    ("log_likelihood_nats", "its log-likelihood term", "{:.2f}"),
    ("kl_nats", "its KL term", "{:.2f}"),
    ("nll_nats", "NLL by importance weighting (nats; lower is better)", "{:.2f}"),
    ("nll_draws", "draws for the NLL", "{}"),
    ("nll_bits_per_dim", "NLL in bits a dimension", "{:.4f}"),
    ("elbo_grey_nats", "ELBO on grey test images (cross-entropy)", "{:.2f}"),
    ("reconstruction_rmse_grey", "reconstruction error of grey test images (RMSE)", "{:.4f}"),
    ("active_units", "active units", "{}"),
    ("aggregate_posterior_auc", "posteriors told from the prior (AUC; 0.5 is not at all)", "{:.3f}"),
    (
        "sample_frechet_distance",
        "Frechet distance of samples to test images (vae_train/measure/judge.py)",
        "{:.2f}",
    ),
    ("sample_frechet_distance_of_training_images", "the same of training images", "{:.2f}"),
    ("sample_unclear_share", "samples that the judge finds unclear", "{:.1%}"),
    ("sample_unclear_share_of_test_images", "test images that it finds unclear", "{:.1%}"),
    ("sample_label_agreement", "samples of a label that show it", "{:.1%}"),
    ("label_accuracy", "test images whose likeliest label is theirs", "{:.1%}"),
    ("detector_drawn_faults_auc", "drawn faults told from none by the detector (AUROC)", "{:.3f}"),
    ("probe_accuracy_100", "linear probe on latent means, 100 labels", "{:.1%}"),
    ("probe_accuracy_1000", "linear probe, 1000 labels", "{:.1%}"),
    ("probe_accuracy_all", "linear probe, all labels", "{:.1%}"),
)


def card(manifest: Manifest, sizes: dict[str, int], parity: list[Parity], *, picture: str) -> str:
    """Markdown with the front matter that model hubs read; sizes: bytes of its files; picture: the file of its grid."""
    training = manifest.training
    channels, height, width = manifest.image.shape
    front = [
        "---",
        f"license: {_scalar(manifest.license.lower())}",
        "library_name: vae_runtime",
        "pipeline_tag: unconditional-image-generation",
        "tags: [onnx, vae, anomaly-detection]",
        *([f"datasets: [{_scalar(training['data'])}]"] if "data" in training else []),
        "---",
    ]
    body = [
        f"# {manifest.name}",
        "",
        f"![{picture.removesuffix('.png')}]({picture})",
        "",
        f"{_KINDS[manifest.has_elbo]} of {width}x{height} images, {channels} channel{'s' * (channels > 1)}, with "
        f"{_latents(manifest)} latents and {training['parameters']:,} parameters: " + _trained(training),
        f"Prior {manifest.prior}, posterior {manifest.posterior}, likelihood {manifest.likelihood.family}"
        + (f"; targets {_TARGETS[training['targets']]}." if "targets" in training else "."),
        "",
        *_measured(training),
        "| file | bytes |",
        "|---|---|",
        *(f"| {name} | {size:,} |" for name, size in sizes.items() if name.endswith(".onnx")),
        "",
        f"Largest error against the torch model in {_truth(parity)}, as a share of each tensor's size, over batches of "
        "0 to 64 (torch's own float32 in brackets): "
        + ", ".join(f"{name} {item.ours:.1e} ({item.torchs:.1e})" for name, item in largest(parity).items())
        + ".",
        *_anomalies(training),
        *_int8(training),
        "",
        "```python",
        "from vae_runtime import VAE",
        "",
        f'vae = VAE.load("{manifest.name}")  # this folder',
        "images = vae.sample(25, seed=0)",
        "```",
        "",
    ]
    return "\n".join([*front, *body])


def _latents(manifest: Manifest) -> str:
    """ "40", or "4x16x16" where they are spatial."""
    return "x".join(map(str, manifest.latent.shape))


def _truth(parity: list[Parity]) -> str:
    return parity[0].truth if parity else "float64"


def _trained(training: Mapping[str, Any]) -> str:
    """What is known of how it was trained."""
    if "preset" not in training:
        maker = f"made by {_text(training['made_by'])}" if "made_by" in training else "made by others"
        return f"{maker}, exported from torch."
    return (
        f"preset {_code(training['preset'])}, trained for {training['epochs']} epochs on {_code(training['data'])}"
        + (f", from the weights of {_code(training['started_from'])}" if "started_from" in training else "")
        + (f" ({training['train_images']:,} images)." if "train_images" in training else ".")
    )


def _measured(training: Mapping[str, Any]) -> list[str]:
    """A table of figures, of runs, or that nothing was measured."""
    figures = figures_of(training)
    if not figures and "preset" not in training:
        return []
    measured = f"{training['test_images']:,} test images" if "test_images" in training else "no images: not evaluated"
    return [
        f"Measured on {measured}" + (f", bounds by {_text(training['engine'])}:" if "engine" in training else ":"),
        "",
        "| figure | value |",
        "|---|---|",
        *(f"| {label} | {_text(shown)} |" for label, shown in figures),
        "",
    ]


def figures_of(training: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was measured, in the card's order: what it is, and the figure as text."""
    return [(label, form.format(training[key])) for key, label, form in _FIGURES if key in training]


def _code(name: object) -> str:
    """A name as code in Markdown: of as many backticks as it needs, on one line."""
    text = printable(name)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    gap = " " * (text.startswith("`") or text.endswith("`"))
    return f"{fence}{gap}{text}{gap}{fence}"


def _text(words: object) -> str:
    """Words as text in Markdown that says what it says."""
    return re.sub(r"([\\`*_{}\[\]()<>#!|&])", r"\\\1", printable(words))


def _scalar(name: object) -> str:
    """A name in YAML: plain where nothing in it means anything there, else quoted as JSON, which YAML takes."""
    text = str(name)
    return text if re.fullmatch(r"[A-Za-z][\w.+-]*( [\w.+-]+)*", text, re.ASCII) else json.dumps(text)


def _anomalies(training: Mapping[str, Any]) -> list[str]:
    """How well each score tells held-out images from anomalies made of them, where that was measured."""
    by_kind: Mapping[str, Mapping[str, float]] = training.get(AUC, {})
    if not by_kind:
        return []
    methods = list(next(iter(by_kind.values())))
    return [
        "",
        f"AUROC of each score, {training.get(PICTURES, 'some')} held-out images against anomalies made of them (0.5 is "
        "not at all):",
        "",
        f"| anomaly | {' | '.join(f'`{method}`' for method in methods)} |",
        "|---|" + "---|" * len(methods),
        *(f"| {kind} | {' | '.join(f'{aucs[method]:.3f}' for method in methods)} |" for kind, aucs in by_kind.items()),
    ]


def _int8(training: Mapping[str, Any]) -> list[str]:
    verbs = [verb for verb in ("encode", "decode") if f"int8_{verb}_speedup_batch_64" in training]
    if not verbs:  # the last figures of a search
        return []
    where = "on the training images that chose its layers"  # as exports before 2026-11-23 measured it
    if "int8_test_images" in training:
        where = f"on {training['int8_test_images']:,} test images, which gave no range and chose no layer"
    lost = f"reconstructions {training.get('int8_reconstruction_rmse', math.nan):.4f} off (RMSE, white is 1)"
    if "int8_elbo_loss_nats" in training:
        lost = f"{training['int8_elbo_loss_nats']:.2f} nats of the ELBO lost"
    verb = verbs[-1]
    alone = "" if len(verbs) == 2 else f" of the {verb}r alone, as the other is no faster in 8 bits"
    return [
        "",
        f'8-bit graphs{alone}, `VAE.load(precision="int8")`: {lost}, '
        f"reconstructions within {training['int8_reconstruction_psnr_db']:.0f} dB of float32's, {where}; "
        f"{verb[:-1]}ing 64 images took 1/{training[f'int8_{verb}_speedup_batch_64']:.2f} of the time where it was "
        "exported.",
    ]


_KINDS = {True: "A variational autoencoder", False: "An autoencoder"}
_TARGETS = {
    "binarised": "binarised anew each time an image is seen (test images once, seed 0)",
    "grey": "the grey levels themselves",
}
