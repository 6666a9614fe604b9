"""Imports run one way, the runtime is light, and the public names are those of the contract."""

import re
import subprocess
import sys

import pytest

import vae_runtime
from tests.support.imports import OPTIONAL, ROOT, imports, sources
from vae_runtime.model.manifest import read

# What each room of the runtime may import of the others.
ROOMS = {
    "errors": set(),
    "spec": {"errors"},
    "files": {"errors"},
    "marks": set(),
    "printable": set(),
    "console": {"printable"},
    "progress": {"console"},
    "threads": set(),
    "deadlines": {"errors"},
    "search_path": set(),
    "stopping": set(),
    "coerce": {"errors"},
    "maths": {"errors", "coerce"},
    "pictures": {"errors", "coerce", "spec", "files", "printable", "threads"},
    "model": {"errors", "spec", "files", "threads", "deadlines", "maths"},
    "passes": {"model", "maths"},
    "importance": {"model", "maths"},
    "sampling": {"errors", "coerce", "model", "maths"},
    "interpolation": {"errors", "model", "maths"},
    "vae": {
        *("errors", "coerce", "spec", "model", "maths", "pictures", "passes"),
        *("importance", "sampling", "interpolation"),
    },
    "tiled": {"errors", "model", "pictures", "passes", "vae"},
    "tiles": {"errors", "coerce", "spec", "maths", "pictures", "vae"},
    "checks": {"errors", "search_path", "spec", "threads", "model", "maths", "vae", "passes", "tiled"},
    "sklearn": {"errors", "coerce", "maths", "model", "vae"},
    "batch": {"errors", "coerce", "spec", "maths", "model", "pictures", "vae"},
    "web": {"errors", "files", "model", "maths", "pictures", "vae"},
    "cli": {
        *("errors", "spec", "files", "marks", "printable", "console", "progress", "stopping", "threads"),
        *("model", "maths", "pictures", "vae", "passes", "tiled", "tiles", "checks", "web"),
    },
}
FORBIDDEN = {
    "vae_runtime": {
        "torch",
        "onnx",
        "onnxscript",
        "safetensors",
        "vae_train",
        "vae_export",
        "sklearn",
        "matplotlib",
        "scipy",
    },
    "vae_train": {"vae_export", "onnx", "onnxruntime", "onnxscript"},
    "vae_export": set(),
}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_from_export_over_train_to_the_runtime(package):
    imported = {name.split(".")[0] for path in sources(package) for name, _ in imports(path)}
    assert not imported & FORBIDDEN[package]


def test_onnxruntime_is_imported_in_one_function_of_one_module():
    places = [
        (path.name, node)
        for path in sources("vae_runtime")
        for name, node in imports(path)
        if name.split(".")[0] == "onnxruntime"
    ]
    assert [place for place, _ in places] == ["sessions.py"]
    assert places[0][1].col_offset > 0  # inside a function


@pytest.mark.parametrize("path", [*sources("vae_runtime"), OPTIONAL], ids=lambda path: str(path.relative_to(ROOT)))
def test_each_room_imports_only_what_lies_below_it(path):
    room = path.relative_to(ROOT / "vae_runtime").parts[0].removesuffix(".py")
    if room in ("__init__", "__main__"):
        return
    for name, _ in imports(path):
        parts = name.split(".")
        if parts[0] == "vae_runtime" and len(parts) > 1 and parts[1] in ROOMS:
            assert parts[1] == room or parts[1] in ROOMS[room], f"{path.name} imports {name}"


def test_the_runtime_needs_nothing_beyond_numpy_pillow_click_and_onnxruntime():
    outside = {name.split(".")[0] for path in sources("vae_runtime") for name, _ in imports(path)}
    assert outside - set(sys.stdlib_module_names) - {"vae_runtime"} == {"numpy", "PIL", "click", "onnxruntime"}


def test_nothing_unpickles():
    for package in FORBIDDEN:
        for path in sources(package):
            names = {name for name, _ in imports(path)}
            text = path.read_text(encoding="utf-8")
            assert not names & {"pickle", "cloudpickle", "dill", "marshal", "shelve"}
            assert "allow_pickle=True" not in text
            loads = re.findall(r"torch\.load\((.*)\)", text)
            assert len(loads) == text.count("torch.load(")
            assert all("weights_only=True" in arguments for arguments in loads)


def test_the_public_names_are_sorted_and_each_can_be_had():
    assert vae_runtime.__all__ == sorted(
        vae_runtime.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    for name in vae_runtime.__all__:
        assert getattr(vae_runtime, name).__name__ == name
    contract = {
        *("VAE", "Posterior", "ELBO", "Manifest", "standard_normal", "read_images", "write_image", "image_grid"),
        *("from_uint8", "to_uint8", "VAEError", "ManifestError", "IntegrityError", "InputError", "ProviderError"),
    }
    assert contract <= set(vae_runtime.__all__)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = vae_runtime.nothing_of_this_name


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": ".", **environment}, capture_output=True, text=True
    )


def test_importing_the_runtime_imports_neither_numpy_nor_onnxruntime():
    code = "import sys, vae_runtime; print({'numpy', 'PIL', 'onnxruntime'} & set(sys.modules))"
    assert run(code).stdout == "set()\n"


def test_using_the_runtime_without_loading_a_model_imports_no_onnxruntime():
    code = "import sys; from vae_runtime import VAE, read_images; print('onnxruntime' in sys.modules)"
    assert run(code).stdout == "False\n"


def test_the_runtime_works_where_importing_torch_raises(tmp_path):
    for name in ("torch", "onnx", "sklearn", "safetensors"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} may not be imported here')")
    code = "from vae_runtime import VAE; v = VAE.load(); x = v.sample(3); print(v.score(v.reconstruct(x)).shape)"
    result = run(code, PYTHONPATH=f"{tmp_path}:.")
    assert (result.stdout, result.stderr) == ("(3,)\n", "")


def test_the_wheel_holds_every_file_of_the_default_model():
    """Tests run on 3.11 and later, where the standard library reads TOML."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    names = {file.file for file in read(ROOT / "artifacts" / "mnist").files} | {"manifest.json"}
    assert included == {f"artifacts/mnist/{name}": f"vae_runtime/default_model/{name}" for name in names}


def test_telemetry_is_off_before_onnxruntime_is_imported():
    code = (
        "import os, sys; from vae_runtime import VAE; VAE.load();"
        "print(os.environ['ORT_DISABLE_TELEMETRY'], 'onnxruntime' in sys.modules)"
    )
    assert run(code).stdout == "1 True\n"
