"""Which modules a source names: one pass over its syntax tree, and no guess at what its code does with them.

A module depends on whatever it names, wherever in its source and however seldom that is executed: by an import, by a
chain of attributes on an imported module, by a text such as ``"shop.models.Tree"`` that a library may import.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_DYNAMIC_MODULES = frozenset({"importlib", "pkgutil", "runpy", "imp", "zipimport"})
_HARMLESS = ("importlib.metadata", "importlib.resources")
_DYNAMIC_BUILTINS = frozenset({"exec", "eval", "compile", "__import__"})
# These import the project's modules wherever they are called from, and nothing that the source of the caller names.
_FINDERS = frozenset({"find_pipelines", "load_pipelines"})
_MODULE_NAME = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*){0,20}")
_LONGEST_NAME = 200
_IMPORT_LEVEL = 4  # how many arguments of __import__ follow the name, with the level last
_NAMELESS = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


@dataclass(frozen=True, slots=True)
class NamedModules:
    """What a source names.

    Attributes:
        names: Dotted names, each with its parents. ``from pkg import x`` gives ``pkg`` and ``pkg.x``, whether ``x`` is
            a module or an attribute (or neither: one day it may be).
        below: Packages of which it may reach any module: by a star, or because it hands the package on.
        looked_up: Those of the names that no import gives: a module is found there only if it was imported before.
        imports: What its import statements name, in the order in which they were read: equal for equal orders.
        anything: It imports by names that only its execution knows.
    """

    names: frozenset[str] = frozenset()
    below: frozenset[str] = frozenset()
    looked_up: frozenset[str] = frozenset()
    imports: tuple[str, ...] = ()
    anything: bool = False

    def has(self, module: str) -> bool:
        """Whether a module is named."""
        return (
            self.anything
            or module in self.names
            or (bool(self.below) and any(parent in self.below for parent in with_parents(module)))
        )


def named_modules(source: bytes, module: str, *, is_package: bool) -> NamedModules:
    """Read which modules a source names.

    Args:
        source: The source.
        module: The dotted name of the module that it is.
        is_package: Whether it is a package's ``__init__``, on which relative imports stand.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return NamedModules(anything=True)  # whatever it is, it was executed
    return _Reader(module if is_package else module.rpartition(".")[0]).read(tree)


def with_parents(name: str) -> Iterator[str]:
    """Give ``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``: what importing it imports."""
    end = name.find(".")
    while end >= 0:
        yield name[:end]
        end = name.find(".", end + 1)
    yield name


class _Reader:
    """Reads one source.

    Args:
        package: The package in which it stands.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._names: set[str] = set()
        self._imports: list[str] = []
        self._below: set[str] = set()
        self._bound: dict[str, set[str]] = {}
        self._chains: list[tuple[str, ...]] = []
        self._texts: set[str] = set()
        self._anything = False

    def read(self, tree: ast.AST) -> NamedModules:
        self._visit(tree)
        imported = frozenset(self._names)
        for chain in self._chains:
            self._follow(chain)
        looked_up = frozenset(self._names - imported)
        for text in self._texts:
            self._names.update(with_parents(text))
        return NamedModules(
            frozenset(self._names), frozenset(self._below), looked_up, tuple(self._imports), self._anything
        )

    def _visit(self, tree: ast.AST) -> None:
        pending = [tree]
        while pending:
            match pending.pop():
                case ast.Import() as node:
                    self._import(node)
                case ast.ImportFrom() as node:
                    self._import_from(node)
                case ast.Constant(value=str(text)):
                    self._text(text)
                case (ast.Attribute() | ast.Name()) as node:
                    pending += self._chain(node)
                case node if not self._by_text(node):
                    # By its fields: tools hang attributes of their own on nodes, some of which all trees share.
                    for value in [getattr(node, field, None) for field in node._fields]:
                        inner = value if isinstance(value, list) else [value]
                        pending += [
                            each for each in inner if isinstance(each, ast.AST) and not isinstance(each, _NAMELESS)
                        ]

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imports.append(alias.name)
            self._names.update(with_parents(alias.name))
            local = alias.asname or alias.name.partition(".")[0]
            self._bound.setdefault(local, set()).add(alias.name if alias.asname else local)

    def _import_from(self, node: ast.ImportFrom) -> None:
        base = _absolute(node.module or "", node.level, self._package)
        if not base:
            return
        self._names.update(with_parents(base))
        for alias in node.names:
            self._imports.append(f"{base}.{alias.name}")
            if alias.name == "*":
                self._below.add(base)
                continue
            target = f"{base}.{alias.name}"
            self._names.add(target)
            self._bound.setdefault(alias.asname or alias.name, set()).add(target)

    def _text(self, text: str) -> None:
        if len(text) < _LONGEST_NAME and _MODULE_NAME.fullmatch(text):
            self._texts.add(text.replace(":", "."))

    def _chain(self, node: ast.Attribute | ast.Name) -> list[ast.AST]:
        """Take note of ``a.b.c``; of any other expression with attributes return what these are asked of."""
        attributes: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            attributes.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            return [inner]
        self._chains.append((inner.id, *reversed(attributes)))
        return []

    def _by_text(self, node: ast.AST) -> bool:
        """Whether it is ``import_module("a.b")``, ``__import__("a.b")`` or ``sys.modules["a.b"]``, which names one."""
        match node:
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="modules"), slice=inner):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    self._text(inner.value)
                    return True
                return isinstance(inner, ast.Name) and inner.id == "__name__"  # the module itself
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                args=[ast.Constant(value=str(text)), *given],
                keywords=[],
            ):
                level = len(text) - len(text.lstrip("."))
                match given:
                    case [ast.Name(id="__package__")]:
                        self._text(_absolute(text[level:], level, self._package) or "")
                        return True
                self._text(text)
                return not given and not level
            case ast.Call(
                func=ast.Name(id="__import__"), args=[ast.Constant(value=str(text)), *given], keywords=keywords
            ):
                self._text(text)
                return len(given) < _IMPORT_LEVEL and all(keyword.arg != "level" for keyword in keywords)
        return False

    def _follow(self, chain: tuple[str, ...]) -> None:
        """Take note of what a chain of attributes reaches, for everything that its first name may stand for."""
        first, *attributes = chain
        if first in _DYNAMIC_BUILTINS and first not in self._bound:
            self._anything = True
        for target in self._bound.get(first, ()):
            dotted = ".".join((target, *attributes))
            self._names.update(with_parents(dotted))
            top, _, last = target.rpartition(".")
            is_finder = last in _FINDERS and top.startswith("ipyproject")
            is_dynamic = target.partition(".")[0] in _DYNAMIC_MODULES and not dotted.startswith(_HARMLESS)
            if is_finder or is_dynamic or dotted == "sys.modules":
                self._anything = True
            elif not attributes:
                self._below.add(target)  # handed on: whoever gets it may ask it for any of its modules


def _absolute(name: str, level: int, package: str) -> str | None:
    """Return the absolute name of a relative import; None where it leads out of the top-level package."""
    if level == 0:
        return name
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])
