"""What one source file imports, statically: read from its syntax tree, kept by its content."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DYNAMIC_MODULES = frozenset({"importlib", "pkgutil", "runpy", "imp", "zipimport"})
DYNAMIC_BUILTINS = frozenset({"exec", "eval", "compile", "__import__"})
# Names that import project modules wherever they come from, and nothing that a static reading could see.
FINDERS = frozenset({"find_pipelines", "load_pipelines"})
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*){1,20}")
_NAMELESS = (ast.Constant, ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


@dataclass(frozen=True, slots=True)
class Imports:
    """The imports of one module, wherever in its source they stand.

    Attributes:
        names: Dotted names that it may import, each with its parents, in the order of the source. ``from pkg import x``
            gives ``pkg`` and ``pkg.x``, whether ``x`` is a module or an attribute (or neither: one day it may be).
            Texts that read like such a name are among them.
        bound: Local name -> dotted names that it may stand for.
        stars: Modules whose public names are imported with a star.
        everything: It imports by names that only its execution knows, and counts as importing all.
        uncertain: Those of ``names`` whose import depends on a condition or a call: whether and when only its
            execution knows.
        anything: It imports by names that nobody knows, other than by finding pipelines, whose order is fixed.
    """

    names: tuple[str, ...] = ()
    bound: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stars: tuple[str, ...] = ()
    everything: bool = False
    uncertain: tuple[str, ...] = ()
    anything: bool = False


def read_imports(tree: ast.AST, name: str, *, is_package: bool) -> Imports:
    """Read the imports of a module: both branches of a condition, in functions, and by ``importlib`` of a plain text.

    Args:
        tree: Its syntax tree.
        name: Its dotted name.
        is_package: Whether it is a package's ``__init__``, on which relative imports stand.
    """
    return _ImportReader(name, is_package=is_package).read(tree)


def with_parents(name: str) -> Iterator[str]:
    """Give ``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``: what importing it imports."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def child_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what :func:`ast.iter_child_nodes` yields, in less than half the time: every source is read by this."""
    for value in vars(node).values():
        if isinstance(value, list):
            for item in value:
                if isinstance(item, ast.AST):
                    yield item
        elif isinstance(value, ast.AST):
            yield value


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, level by level, but for what names nothing."""
    level = [tree]
    while level:
        yield from level
        level = [
            child
            for node in level
            for child in child_nodes(node)
            if not isinstance(child, _NAMELESS) or (isinstance(child, ast.Constant) and may_name_a_module(child.value))
        ]


def may_name_a_module(value: object) -> bool:
    """Whether a constant reads like ``shop.models.Tree``: a library may be told by such a text what to import."""
    return isinstance(value, str) and "." in value and _DOTTED.fullmatch(value) is not None


def absolute_name(name: str, level: int, package: str) -> str | None:
    """Return the absolute name of a relative import; None where it leads out of the top-level package.

    Args:
        name: What follows the dots.
        level: The number of dots.
        package: The package in which it stands.
    """
    if level == 0:
        return name
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def dotted(node: ast.AST) -> tuple[str, ...] | None:
    """Return ``("a", "b", "c")`` for the expression ``a.b.c``; None for any other."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else None


def imported_by_text(node: ast.AST, package: str) -> str | None:
    """Return the absolute name that ``import_module("a.b")``, ``__import__("a.b")`` or ``sys.modules["a.b"]`` means.

    None for any other expression, and where the name is not a plain text.
    """
    if isinstance(node, ast.Subscript) and dotted(node.value) == ("sys", "modules"):
        return _text(node.slice)
    if not isinstance(node, ast.Call) or not node.args or (text := _text(node.args[0])) is None:
        return None
    called = dotted(node.func)
    if called == ("__import__",) and len(node.args) == 1 and not node.keywords:
        return text
    if called is None or called[-1] != "import_module":
        return None
    level = len(text) - len(text.lstrip("."))
    if level and not _means_own_package(node):
        return None
    return absolute_name(text[level:], level, package)


def _means_own_package(call: ast.Call) -> bool:
    given = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
    return len(given) == 1 and dotted(given[0]) == ("__package__",)


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


class _ImportReader:
    def __init__(self, name: str, *, is_package: bool) -> None:
        self._package = name if is_package else name.rpartition(".")[0]
        self._names: dict[str, None] = {}
        self._bound: dict[str, list[str]] = {}
        self._stars: list[str] = []
        self._everything = False
        self._finds = False
        self._uncertain: dict[str, None] = {}
        self._is_certain = False

    def read(self, tree: ast.AST) -> Imports:
        certain = {id(node) for node in getattr(tree, "body", ())}
        known: set[int] = set()  # expressions whose meaning a parent told
        modules: list[ast.Name] = []
        for node in _walk(tree):
            self._is_certain = id(node) in certain
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
            elif isinstance(node, ast.Call | ast.Subscript):
                self._by_text(node, known)
            elif isinstance(node, ast.Attribute):
                if dotted(node) == ("sys", "modules") and id(node) not in known:
                    self._everything = True
            elif isinstance(node, ast.Name) and id(node) not in known:
                modules.append(node)
            elif isinstance(node, ast.Constant):
                self._names.update(dict.fromkeys(with_parents(str(node.value).replace(":", "."))))
        self._everything = any([self._is_dynamic(node) for node in modules]) or self._everything  # noqa: C419  (each is asked)
        anything, self._everything = self._everything, self._everything or self._finds
        bound = {name: tuple(dict.fromkeys(targets)) for name, targets in self._bound.items()}
        return Imports(
            tuple(self._names), bound, tuple(self._stars), self._everything, tuple(self._uncertain), anything
        )

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name)
            local = alias.asname or alias.name.partition(".")[0]
            self._bind(local, alias.name if alias.asname else local)

    def _import_from(self, node: ast.ImportFrom) -> None:
        base = absolute_name(node.module or "", node.level, self._package)
        if not base:
            return
        self._add(base)
        for alias in node.names:
            if alias.name == "*":
                self._stars.append(base)
                continue
            target = f"{base}.{alias.name}"
            self._add(target)
            self._bind(alias.asname or alias.name, target)
            if target == "sys.modules":
                self._everything = True

    def _by_text(self, node: ast.Call | ast.Subscript, known: set[int]) -> None:
        if isinstance(node, ast.Subscript) and dotted(node.slice) == ("__name__",):
            if dotted(node.value) == ("sys", "modules"):
                known.add(id(node.value))  # the module itself
            return
        target = imported_by_text(node, self._package)
        if target is None:
            return
        self._add(target)
        inner: ast.AST = node.func if isinstance(node, ast.Call) else node.value
        while isinstance(inner, ast.Attribute):
            known.add(id(inner))
            inner = inner.value
        known.add(id(inner))

    def _is_dynamic(self, node: ast.Name) -> bool:
        if node.id in DYNAMIC_BUILTINS and node.id not in self._bound:
            return True
        for target in self._bound.get(node.id, ()):
            top, _, last = target.rpartition(".")
            if target.partition(".")[0] in DYNAMIC_MODULES and not target.startswith("importlib.metadata"):
                return True
            if last in FINDERS and top.startswith("ipyproject"):
                self._finds = True
        return False

    def _add(self, name: str) -> None:
        self._names.update(dict.fromkeys(with_parents(name)))
        if not self._is_certain:
            self._uncertain.update(dict.fromkeys(with_parents(name)))

    def _bind(self, local: str, target: str) -> None:
        self._bound.setdefault(local, []).append(target)
