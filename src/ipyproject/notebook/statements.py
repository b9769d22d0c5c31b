"""What a piece of code imports and binds in its namespace, read from its syntax tree."""

from __future__ import annotations

import ast
from contextlib import suppress
from importlib.util import resolve_name
from typing import TYPE_CHECKING

from ipyproject.imported import MISSING, Import, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Expand = Callable[..., Sequence[Import | Store]]


def read_statements(
    text: str, expand: Expand | None = None, *, package: str = "", until: int | None = None
) -> list[Import | Store]:
    """Read what code imports and binds, in the order in which it is executed.

    Args:
        text: The code; what does not parse has not been executed, and gives nothing.
        expand: Given a magic's name, its line and, for a cell magic, the cell, returns what that executes in the
            same namespace.
        package: What relative imports stand on.
        until: The line at which its execution ended by an error; nothing below it counts.
    """
    reader = _Reader(expand, package)
    try:
        for statement in ast.parse(text).body:
            if until is not None and statement.lineno > until:
                break
            reader.take([statement], is_certain=until is None or (statement.end_lineno or 0) < until)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # also nested deeper than can be visited
        return []
    return reader.found


class _Reader(ast.NodeVisitor):
    """Visits statements; what is executed in other scopes is not taken, unless it declares names global."""

    def __init__(self, expand: Expand | None, package: str) -> None:
        self.found: list[Import | Store] = []
        self._expand = expand
        self._package = package
        self._is_certain = True

    def take(self, nodes: Iterable[ast.AST], *, is_certain: bool) -> None:
        """Visit nodes that may not be executed at all."""
        outer = self._is_certain
        self._is_certain = outer and is_certain
        for node in nodes:
            self.visit(node)
        self._is_certain = outer

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top, _, inner = alias.name.partition(".")
            module = alias.name if alias.asname else top
            self.found.append(Import(alias.asname or top, module, "", self._is_certain))
            if inner:  # it is imported, too; no name has a dot
                self.found.append(Import(alias.name, alias.name, "", self._is_certain))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        try:
            module = resolve_name("." * node.level + (node.module or ""), self._package)
        except ImportError:
            return
        for alias in node.names:
            name = alias.asname or alias.name
            self.found.append(Import(name, module, alias.name, self._is_certain))

    def _visit_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        inner = _Reader(self._expand, self._package)
        inner.take(node.body, is_certain=False)
        declared = {name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names}
        self.found += [each for each in inner.found if each.name in declared]
        self._store(node.name)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _visit_definition  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Take nothing: what it binds is its own."""

    def _visit_comprehension(self, node: ast.AST) -> None:
        for each in ast.walk(node):
            if isinstance(each, ast.NamedExpr):  # binds outside the comprehension
                self._store(each.target.id)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension  # noqa: N815

    def _visit_branches(self, node: ast.AST) -> None:
        self.take(ast.iter_child_nodes(node), is_certain=False)

    visit_If = visit_Match = visit_For = visit_AsyncFor = visit_While = _visit_branches  # noqa: N815

    def _visit_try(self, node: ast.Try | ast.TryStar) -> None:
        # An import in the body is executed, or raises; then it does not give what the name is bound to. So it counts
        # for more than what a handler binds.
        self.take(node.handlers, is_certain=False)
        self.take(node.body, is_certain=True)
        self.take(node.orelse, is_certain=False)
        self.take(node.finalbody, is_certain=True)

    visit_Try = visit_TryStar = _visit_try  # noqa: N815

    def _visit_pattern(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        self.generic_visit(node)
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name is not None:
            self._store(name)

    visit_MatchAs = visit_MatchStar = visit_MatchMapping = _visit_pattern  # noqa: N815

    def _visit_assignment(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.AugAssign) -> None:
        if node.value is None:
            return  # an annotation only
        self.visit(node.value)
        constant = MISSING if isinstance(node, ast.AugAssign) else _written(node.value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                self._store(target.id, constant)
            else:
                self.visit(target)

    visit_Assign = visit_AnnAssign = visit_NamedExpr = visit_AugAssign = _visit_assignment  # noqa: N815

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):  # not where it is deleted, which gives it no value
            self._store(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit(node.value)
        if not isinstance(node.ctx, ast.Load):
            self._store(f".{node.attr}")

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        for each in self._executed_by(node):
            if isinstance(each, Import) and not self._is_certain:
                each = each._replace(is_certain=False)  # noqa: PLW2901
            self.found.append(each)

    def _executed_by(self, node: ast.Call) -> Sequence[Import | Store]:
        """Return what a call executes in the notebook: ``exec`` of a text, and what a magic does."""
        texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        match node.func:
            case ast.Name(id="exec") if len(texts) == len(node.args) == 1 and not node.keywords:
                return read_statements(texts[0], self._expand, package=self._package)
            case ast.Name(id="setattr" | "delattr") if texts:
                return [Store(f".{texts[0]}")]
            case ast.Attribute(attr="run_cell_magic" | "run_line_magic") if self._expand is not None and len(
                texts
            ) == len(node.args) in {2, 3}:
                return self._expand(*texts)
            case _:
                return []

    def _store(self, name: str, constant: Any = MISSING) -> None:
        self.found.append(Store(name, constant))


def _written(node: ast.expr) -> Any:
    """Return a number, a text or the like that is written in the code."""
    if isinstance(node, ast.Constant | ast.UnaryOp):
        with suppress(ValueError):
            return ast.literal_eval(node)
    return MISSING
