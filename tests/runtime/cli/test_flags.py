"""Every verb looks at its flags before it opens a model; a verb is short, and takes no option that it does not use."""

import ast
import inspect
import json

import numpy as np
import pytest

from tests.support.commands import vae_
from vae_runtime.cli import verbs

OURS = [verb for verb, module in verbs.MODULES.items() if module.startswith("vae_runtime.")]
LINES = 25  # of a verb's body; DESIGN: aim for twenty


@pytest.fixture
def here(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", np.zeros((1, 40), np.float32))
    (tmp_path / "a.png").write_bytes((photos / "a.png").read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sample", "-o", "x.tiff"), "suffix '.tiff'"),
        (("sample", "-o", "x.png", "--temperature", "nan"), "temperature is nan"),
        (("sample", "-o", "x.png", "--temperature", "-1"), "--temperature"),
        (("sample", "-o", "x.png", "--provider", "gpu"), "did you mean cuda?"),
        (("sample", "-o", "x.png", "--threads", "0"), "--threads"),
        (("encode", "a.png", "-o", "x.csv"), "--format csv"),
        (("encode", "a.png", "-o", "x.npz", "--skip-existing"), "--skip-existing is for a folder"),
        (("encode", "a.png", "-o", "x.npz", "--shard", "3/2"), "no part such as 2/8"),
        (("encode", "a.png", "-o", "x.npz", "--errors", "no/such/list"), "the directory no/such does not exist"),
        (("decode", "z.npy", "-o", "x.tiff"), "suffix '.tiff'"),
        (("decode", "z.npy", "-o", "x.png", "--provider", ","), "providers is ','"),
        (("reconstruct", "a.png", "-o", "x.png", "--skip-existing"), "--skip-existing is for a folder"),
        (("vary", "a.png", "-o", "x.tiff"), "suffix '.tiff'"),
        (("vary", "a.png", "-o", "x.png", "--provider", "NoSuch"), "the provider 'NoSuch' is unknown"),
        (("interpolate", "a.png", "a.png", "-o", "x.tiff"), "suffix '.tiff'"),
        (("interpolate", "a.png", "a.png", "-o", "x.png", "--steps", "1"), "--steps"),
        (("score", "a.png", "--two-sided"), "--two-sided needs --false-alarm-rate"),
        (("score", "a.png", "--exit-code"), "--exit-code needs --false-alarm-rate"),
        (("score", "a.png", "--skip-existing"), "--skip-existing needs --maps"),
        (("score", "-", "--maps", "out"), "--maps needs files"),
        (("score", "a.png", "--errors", "no/such/list"), "the directory no/such does not exist"),
        (("score", "a.png", "--method", "mse"), "--method"),
        (("calibrate", "a.png", "--provider", "gpu"), "did you mean cuda?"),
        (("calibrate", "a.png", "--errors", "no/such/list"), "the directory no/such does not exist"),
        (("web", "page/"), "give --ort DIR for a folder, or --single-file"),
        (("web", "page.html", "--single-file", "--replace"), "--replace is for a folder"),
        (("web", "no/such/page.html", "--single-file"), "the directory no/such does not exist"),
        (("web", "page.html", "--single-file", "--provider", "gpu"), "did you mean cuda?"),
        (("verify", "--provider", "gpu"), "did you mean cuda?"),
        (("verify", "--timeout", "0"), "--timeout"),
        (("doctor", "--provider", "gpu"), "did you mean cuda?"),
        (("bench", "--provider", "cpu", "--provider", "gpu"), "did you mean cuda?"),
        (("bench", "--seconds", "0"), "--seconds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_bad_flag_is_named_also_where_the_model_is_missing(here, arguments, words):
    result = vae_(*arguments, "-m", "no-such-model", code=2)
    assert words in " ".join(result.stderr.split()) and "no-such-model" not in result.stderr and result.stdout == ""


def test_every_verb_but_info_has_a_flag_that_is_tried_so():
    tried = test_a_bad_flag_is_named_also_where_the_model_is_missing.pytestmark[0].args[1]
    assert {arguments[0] for arguments, _ in tried} == set(OURS) - {"info"}


def test_info_takes_no_option_that_it_does_not_use(root):
    assert {option.name for option in verbs.load("info").params} == {"as_json", "path", "large"}
    for option in ("--provider", "--threads", "--precision"):
        assert "No such option" in vae_("info", option, "1", code=2).stderr


def test_a_provider_that_is_one_is_passed_on_as_it_was_typed(here, root):
    model = root / "artifacts" / "mnist-2d"
    vae_("sample", "-n", 1, "-m", model, "-o", "x.png", "--provider", "CPU,cpu")
    report = json.loads(vae_("verify", "-m", model, "--provider", "CPUExecutionProvider", "--json").stdout)
    assert report["provider"] == "CPUExecutionProvider"


@pytest.mark.parametrize("verb", OURS)
def test_a_verb_is_short(verb):
    function = inspect.unwrap(verbs.load(verb).callback)
    (definition,) = ast.parse(inspect.getsource(function)).body
    first, *rest = [node for node in definition.body if not (isinstance(node, ast.Expr) and _is_text(node.value))]
    assert (rest or [first])[-1].end_lineno - first.lineno < LINES


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_verbs_lie_in_modules_of_their_name():
    assert {verbs.MODULES[verb] for verb in OURS} == {f"vae_runtime.cli.{verb}" for verb in OURS}
