"""Stop every verb at random instants: does it end of that signal, and leave nothing behind?

    python -m fuzz.machine.stopped --count 200

After Ctrl-C, SIGTERM or SIGHUP there must be no temporary file, no process that it began, and no exit code but the
signal's, or that of a verb that was done before. After SIGKILL its processes must end too; files nobody can clear away.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np

from vae_runtime.model.writing import describe

from .planted import ROOT, launcher

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
LEFT_SECONDS = 1.5  # that a process may outlive the one that began it
DRAWS = 1500  # of the slow model's golden vectors: its check takes some seconds
VERBS = {
    "sample": "sample -n 9000 -o out.npy",
    "samples": "sample -n 3000 -o many/",
    "encode": "encode digits digits digits -o out.npz",
    "decode": "decode latents.npz -o decoded/",
    "reconstruct": "reconstruct digits -o out/",
    "interpolate": "interpolate digits/000000.png digits/000001.png --steps 2000 -o out.gif",
    "score": "score digits --maps maps/",
    "calibrate": "calibrate digits -o calibrated",
    "verify": "verify",
    "verify, slow": "verify -m SLOW",
    "bench": "bench --seconds 0.05 --batch 1",
    "doctor": "doctor",
    "web": "web page.html --single-file -m DENSE",
}
TRAIN = {
    "fit": "train fit --preset mlp-2d --data digits --epochs 30 --threads 1 --out RUN",
    "evaluate": "train evaluate DIGITS -k 64 --threads 1",
    "export": "export DIGITS RUN",
    "triton": "export DIGITS RUN --layout triton",
}


def environment(scratch: Path) -> dict[str, str]:
    free = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VAE_"))}
    return {**free, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch / "tmp"), "OMP_NUM_THREADS": "1"}


def stopped(command: list[str], scratch: Path, number: signal.Signals, seconds: float) -> tuple[int, str, bool]:
    """Run the command, signal it after so many seconds: its exit code, its stderr, and whether it left processes."""
    with (scratch / "said").open("w+b") as said:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=scratch / "work",
            env=environment(scratch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            code = process.wait(120)
        end = time.monotonic() + LEFT_SECONDS
        while (left := _processes_of(process.pid)) and time.monotonic() < end:
            time.sleep(0.02)
        for other in left:
            os.kill(other, signal.SIGKILL)
        said.seek(0)
        return code, said.read().decode(errors="replace"), bool(left)


def _processes_of(session: int) -> list[int]:
    """Processes that run in a session (Linux)."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, *fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == session and state != "Z":
            processes.append(int(path.parent.name))
    return processes


def judge(code: int, said: str, left: bool, number: signal.Signals, scratch: Path, *, done: int) -> str:
    """What is wrong, or nothing; done: the exit code of a verb that was not stopped."""
    if left:
        return "a process outlived it"
    if number != signal.SIGKILL and (files := _temporary(scratch)):
        return f"left {files[0].name}"
    if "init_import_site" in said or code in (0, done, -number):  # of the first, Python itself had not begun
        return "a traceback" if "Traceback" in said and ", in orderly_end" in said else ""
    return f"exit code {code}"


def _temporary(scratch: Path) -> list[Path]:
    """What is to be cleared away; torch keeps its cache on purpose."""
    inside = [path for path in (scratch / "work").rglob("*") if path.name.endswith(".tmp")]
    return [*inside, *(path for path in (scratch / "tmp").iterdir() if not path.name.startswith("torchinductor"))]


def _slow(folder: Path) -> None:
    """A model whose check takes long, and fails, for its golden vectors are of fewer draws."""
    shutil.copytree(ROOT / "artifacts" / "mnist", folder, ignore=shutil.ignore_patterns("checkpoint"))
    with np.load(folder / "golden.npz") as arrays:
        np.savez(folder / "golden.npz", **{**arrays, "draws": np.int64(DRAWS)})
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = describe("golden.npz", (folder / "golden.npz").read_bytes())
    manifest["golden"]["float32"].update(bytes=entry.bytes, sha256=entry.sha256)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def prepare(scratch: Path, *, train: bool) -> None:
    """The launcher and what verbs read."""
    for name in ("bin", "tmp", "work"):
        (scratch / name).mkdir()
    (scratch / "bin" / "vae").write_text(launcher())
    _slow(scratch / "slow")
    work, vae = scratch / "work", [sys.executable, str(scratch / "bin" / "vae")]
    commands = [[*vae, *text.split()] for text in ("sample -n 150 -o digits/", "sample -n 2000 -o all/")]
    commands.append([*vae, "encode", "all", "-o", "latents.npz"])
    if train:
        fit = "train fit --preset mlp-2d --data digits --epochs 2 --threads 1 --out"
        commands.append([sys.executable, "-m", *fit.split(), str(scratch / "digits")])
    for command in commands:
        subprocess.run(command, cwd=work, env=environment(scratch), check=True, capture_output=True)


@click.command()
@click.option("--count", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--train", is_flag=True, help="vae fit and vae export instead.")
@click.argument("verbs", nargs=-1)
def main(count: int, seed: int, train: bool, verbs: tuple[str, ...]) -> None:
    """Print how the stops ended, of all verbs or of VERBS; exit with 1 if any ended badly."""
    every = TRAIN if train else VERBS
    random, outcomes, wrong = np.random.default_rng(seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        prepare(scratch, train=train)
        lasts: dict[str, float] = {}
        for case in range(count):
            verb = (verbs or tuple(every))[case % len(verbs or every)]
            places = {
                "DENSE": ROOT / "artifacts" / "mnist-2d",
                "DIGITS": scratch / "digits",
                "SLOW": scratch / "slow",
                "RUN": f"run{case}",
            }
            words = [str(places.get(word, word)) for word in every[verb].split()]
            command = ["-m", *words] if train else [str(scratch / "bin" / "vae"), *words]
            number = SIGNALS[int(random.integers(4))]
            begun = time.monotonic()
            seconds = float(random.uniform(0, lasts[verb])) if verb in lasts else 600.0  # the first is left alone
            code, said, left = stopped(command, scratch, number, seconds)
            lasts.setdefault(verb, time.monotonic() - begun)
            bad = judge(code, said, left, number, scratch, done=4 if verb == "verify, slow" else 0)
            outcomes[bad or ("done before" if code >= 0 else f"ended, {number.name}")] += 1
            if bad:
                wrong += 1
                click.echo(f"case {case}: {verb}, {number.name} after {seconds:.2f} s: {bad}")
            for path in _temporary(scratch):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for kind, times in outcomes.most_common():
        click.echo(f"{times:5}  {kind}")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
