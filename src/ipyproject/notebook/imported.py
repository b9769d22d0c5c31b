"""Which names of a notebook were imported, and from where: read from its cells."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def imported_names(cells: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the names that ``from module import name [as alias]`` bound last.

    Args:
        cells: Executed code, in order; cells that don't parse are skipped.

    Returns:
        Name -> (module, attribute); without names that were bound otherwise afterwards.
    """
    found: dict[str, tuple[str, str]] = {}
    for cell in cells:
        if "import" not in cell and not found:
            continue
        try:
            tree = ast.parse(cell)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.pop(node.id, None)
    return found
