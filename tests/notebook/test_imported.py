"""Which names a notebook's cells imported."""

from __future__ import annotations

from ipyproject.notebook.imported import CellReader

CELLS = [
    "from a.b import c, d as e\nimport x",
    "%magic that does not parse",
    "if x:\n    from g import h",
    "e = 1",
    "from . import relative",
    "from a import e",
    "c: int = 2",
]


def sources(cells, **exports):
    names = CellReader().names(cells)
    asked = ("c", "e", "h", "x", "d", "relative", "f")
    found = {name: names.sources(name, lambda module, name: name in exports.get(module, ())) for name in asked}
    return {name: sources[0] if len(sources) == 1 else sources for name, sources in found.items() if sources}


def test_the_last_binding_counts():
    """Imports with their aliases, until the name is assigned, defined or imported otherwise."""
    assert sources(CELLS[:3]) == {"c": ("a.b", "c"), "e": ("a.b", "d"), "h": ("g", "h")}
    assert sources(CELLS) == {"e": ("a", "e"), "h": ("g", "h")}
    assert sources(["from a import x, f, d", "import x", "def f(): ...", "class d: ..."]) == {}


def test_stars():
    """A star imports what its module exports then, over what was bound before and not over what was bound after."""
    cells = ["from a import c", "x = 1", "from m import *", "e = 1", "from a import d"]
    assert sources(cells, m=("c", "x", "e", "d")) == {"c": ("m", "c"), "x": ("m", "x"), "d": ("a", "d")}
    assert sources([*cells, "from n import *"], m=("c",), n=("e",)) == {
        "c": ("m", "c"),
        "e": ("n", "e"),
        "d": ("a", "d"),
    }


def test_each_cell_is_read_once():
    """Asked again, the reader goes on where it was; after %reset it begins anew."""
    reader = CellReader()
    cells = ["from a import c"]
    assert reader.names(cells).sources("c", lambda *_: False) == [("a", "c")]
    cells.append("c = 1")
    assert reader.names(cells).sources("c", lambda *_: False) == []
    assert reader.names(["from b import c"]).sources("c", lambda *_: False) == [("b", "c")]


def test_only_what_binds_in_the_notebook():
    """Imports and assignments inside functions, classes and comprehensions are theirs; the order is the source's."""
    inside = "def show():\n    from a import c\nclass K:\n    e = 1\nlist(x for x in ())\nlambda: (d := 1)"
    assert sources([inside]) == {}
    assert sources(["from a import x, e, c", inside]) == {"x": ("a", "x"), "e": ("a", "e"), "c": ("a", "c")}
    assert sources(["try:\n    if x:\n        from a import c\nexcept ImportError:\n    pass\nc = 2"]) == {}
    others = ["with open(x) as d: ...", "[(e := 1) for _ in ()]", "del c", "match 1:\n    case [x, *h]: ..."]
    assert sources(["from a import c, d, e, h, x", *others]) == {}


def test_branches():
    """What any branch imports may be what is bound now; the object itself will tell."""
    assert sources(["try:\n    from a import c\nexcept ImportError:\n    c = None"]) == {"c": ("a", "c")}
    assert sources(["if x:\n    from a import c\nelse:\n    c = None"]) == {"c": ("a", "c")}
    assert sources(["try:\n    from a import c\nexcept ImportError:\n    from b import c"]) == {
        "c": [("a", "c"), ("b", "c")]
    }
    assert sources(["if x:\n    from a import c", "c = 1"]) == {}


def test_below_magics():
    """What %%time and its like execute is executed in the notebook; other magics are not read."""
    magic = "get_ipython().run_cell_magic({!r}, '', 'from a import c\\n')"
    assert sources([magic.format("time")]) == {"c": ("a", "c")}
    assert sources([magic.format("bash")]) == {}
    assert sources(["get_ipython().run_line_magic('time', 'from a import c')"]) == {"c": ("a", "c")}
