"""What one source file imports, read from its syntax tree."""

from __future__ import annotations

import ast

import pytest

from ipyproject.reloading.imports import read_imports


def imports(text, name="shop.sub.x", *, is_package=False):
    return read_imports(ast.parse(text), name, is_package=is_package)


NAMES = {
    "import a.b.c": ["a", "a.b", "a.b.c"],
    "import a.b as c, d": ["a", "a.b", "d"],
    "from a import b": ["a", "a.b"],
    "from . import y": ["shop", "shop.sub", "shop.sub.y"],
    "from .y import f": ["shop", "shop.sub", "shop.sub.y", "shop.sub.y.f"],
    "from ..util import f": ["shop", "shop.util", "shop.util.f"],
    "from .... import nowhere": [],
    "from a import *": ["a"],
    "try:\n    import a\nexcept ImportError:\n    import b\nelse:\n    import c\nfinally:\n    import d": [
        "a",
        "b",
        "c",
        "d",
    ],
    "if x:\n    import a\nelse:\n    import b": ["a", "b"],
    "def f():\n    import a\n    class C:\n        async def g(self):\n            from b import c": ["a", "b", "b.c"],
    "import importlib\nimportlib.import_module('a.b')": ["importlib", "a", "a.b"],
    "from importlib import import_module as load\nload('a')": ["importlib", "importlib.import_module"],
    "from importlib import import_module\nimport_module('.y', __package__)": [
        "importlib",
        "importlib.import_module",
        "shop",
        "shop.sub",
        "shop.sub.y",
    ],
    "__import__('a.b')": ["a", "a.b"],
    "load('a.b:C', 'plain', 'one. two', 'x' * 3)": ["a", "a.b", "a.b.C"],
    "import sys\nsys.modules['a.b']": ["sys", "a", "a.b"],
}


@pytest.mark.parametrize("text", NAMES)
def test_names(text):
    """Every form of an import gives its dotted names with their parents, wherever it stands, in the source's order."""
    assert set(imports(text).names) == set(NAMES[text])


def test_relative_imports_in_a_package():
    """In a package's __init__ one dot is the package itself."""
    assert imports("from . import y", "shop.sub", is_package=True).names == ("shop", "shop.sub", "shop.sub.y")
    assert imports("from .. import y", "shop.sub", is_package=True).names == ("shop", "shop.y")


def test_order():
    """Names come in the order in which they are imported at module level."""
    assert imports("import b\nfrom a import c\nimport b.d").names == ("b", "a", "a.c", "b.d")


def test_local_names():
    """A local name leads to all that it may stand for."""
    found = imports(
        "import a.b\nimport a.c as d\ntry:\n    from x import f\nexcept ImportError:\n    from y import f as f"
    )
    assert found.bound == {"a": ("a",), "d": ("a.c",), "f": ("x.f", "y.f")}


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\nimportlib.import_module(name)",
        "import importlib as i\ni.import_module(name)",
        "from importlib import import_module\nimport_module('.x', name)",
        "from importlib import import_module as load\nload('a')",
        "import importlib.util\nimportlib.util.find_spec('a')",
        "import pkgutil\npkgutil.iter_modules(__path__)",
        "import runpy\nrunpy.run_path('x.py')",
        "__import__(name)",
        "__import__('a', globals(), level=1)",
        "exec('import a')",
        "def f():\n    return eval(text)",
        "import sys\nsys.modules[name]",
        "from sys import modules",
        "import sys\nlist(sys.modules)",
        "from ipyproject import find_pipelines\nfind_pipelines()",
    ],
)
def test_importing_by_names_that_nobody_knows(text):
    """A module that may import anything counts as importing all."""
    assert imports(text).everything


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\nimportlib.import_module('a')",
        "import sys\nsys.modules[__name__].__class__ = C\nsys.path",
        "from importlib.metadata import version\nversion('a')",
        "import re\nre.compile('x')",
        "from ipyproject import Node, Pipeline\nPipeline([Node(f, 'a', 'b')])",
        "def compile_all(): ...\nself.exec()",
    ],
)
def test_plain_imports_are_known(text):
    """A plain text as the argument, the module itself, and mere name-sakes ask for nothing more."""
    assert not imports(text).everything
