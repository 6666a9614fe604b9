"""Other people's pictures, each folder by the documented commands alone: a model or a sentence, and its figures.

    python -m benchmarks.pictures.folders pictures/ --minutes 10 --seeds 0,1 --options 'photos=--size 64 --patches 20'

Every subfolder of pictures/ is trained, measured, exported with 8-bit graphs and verified, by one thread. What is done
is not done again. Writes OUT/folders.md, a table, and OUT/folders.png: of each folder ten held-out pictures, their
reconstructions, and ten samples.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

COLUMNS = 10  # pictures of a folder on the sheet
SIDE = 64  # pixels of each there


@click.command()
@click.argument("pictures", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("runs/folders"), show_default=True
)
@click.option("--minutes", default=10.0, show_default=True, help="Of training, each folder and seed.")
@click.option("--seeds", default="0", show_default=True, help="With commas.")
@click.option("--only", default="", help="Names of subfolders, with commas.")
@click.option("--sheet", default="", help="Names of those to show, with commas.")
@click.option("--options", multiple=True, help="NAME=options of `vae fit` for one folder; repeatable.")
def main(
    pictures: Path, out: Path, minutes: float, seeds: str, only: str, sheet: str, options: tuple[str, ...]
) -> None:
    """Run what is missing, then write the table and the sheet."""
    options_of = dict(entry.split("=", 1) for entry in options)
    names = only.split(",") if only else sorted(path.name for path in pictures.iterdir())
    results = []
    for seed in seeds.split(","):
        for name in names:
            if (pictures / name).is_dir():
                work = out / f"{name}-{seed}"
                results.append(_result(pictures / name, work, seed, minutes, shlex.split(options_of.get(name, ""))))
    (out / "folders.md").write_text(_table(results))
    shown = sheet.split(",") if sheet else names
    _sheet(out, [each for each in results if each["seed"] == results[0]["seed"] and each["name"] in shown])


def _result(folder: Path, work: Path, seed: str, minutes: float, options: list[str]) -> dict[str, Any]:
    """What the commands give for one folder, kept in work/result.json."""
    path = work / "result.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    work.mkdir(parents=True, exist_ok=True)
    run, model = str(work / "run"), str(work / "model")
    vae = [sys.executable, "-m", "vae_runtime"]
    fit = [*vae, "fit", "--data", str(folder), "--minutes", str(minutes), "--seed", seed, "--out", run, *options]
    started = time.monotonic()
    steps: dict[str, int] = {}
    for name, command in {
        "fit": [*fit, "--threads", "1"],
        "evaluate": [*vae, "evaluate", run, "--threads", "1"],
        "plot": [*vae, "plot", run, "--threads", "1"],
        "export": [*vae, "export", run, model, "--int8"],
        "verify": [*vae, "verify", "-m", model],
    }.items():
        with (work / f"{name}.log").open("w") as log:
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            steps[name] = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment).returncode
        print(f"{folder.name} seed {seed}: {name} {'ok' if not steps[name] else 'FAILED'}", flush=True)
    result: dict[str, Any] = {"name": folder.name, "seed": seed, "steps": steps, "run": run, "model": model}
    result |= {"seconds": round(time.monotonic() - started), "options": options, "minutes": minutes}
    evaluation, manifest = Path(run) / "evaluation.json", Path(model) / "manifest.json"
    result["figures"] = json.loads(evaluation.read_text()) if evaluation.exists() else {}
    result["manifest"] = json.loads(manifest.read_text())["training"] if manifest.exists() else {}
    path.write_text(json.dumps(result, indent=2))
    return result


def _table(results: list[dict[str, Any]]) -> str:
    """A line a folder: bits a dimension of its test pictures, one for each seed, beside what needs no model."""
    lines = [
        "| folder | images | shape | model | mean picture | PNG | WebP | latents | parameters | int8 | verified |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(result["name"] for result in results):
        runs = [result for result in results if result["name"] == name]
        figures, config = runs[0]["figures"], json.loads((Path(runs[0]["run"]) / "config.json").read_text())
        channels, height, width = config["image_shape"]
        bits = [" ".join(f"{run['figures'].get('nll_bits_per_dim', math.nan):.2f}" for run in runs)]
        bits += [f"{figures.get(f'{kind}_bits_per_dim', math.nan):.2f}" for kind in ("mean_picture", "png", "webp")]
        verified = sum(not any(run["steps"].values()) for run in runs)
        cells = [name, f"{figures.get('train_images', 0):,}", f"{width}x{height}x{channels}", *bits]
        cells += [str(config["latent_size"]), f"{figures.get('parameters', 0):,}", _int8(runs[0], config)]
        lines.append(f"| {' | '.join([*cells, f'{verified} of {len(runs)}'])} |")
    return "\n".join(lines) + "\n"


def _int8(result: dict[str, Any], config: dict[str, Any]) -> str:
    """Bits a dimension that it loses, and how many times as fast it encodes and decodes 64 images."""
    training = result["manifest"]
    if "int8_elbo_loss_nats" not in training:
        return "none"
    lost = training["int8_elbo_loss_nats"] / math.prod(config["image_shape"]) / math.log(2)
    faster = (f"{training[f'int8_{verb}_speedup_batch_64']:.1f}" for verb in ("encode", "decode"))
    return f"{lost:+.3f}, {' and '.join(faster)} times"


def _sheet(out: Path, results: list[dict[str, Any]]) -> None:
    """Three rows a folder: held-out pictures, reconstructions, samples."""
    from PIL import Image, ImageDraw
    from vae_train.checkpoint import read_config
    from vae_train.data.sources import load

    from vae_runtime import VAE, from_uint8, to_uint8

    shown = [result for result in results if not result["steps"]["export"]]
    if not shown:
        return
    margin, gap = 110, 4
    sheet = Image.new("RGB", (margin + COLUMNS * (SIDE + gap), len(shown) * (3 * (SIDE + gap) + 12)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, result in enumerate(shown):
        config = read_config(Path(result["run"]))
        vae, data = VAE.load(result["model"]), load(config, Path(result["run"]))
        chosen = np.linspace(0, len(data.test_images) - 1, min(COLUMNS, len(data.test_images))).astype(int)
        originals = from_uint8(np.ascontiguousarray(data.test_images[chosen]))
        top = number * (3 * (SIDE + gap) + 12)
        draw.text((4, top + SIDE), result["name"], fill="black")
        for row, images in enumerate((originals, vae.reconstruct(originals), vae.sample(COLUMNS, seed=0))):
            for column, image in enumerate(to_uint8(images)):
                pixels = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
                picture = Image.fromarray(pixels).convert("RGB")
                picture.thumbnail((SIDE, SIDE))
                if max(picture.size) < SIDE:
                    picture = picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)
                sheet.paste(picture, (margin + column * (SIDE + gap), top + row * (SIDE + gap)))
    sheet.save(out / "folders.png")


if __name__ == "__main__":
    main()
