"""Large pictures by windows: ours beside diffusers' whole and tiled results, of two of its autoencoders.

`python -m benchmarks.pictures.large`, with diffusers installed. The weights are random: what is compared is arithmetic.
Each engine runs in a process of its own on one thread; seconds are the least of several runs, megabytes are what the
process reaches above what it has when its model is loaded. Errors are root mean squares against the whole picture's
result, of pixels in [0, 1].
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Way = Callable[[Float32], Float32]

WINDOW = 64  # pixels a side
SHAPE = ("--image-shape", f"3,{WINDOW},{WINDOW}")
CLASSES = ("AutoencoderKL", "AutoencoderTiny")
ENGINES = ("vae_runtime", "diffusers, tiled", "diffusers, whole")
RUNS = 3


class Measured(NamedTuple):
    """Of one engine on one picture: reconstruction float32 [1, 3, height, width]."""

    image: Float32
    seconds: float
    megabytes: float


@click.command()
@click.option("--size", "sizes", multiple=True, type=int, default=[64, 128, 256, 512], show_default=True)
@click.option("--overlap", "overlaps", multiple=True, type=float, default=[0.25], show_default=True)
def main(sizes: tuple[int, ...], overlaps: tuple[float, ...]) -> None:
    """Measure, and print a table a model."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in CLASSES:
            saved, model = Path(scratch, name), Path(scratch, f"{name}-model")
            _in_a_process(_save, name, saved)
            subprocess.run(
                [sys.executable, "-m", "vae_runtime", "export", "--from", "diffusers", saved, model, *SHAPE],
                check=True,
                capture_output=True,
            )
            click.echo(f"{name}\n{'size':>9}  {'engine':22}  seconds    MB  RMSE to the whole")
            for size in sizes:
                for line in _lines(name, saved, model, size, overlaps):
                    click.echo(line)


def _lines(name: str, saved: Path, model: Path, size: int, overlaps: tuple[float, ...]) -> list[str]:
    engines = [("vae_runtime", overlap) for overlap in overlaps] + [(engine, 0.25) for engine in ENGINES[1:]]
    measured = [_in_a_process(_measure, engine, name, saved, model, size, overlap) for engine, overlap in engines]
    whole = measured[-1].image
    lines = []
    for (engine, overlap), of in zip(engines, measured, strict=True):
        error = float(np.sqrt(np.square(of.image.astype(np.float64) - whole).mean()))
        label = f"{engine}, {overlap:g}" if engine == "vae_runtime" else engine
        lines.append(f"{size:>4}x{size:<4}  {label:22}  {of.seconds:7.3f}  {of.megabytes:4.0f}  {error:.2g}")
    return lines


def _in_a_process(work: Callable[..., Any], *arguments: Any) -> Any:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _save(name: str, folder: Path) -> None:
    """An autoencoder with random weights: laid out as Stable Diffusion's at a quarter of its width, or as TAESD."""
    import diffusers
    import torch

    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    groups = {"norm_num_groups": 8}  # of four channels, as at full width: one alone is constant in a plain picture
    options: dict[str, Any] = {
        "AutoencoderKL": {**blocks, "block_out_channels": (32, 64, 128, 128), "layers_per_block": 2, **groups},
        "AutoencoderTiny": {"latent_channels": 4},
    }[name]
    getattr(diffusers, name)(**options).save_pretrained(folder)


def _measure(engine: str, name: str, saved: Path, model: Path, size: int, overlap: float) -> Measured:
    image = _picture(size)
    reconstruct = _ours(model, overlap) if engine == "vae_runtime" else _theirs(name, saved, tiled="tiled" in engine)
    before, seconds = _highest_megabytes(), []
    for _ in range(RUNS):
        begun = time.perf_counter()
        result = reconstruct(image)
        seconds.append(time.perf_counter() - begun)
    return Measured(result, min(seconds), _highest_megabytes() - before)


def _picture(size: int) -> Float32:
    """A photograph, [1, 3, size, size] in [0, 1]."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image("china.jpg")).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(photo, np.float32).transpose(2, 0, 1)[None] / np.float32(255)


def _ours(model: Path, overlap: float) -> Way:
    from vae_runtime import VAE, reconstruct_tiled

    vae = VAE.load(model, threads=1)
    return lambda image: reconstruct_tiled(vae, image, overlap=overlap)


def _theirs(name: str, saved: Path, *, tiled: bool) -> Way:
    import diffusers
    import torch

    torch.set_num_threads(1)
    model = getattr(diffusers, name).from_pretrained(saved).eval()
    if tiled:
        model.enable_tiling()
        model.tile_sample_min_size, model.tile_latent_min_size = WINDOW, WINDOW // 8

    @torch.inference_mode()
    def reconstruct(image: Float32) -> Float32:
        said = model.encode(torch.from_numpy(image) * 2 - 1)
        z = said.latents if hasattr(said, "latents") else said.latent_dist.mean
        decoded: Float32 = ((model.decode(z).sample + 1) / 2).numpy()
        return decoded

    return reconstruct


def _highest_megabytes() -> float:
    """The most memory that this process has had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
