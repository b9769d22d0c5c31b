"""Which names a notebook's cells imported."""

from __future__ import annotations

from ipyproject.notebook.imported import imported_names


def test_imported_names():
    """The last binding counts: imports with their aliases, until the name is assigned otherwise."""
    cells = [
        "from a.b import c, d as e\nimport x",
        "%magic that does not parse",
        "def f():\n    from g import h",
        "e = 1",
        "from . import relative",
        "from a import e",
        "c: int = 2",
    ]
    assert imported_names(cells[:3]) == {"c": ("a.b", "c"), "e": ("a.b", "d"), "h": ("g", "h")}
    assert imported_names(cells) == {"e": ("a", "e"), "h": ("g", "h")}
