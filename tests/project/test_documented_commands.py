"""Every command that the documents, the help and the messages tell people to type does what it says, on another model
than the built-in one, and leaves that model the one that it was.

A name stands for what it means: `photos/` are pictures, `my-model` is a model, `runs/conv` is a run. A name that is new
needs a line in ROLES; a command that cannot run here one in NOT_RUN, with the reason.
"""

import itertools
import re
import shutil

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.support.documented import Command, commands, in_document, in_source
from tests.support.foreign_files import write_foreign
from vae_runtime.checks.calibrate import write_calibrated
from vae_runtime.cli import main, verbs
from vae_runtime.model import manifest as manifests
from vae_runtime.web import engine

# Keras's torch backend converts tensors in a way that numpy is about to forbid.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
ROLES = {  # what a name in a command stands for
    r"(photos|good|good-parts|new|other-photos|more-good|today-good|digits)/|FOLDER|DATA|TRAIN|FRESH": "pictures",
    r"(a|b|photo|three|seven|eight|digit-[01])\.png": "picture.png",
    r"latents\.npz": "encoded.npz",
    r"(my-model|my-photos|parts-model|tiles-model|MODEL|artifacts/mnist)": "model",
    r"artifacts/(mnist-2d|mnist-conditional)": r"\1",
    r"RUN|runs/[\w-]+|artifacts/[\w-]+/checkpoint": "run",
    r"node_modules/onnxruntime-web": "onnxruntime-web",
    r"NEWFOLDER|served/[\w-]+|artifacts/NAME": "not/yet/there",
    r"spatial-model": "spatial",
    r"saved/(final_model|autoencoder|optimum)": r"\1",
    r"VERB": "sample",
}
WRITTEN = ("-o", "--out")  # options whose value is a new name, unless it is the model's
SHORTER = {  # so that a command takes a second
    "train": ["--preset", "mlp-2d", "--minutes", "0.001", "--replace"],
    "fit": ["--dry-run"],
    "detector": ["--steps", "2"],
    "bench": ["--seconds", "0.001", "--threads", "1"],
}
NOT_RUN = {  # what a command has in it: why it is only read
    "--provider cuda": "it needs an NVIDIA GPU",
    "--provider openvino": "it needs a device of Intel's",
}
DOCUMENTED_EXITS = {"score": (0, 10)}  # an alarm is what --exit-code is for


def normal(command):
    """The arguments of a command, with what the names stand for."""
    arguments = list(command.words[1:])
    draws = [number for number, before in enumerate(arguments) if before == "-k"]
    for number in draws:
        arguments[number + 1] = "2"
    arguments = [_role(word, before) for before, word in itertools.pairwise(["", *arguments])]
    if arguments[0] == "train" and "-o" in arguments:
        arguments[arguments.index("-o") + 1] = "not/yet/there"
    if arguments[:2] == ["export", "--from"]:  # of files: MODEL is new, and comes after them
        return tuple("not/yet/there" if word == "model" else word for word in arguments)
    if arguments[0] == "export" and "--replace" not in arguments and len(arguments) > 2:
        arguments[2] = "not/yet/there"
    return tuple(arguments)


def _role(word, before):
    for pattern, role in ROLES.items():
        if match := re.fullmatch(pattern, word):
            return match.expand(role) if before not in WRITTEN or role == "model" else word
    return word


def whole(arguments):
    """Whether a command has all its arguments; one that has not is a mention, such as `vae score --tile`."""
    if "…" in arguments or arguments in (("fit",), ("--help",)) or "-h" in arguments:
        return False
    try:
        verb, rest = _verb(arguments)
        verb.make_context(verb.name, [*rest], parent=click.Context(main, **main.context_settings))
    except click.MissingParameter:
        return False
    except click.NoSuchOption:
        raise
    except click.UsageError as error:
        return "requires an argument" not in str(error)  # `vae verify --digest`
    return True


def require_options(arguments):
    """That a mention names a verb and options that there are."""
    verb, rest = _verb(arguments)
    known = {"-h", "--help", *(name for option in verb.params for name in (*option.opts, *option.secondary_opts))}
    unknown = {word.partition("=")[0] for word in rest if word.startswith("-")} - known
    assert not unknown, f"{verb.name} has no {unknown}"


def _verb(arguments):
    if not arguments or arguments[0].startswith("-"):
        return main, arguments
    assert arguments[0] in verbs.MODULES, f"vae has no verb {arguments[0]!r}"
    return verbs.load(arguments[0]), arguments[1:]


FOUND = {normal(command): command for command in commands()}  # two that differ in a folder's name are one
IDS = [command.text for command in FOUND.values()]


@pytest.fixture(scope="module")
def things(root, tmp_path_factory, operators_read_once):
    """What commands are given: colour pictures, a small run on them, its export, models of every kind."""
    folder = tmp_path_factory.mktemp("things")
    random = np.random.default_rng(0)
    for number in range(24):
        parent = folder / "pictures" / str(number % 2)
        parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (28, 28, 3), dtype=np.uint8)).save(parent / f"{number}.png")
    shutil.copy(folder / "pictures" / "0" / "0.png", folder / "picture.png")
    np.savez(folder / "encoded.npz", mean=np.zeros((2, 2), np.float32))
    options = ["--size", "28", "--mode", "RGB", "--epochs", "1", "--widths", "8", "--latent-size", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        call(["fit", "--preset", "mlp", "--data", folder / "pictures", *options, "--out", folder / "run"])
        call(["evaluate", folder / "run", "-k", 2])
        call(["export", folder / "run", folder / "plain"])
    scores = tuple(map(float, range(120)))
    names = ("elbo", "reconstruction", "kl")
    write_calibrated(folder / "plain", folder / "model", {name: scores for name in names})
    write_foreign(folder)
    call(["export", "--from", "onnx", folder / "optimum", folder / "spatial"])
    for name in ("mnist-2d", "mnist-conditional"):
        shutil.copytree(root / "artifacts" / name, folder / name, ignore=shutil.ignore_patterns("checkpoint"))
    (folder / "onnxruntime-web" / "dist").mkdir(parents=True)
    (folder / "onnxruntime-web" / "package.json").write_text('{"version": "9.9.9"}')
    for name in (engine.MODULE, engine.WASM):
        (folder / "onnxruntime-web" / "dist" / name).write_bytes(b"")
    return folder


@pytest.fixture
def here(things, tmp_path, monkeypatch):
    """A folder of a command's own, with copies of the things that it may change."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(things / "cache"))
    monkeypatch.setenv("VAE_MODEL", "model")
    for thing in things.iterdir():
        if thing.name in ("run", "model"):
            shutil.copytree(thing, tmp_path / thing.name)
        else:
            (tmp_path / thing.name).symlink_to(thing)
    (tmp_path / "not" / "yet").mkdir(parents=True)
    return tmp_path


def call(arguments, codes=(0,)):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code in codes, (result.output, result.exception)
    return result


@pytest.mark.parametrize("arguments", FOUND, ids=IDS)
def test_a_documented_command_does_what_it_says(here, monkeypatch, arguments):
    require_options(arguments)
    if not whole(arguments) or any(part in " ".join(arguments) for part in NOT_RUN):
        return
    if arguments[0] == "calibrate":  # it writes to the model that it is told of
        monkeypatch.delenv("VAE_MODEL")
    before = {path.parent: manifests.read(path.parent).pair_id for path in here.glob("*/manifest.json")}
    assert here / "model" in before
    shorter = SHORTER.get(arguments[0], [])
    result = call([*arguments, *shorter], DOCUMENTED_EXITS.get(arguments[0], (0,)))
    assert "built-in" not in result.output
    after = {folder: manifests.read(folder).pair_id for folder in before}
    assert after == before


def test_each_kind_of_command_is_found():
    """In a table, a fenced block, a help text, an error message, a message with something filled in."""
    places = {(command.text, command.where) for command in commands()}
    for command in (
        ("vae calibrate good/ -m my-model", "README.md"),
        ("vae calibrate today-good/ -m parts-model", "ANOMALIES.md"),
        ("vae calibrate good-parts/ -m my-model", "vae_runtime/cli/calibrate.py"),
        ("vae calibrate FOLDER -m MODEL --tile", "vae_runtime/model/scores.py"),
        ("vae verify -m MODEL", "export/vae_export/cli/export.py"),
        ("vae fit --resume RUN", "train/vae_train/fit/record.py"),
    ):
        assert command in places
    run = [arguments for arguments in FOUND if whole(arguments)]
    assert len(run) > 40 and {arguments[0] for arguments in run} == set(verbs.MODULES)


def test_every_verb_has_an_example_among_them():
    for name in verbs.MODULES:
        assert [text for text in in_source(f'"""{verbs.load(name).help}"""', "") if name in text.words], name


@pytest.mark.parametrize("text", ["`vae calibrat good/`", "`vae score --titled`", "`vae judge`"])
def test_a_command_that_there_is_not_is_noticed(text):
    (command,) = in_document(text, "a document")
    assert isinstance(command, Command)
    with pytest.raises(AssertionError, match="has no"):
        require_options(normal(command))


def test_what_the_readme_once_advised_is_noticed(here, monkeypatch):
    """`vae calibrate good/ -o my-model` put the built-in model in the place of one's own."""
    monkeypatch.delenv("VAE_MODEL")
    (command,) = in_document("`vae calibrate good/ -o my-model`", "README.md")
    result = call(normal(command), codes=(2,))
    assert "to calibrate that one, vae calibrate pictures -m model" in result.output
