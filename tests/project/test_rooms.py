"""The house: rooms of training, no circle of imports, small files, thin verbs."""

import ast

import pytest

from tests.support.imports import PACKAGES, PLACES, ROOT, circles, imported_modules, imports, module_of, sources

LARGEST_FILE = 250  # lines
LARGEST_VERB = 25  # lines of body
MOST_ROOMS = 15

# What each room of training may import of the others; a file at the root is a room too.
TRAIN_ROOMS = {
    "errors": set(),
    "config": set(),
    "signals": set(),
    "metrics": set(),
    "devices": {"config"},
    "models": {"config"},
    "data": {"config", "models"},
    "checkpoint": {"errors", "config", "models"},
    "measure": {"config", "metrics", "devices", "models", "data", "checkpoint"},
    "fit": {
        *("errors", "config", "signals", "metrics", "devices"),
        *("models", "data", "checkpoint", "measure"),
    },
    "detector": {"errors", "config", "devices", "models", "data", "checkpoint", "fit"},
    "cli": {"config", "devices", "data", "checkpoint", "measure", "fit", "detector"},
}


def modules():
    """Every module of the repository that is no test, by name."""
    return {module_of(path): path for place in PLACES.values() for path in sorted(place.rglob("*.py"))}


def test_training_has_few_rooms_and_each_is_known():
    root = PLACES["vae_train"]
    names = {path.stem for path in root.glob("*.py")} | {path.parent.name for path in root.glob("*/*.py")}
    assert names - {"__init__", root.name} == set(TRAIN_ROOMS)
    assert len(names) <= MOST_ROOMS


def test_no_arrow_between_rooms_of_training_points_upwards():
    """Each room names only rooms above it in the table, so that they can be read from the first to the last."""
    order = list(TRAIN_ROOMS)
    for place, (room, below) in enumerate(TRAIN_ROOMS.items()):
        assert below <= set(order[:place]), room


@pytest.mark.parametrize("path", sources("vae_train"), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_room_of_training_imports_only_what_lies_below_it(path):
    room = path.relative_to(PLACES["vae_train"]).parts[0].removesuffix(".py")
    for name, _ in imports(path):
        package, *rest = name.split(".")
        if package == "vae_train" and rest and rest[0] in TRAIN_ROOMS:
            assert rest[0] == room or rest[0] in TRAIN_ROOMS[room], f"{path.name} imports {name}"


def test_no_modules_import_each_other():
    """Not inside functions either: two modules that need each other are one, or want a third."""
    known = modules()
    assert circles({name: set(imported_modules(path, known)) for name, path in known.items()}) == []


def test_circles_are_found():
    """Of two modules and of three; not of a module that several need."""
    edges = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a", "e"}}
    assert sorted(circles(edges)) == [["a", "b", "c"], ["d", "e"]]
    assert circles({"a": {"c"}, "b": {"a", "c"}, "c": set()}) == []


def test_no_file_of_the_packages_is_long():
    paths = [path for package in PACKAGES for path in PLACES[package].rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {path: lines for path, lines in lengths.items() if lines > LARGEST_FILE} == {}


def verbs():
    """Every function that is a command of click, with the lines of its body below the docstring."""
    for package in PACKAGES:
        for path in PLACES[package].rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and any(map(_makes_a_command, node.decorator_list)):
                    body = node.body[1:] if ast.get_docstring(node) else node.body
                    yield node.name, body[-1].end_lineno - body[0].lineno + 1 if body else 0


def _makes_a_command(decorator):
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called).split(".")[-1] == "command"


def test_a_verb_parses_calls_and_writes():
    lines = dict(verbs())
    assert {"fit", "evaluate", "detector", "sample", "export"} <= set(lines)
    assert {verb: count for verb, count in lines.items() if count > LARGEST_VERB} == {}
