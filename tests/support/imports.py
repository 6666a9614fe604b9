"""Which module of this repository imports which, read from the source: nothing is imported to find out."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = {  # where each package lies
    "vae_runtime": ROOT / "vae_runtime",
    "vae_train": ROOT / "train" / "vae_train",
    "vae_export": ROOT / "export" / "vae_export",
    "benchmarks": ROOT / "benchmarks",
    "fuzz": ROOT / "fuzz",
}
PACKAGES = ("vae_runtime", "vae_train", "vae_export")  # what the wheel carries
OPTIONAL = ROOT / "vae_runtime" / "sklearn.py"  # imported only when asked for


def imports(path):
    """Absolute names of every module that a file imports, wherever in it, but for type checkers."""
    (place,) = (place for place in PLACES.values() if path.is_relative_to(place))
    package = path.relative_to(place.parent).parent.parts
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = [
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    ]
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from ((f"{module}.{alias.name}", node) for alias in node.names)


def sources(package):
    """Every module of a package that is always there."""
    return sorted(path for path in PLACES[package].rglob("*.py") if path != OPTIONAL)


def module_of(path):
    """The dotted name of a file; of a package's __init__.py, that of the package."""
    (place,) = (place for place in PLACES.values() if path.is_relative_to(place))
    parts = path.relative_to(place.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path, modules):
    """Those of `modules` that a file imports: of `from a import b` a.b, or a where b is a name in it."""
    for name, _ in imports(path):
        parts = name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        module = next((prefix for prefix in prefixes if prefix in modules), None)
        if module and module != module_of(path):
            yield module


def circles(edges):
    """Sets of modules that import each other, directly or not: strongly connected components of more than one."""
    order, seen = [], set()

    def visit(node, graph, into):
        seen.add(node)
        for other in graph.get(node, ()):
            if other not in seen:
                visit(other, graph, into)
        into.append(node)

    for node in edges:
        if node not in seen:
            visit(node, edges, order)
    backwards = {node: {other for other in edges if node in edges[other]} for node in edges}
    seen.clear()
    groups = []
    for node in reversed(order):
        if node not in seen:
            group = []
            visit(node, backwards, group)
            groups.append(sorted(group))
    return [group for group in groups if len(group) > 1]
