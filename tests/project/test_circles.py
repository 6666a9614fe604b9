"""No two modules need each other, by imports of any kind: at the top, in functions, for type checkers."""

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

PLACES = {
    "vae_runtime": "vae_runtime",
    "vae_train": "train/vae_train",
    "vae_export": "export/vae_export",
    "benchmarks": "benchmarks",
    "fuzz": "fuzz",
}


def modules(root):
    """Name -> file of every module, packages by their own names."""
    named = {}
    for package, place in PLACES.items():
        for path in (root / place).rglob("*.py"):
            parts = path.relative_to(root / place).with_suffix("").parts
            named[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return named


def needed(name, path, known):
    """The modules that one imports. A package's own public names, which load when asked for, count for nobody."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield from (inner,) if inner in known else (source,) if source in known else ()


def test_no_module_needs_itself_by_way_of_others(root):
    known = modules(root)
    graph = {name: set(needed(name, path, known)) - {name} for name, path in known.items()}
    graph["vae_runtime"] = set()  # its __init__ names what others hold, and imports nothing
    assert sum(map(len, graph.values())) > 500
    TopologicalSorter(graph).prepare()


def test_a_circle_is_noticed(tmp_path):
    (tmp_path / "fuzz").mkdir()
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / "fuzz" / f"{name}.py").write_text(f"def call():\n    from .{other} import call\n")
    known = modules(tmp_path)
    graph = {name: set(needed(name, path, known)) for name, path in known.items()}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()
