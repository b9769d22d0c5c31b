"""Which names of a notebook were imported, and from where: read from its cells."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ipyproject.reloading import ImportedNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class CellReader:
    """Reads the cells of a notebook for ``from module import name``; each cell once, however often it is asked."""

    def __init__(self) -> None:
        self._read = 0
        self._last = ""
        self._names = ImportedNames()

    def names(self, cells: Sequence[str]) -> ImportedNames:
        """Return what the cells have imported.

        Args:
            cells: Executed code, in order; cells that don't parse are skipped.
        """
        if len(cells) < self._read or (self._read and cells[self._read - 1] != self._last):
            self._read, self._names = 0, ImportedNames()  # the history was reset
        for cell in cells[self._read :]:
            self._take(cell)
        self._read = len(cells)
        self._last = cells[-1] if cells else ""
        return self._names

    def _take(self, cell: str) -> None:
        if "import" not in cell and self._names.is_empty:
            return
        try:
            tree = ast.parse(cell)
        except (SyntaxError, ValueError):
            return
        for statement in tree.body:
            if isinstance(statement, ast.If | ast.Try | ast.TryStar):
                self._take_branches(statement)
            else:
                for node in _bindings(statement):
                    self._take_node(node)

    def _take_node(self, node: ast.AST, *, is_choice: bool = False) -> None:
        if isinstance(node, ast.Call):
            self._take_magic(node)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                self._names.take_import(node.module, alias.name, alias.asname or alias.name, is_choice=is_choice)
        else:
            if isinstance(node, ast.Import):
                self._names.modules.update(alias.name for alias in node.names)
            for name in _bound_by(node):
                self._names.take_binding(name)

    def _take_branches(self, statement: ast.stmt) -> None:
        """Read a statement of which one branch was executed: what any of them imports may be what is bound now."""
        nodes = list(_bindings(statement))
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        for node in nodes:
            if node not in imports:
                self._take_node(node)
        for node in reversed(imports):
            self._take_node(node, is_choice=True)

    def _take_magic(self, call: ast.Call) -> None:
        """Read what a magic executes in the notebook, such as the rest of a cell below ``%%time``."""
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in {"run_cell_magic", "run_line_magic"}:
            return
        texts = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if len(texts) == len(call.args) and texts and texts[0] in _EXECUTING:
            self._take(texts[-1])


_EXECUTING = frozenset({"time", "capture", "prun"})
_OTHER_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _bound_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.Name):
        return [node.id]
    name = getattr(node, "rest" if isinstance(node, ast.MatchMapping) else "name", None)
    return [name] if isinstance(name, str) else []


def _bindings(node: ast.AST, *, own_scope: bool = True) -> Iterator[ast.AST]:
    """Yield what binds or deletes names of the notebook, and calls, in the order in which they are executed."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node
        return
    if isinstance(node, ast.NamedExpr):  # binds outside a comprehension, too
        yield from _bindings(node.value, own_scope=own_scope)
        yield node.target
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
        yield from _bindings(node.value, own_scope=own_scope)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from _bindings(target, own_scope=own_scope)
        return
    if isinstance(node, ast.Name):
        if own_scope and isinstance(node.ctx, ast.Store | ast.Del):
            yield node
        return
    if isinstance(node, _YIELDED):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _bindings(child, own_scope=own_scope and not isinstance(node, _OTHER_SCOPES))


_YIELDED = (
    ast.Import,
    ast.ImportFrom,
    ast.Call,
    ast.ExceptHandler,
    ast.MatchAs,
    ast.MatchStar,
    ast.MatchMapping,
)
