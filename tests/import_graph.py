"""The imports of a source tree, read with `ast`: nothing is run, so no missing package hides any."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

COMPUTED = "<computed>"
"""Target of a dynamic import whose name is not a literal."""


@dataclass(frozen=True)
class Import:
    """One import: ``target`` is absolute; ``deferred`` ones stand in a function or are for type checkers."""

    module: str
    target: str
    line: int
    deferred: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


@dataclass(frozen=True)
class Source:
    """Text of a module and whether it is a package, i.e. an ``__init__.py``."""

    text: str
    is_package: bool = False


def read_sources(root: Path, packages: tuple[str, ...]) -> dict[str, Source]:
    """Every module below ``root`` in the given top-level packages, by its dotted name."""
    sources = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            sources[name] = Source(path.read_text(encoding="utf-8"), is_package)
    return sources


def find_imports(sources: Mapping[str, Source]) -> list[Import]:
    """All imports of all modules; ``from a import b`` targets ``a.b`` where that is a module, else ``a``."""
    return [found for name in sources for found in _imports_of(name, sources)]


def _imports_of(name: str, sources: Mapping[str, Source]) -> Iterator[Import]:
    source = sources[name]
    package = name if source.is_package else name.rpartition(".")[0]
    for node, deferred in _walk(ast.parse(source.text, filename=name), deferred=False):
        for target in _targets(node, package, sources):
            yield Import(name, target, node.lineno, deferred)


def _walk(node: ast.AST, *, deferred: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, deferred
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _walk(child, deferred=deferred or function or typing_only)


def _targets(node: ast.AST, package: str, sources: Mapping[str, Source]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute("." * node.level + (node.module or ""), package)
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            # __version__ and the like of a parent, which is loaded anyway, tie nothing together
            inherited = alias.name.startswith("__") and f"{package}.".startswith(f"{base}.")
            if whole in sources or not inherited:
                yield whole if whole in sources else base
    elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
        "import_module",
        "__import__",
    ):
        first = node.args[0] if node.args else None
        literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
        yield _absolute(first.value, package) if literal else COMPUTED


def _absolute(name: str, package: str) -> str:
    level = len(name) - len(name.lstrip("."))
    if level == 0:
        return name
    parents = package.split(".")
    return ".".join([*parents[: len(parents) - level + 1], *filter(None, [name[level:]])])


def find_cycle(imports: list[Import]) -> list[str] | None:
    """Return some circle of modules that import each other while loading, or None."""
    graph: dict[str, set[str]] = {}
    for each in imports:
        if not each.deferred and each.target != each.module:
            graph.setdefault(each.module, set()).add(each.target)
    finished: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str] | None:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in finished:
            return None
        for target in sorted(graph.get(module, ())):
            if circle := visit(target, [*path, module]):
                return circle
        finished.add(module)
        return None

    return next((circle for module in sorted(graph) if (circle := visit(module, []))), None)
