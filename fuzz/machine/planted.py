"""Plant a module of every name there is where commands run, and in the model: is one of them ever executed?

    python -m fuzz.machine.planted --train

Names are those of Python's library, of every installed package, and all that a command looks for and does not find.
What Python itself imports from the working directory before it runs a line of ours (`python -m`, an empty entry in
PYTHONPATH) is found first and not planted then: nothing of ours can keep it from that.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

import vae_runtime

ROOT = Path(vae_runtime.__file__).resolve().parent.parent
RECORDER = """
import sys
class Recorder:
    def find_spec(self, name, path=None, target=None):
        if path is None:
            with open(LOG, "a") as log:
                log.write(name + chr(10))
sys.meta_path.insert(0, Recorder())
"""
# It writes with what is built in: Python may import it before it can open a text file.
PLANTED = """
import posix
posix.write(posix.open(LOG, posix.O_WRONLY | posix.O_APPEND), b"NAME" + bytes([10]))
raise ImportError("planted", name="NAME")
"""
LAUNCHER = 'from {module} import {function} as main\nif __name__ == "__main__":\n    main()\n'
VERBS = {
    "sample": "sample -n 4 -o digits/ -m model",
    "encode": "encode digits -o latents.npz -m model",
    "decode": "decode latents.npz -o decoded/ -m model",
    "reconstruct": "reconstruct digits -o grid.png -m model",
    "vary": "vary digits/000000.png -o like.png -m model",
    "interpolate": "interpolate digits/000000.png digits/000001.png -o way.gif -m model",
    "score": "score digits --false-alarm-rate 0.5 --maps maps/ -m calibrated",
    "calibrate": "calibrate digits -m model -o calibrated",
    "info": "info -m model",
    "verify": "verify -m model",
    "doctor": "doctor -m model",
    "bench": "bench -m model --seconds 0.01 --batch 1 --threads 1",
    "web": "web page.html --single-file -m dense --precision int8",
    "help": "--help",
}
ORDER = [*(name for name in VERBS if name != "score"), "score"]  # calibrate makes what score asks for
TRAIN = {
    "fit": "train fit --preset mlp-2d --data digits --epochs 1 --threads 1 --out RUN",
    "evaluate": "train evaluate RUN -k 1 --threads 1",
    "plot": "train plot RUN --threads 1",
    "compare": "train compare RUN",
    "export": "export RUN exported",
}
Ways = dict[str, tuple[list[str], dict[str, str]]]


class Place:
    """A folder to run commands in, with a model, and planted modules in both."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.work, self.log = scratch, scratch / "work", scratch / "log"
        for name, model in (("model", "mnist"), ("dense", "mnist-2d")):
            source = ROOT / "artifacts" / model
            shutil.copytree(source, self.work / name, ignore=shutil.ignore_patterns("checkpoint"))

    def run(self, command: list[str], environment: dict[str, str], *, cwd: Path | None = None) -> tuple[int, set[str]]:
        """The exit code, and the names in the log."""
        self.log.write_text("")
        free = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VAE_"))}
        done = subprocess.run(
            [sys.executable, *command], cwd=cwd or self.work, env={**free, **environment}, capture_output=True
        )
        return done.returncode, set(self.log.read_text().split())

    def write(self, name: str, text: str) -> Path:
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("LOG", repr(str(self.log))))
        return path

    def plant(self, names: set[str]) -> None:
        """These names, and no others."""
        for folder in (self.work, self.work / "model"):
            for path in folder.glob("*.py"):
                path.unlink()
            for name in names:
                (folder / f"{name}.py").write_text(PLANTED.replace("LOG", repr(str(self.log))).replace("NAME", name))
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)

    def sow(self, names: set[str], bare: list[str], environment: dict[str, str]) -> set[str]:
        """Plant the names but those that Python imports by itself, told by a `bare` command without any of our code."""
        left = set(names)
        while True:
            self.plant(left)
            ran = self.run(bare, environment)[1] & left
            if not ran:
                return names - left
            left -= ran


def launcher() -> str:
    """What the installed command `vae` of this tree does."""
    entry = re.search(r'^vae = "(.+):(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert entry
    return LAUNCHER.format(module=entry[1], function=entry[2])


def names_of(place: Place, commands: dict[str, str]) -> set[str]:
    """Every name worth planting; also leaves the files that verbs read, for all verbs run once."""
    place.write("recorder/sitecustomize.py", RECORDER)
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(place.scratch / "recorder")])}
    asked: set[str] = set()
    for name in commands:
        asked |= place.run([str(place.scratch / "bin" / "vae"), *commands[name].split()], environment)[1]
    known = {*sys.stdlib_module_names, *importlib.metadata.packages_distributions(), *asked}
    known |= {"sitecustomize", "usercustomize"}
    return {name for name in known if name.isidentifier()} - {"vae_runtime", "train", "export"}


def ways(place: Place) -> Ways:
    """How commands begin: the arguments of Python, and the environment."""
    script, root = str(place.scratch / "bin" / "vae"), str(ROOT)
    return {
        "vae": ([script], {"PYTHONPATH": root}),
        "vae, PYTHONPATH with an empty entry": ([script], {"PYTHONPATH": f"{os.pathsep}{root}"}),
        "python -m vae_runtime": (["-m", "vae_runtime"], {"PYTHONPATH": root}),
    }


def run(verbs: list[str], *, train: bool = False) -> list[str]:
    """What was executed that lay about, or failed, as lines."""
    with tempfile.TemporaryDirectory() as scratch:
        place, finds = Place(Path(scratch)), []
        place.write("bin/vae", launcher())
        place.write("nothing/nothing/__init__.py", "")
        place.write("nothing/nothing/__main__.py", "")
        names = names_of(place, {name: VERBS[name] for name in ORDER if name in {*verbs, "sample", "encode"}})
        bare = place.write("bin/bare", "")
        for way, (command, environment) in ways(place).items():
            paths = f"{environment['PYTHONPATH']}{os.pathsep}{place.scratch / 'nothing'}"
            nothing = ["-m", "nothing"] if command[0] == "-m" else [str(bare)]
            left_out = place.sow(names, nothing, {"PYTHONPATH": paths})
            for name in [name for name in ORDER if name in verbs]:
                code, executed = place.run([*command, *VERBS[name].split()], environment)
                finds += _judged(f"{way}: {name}", code, executed, 4 if name == "verify" else 0)
            if "verify" in verbs:  # in the model's folder itself
                code, executed = place.run([*command, "verify", "-m", "."], environment, cwd=place.work / "model")
                finds += _judged(f"{way}: verify in the model's folder", code, executed, 4)
            click.echo(f"{way}: {len(names - left_out)} names planted, {len(left_out)} are Python's own to import")
        return finds + (_train(place, names) if train else [])


def _train(place: Place, names: set[str]) -> list[str]:
    """The same of `vae fit`, `vae export` and torchrun."""
    finds, environment = [], {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    paths = f"{ROOT}{os.pathsep}{place.scratch / 'nothing'}"
    place.sow(names, ["-m", "nothing"], {"PYTHONPATH": paths})
    commands = {name: ["-m", *text.replace("RUN", "run").split()] for name, text in TRAIN.items()}
    torchrun = [str(Path(sys.executable).parent / "torchrun"), "--standalone", "--nproc-per-node=1"]
    commands["torchrun"] = [*torchrun, "-m", *TRAIN["fit"].replace("RUN", "shared").split()]
    for name, command in commands.items():
        code, executed = place.run(command, environment)
        finds += _judged(name, code, executed, 0)
    return finds


def _judged(what: str, code: int, executed: set[str], expected: int) -> list[str]:
    if executed:
        return [f"{what}: EXECUTED {' '.join(sorted(executed))}"]
    return [] if code == expected else [f"{what}: exit code {code}, expected {expected}"]


@click.command()
@click.option("--train", is_flag=True, help="Also vae fit, vae export and torchrun.")
@click.argument("verbs", nargs=-1)
def main(verbs: tuple[str, ...], train: bool) -> None:
    """Run every verb (or VERBS), begun in every way; exit with 1 if a planted module was executed."""
    finds = run(list(verbs) or list(VERBS), train=train)
    for line in finds:
        click.echo(line)
    click.echo(f"{len(finds)} finds")
    sys.exit(bool(finds))


if __name__ == "__main__":
    main()
