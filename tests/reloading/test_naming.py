"""Which modules a source names."""

from __future__ import annotations

import ast

from ipyproject.reloading.naming import named_modules

SOURCE = b"import shop.nodes\nx = [1 < 2 == 3, -1, shop.nodes.RATE, not x, x and x, x + 1, 'shop.models.Tree']\n"


def test_attributes_that_others_hang_on_syntax_trees():
    """Some nodes are shared by all trees of a process; what a tool has hung on them (a parent) is not followed."""
    tree = ast.parse("1 < 2 == 3")
    hung = [node for node in ast.walk(tree) if isinstance(node, ast.Lt | ast.Eq | ast.Load)]
    for node in hung:
        node.parent = [tree, node]
        node.parent.append(node.parent)
    try:
        named = named_modules(SOURCE, "shop.uses", is_package=False)
    finally:
        for node in hung:
            del node.parent
    assert {"shop", "shop.nodes", "shop.nodes.RATE", "shop.models", "shop.models.Tree"} <= named.names
    assert not named.anything
