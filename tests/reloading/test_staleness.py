"""Which loaded modules must be executed again."""

from __future__ import annotations

import importlib
import sys
import textwrap
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

from ipyproject.importing import project_modules
from ipyproject.reloading.sources import SourceCache
from ipyproject.reloading.staleness import stale_modules

PIPELINE = """
    from ipyproject import Node, Pipeline
    from .nodes import clean
    def create_pipeline():
        return Pipeline([Node(clean, "raw", "cleaned")])
    """
ORDINARY = {
    "shop/__init__.py": "",
    "shop/settings.py": "from shop.hooks import Hooks\nHOOKS = (Hooks(),)",
    "shop/hooks.py": "from ipyproject import hook_impl\nclass Hooks:\n    @hook_impl\n    def after_context_created(self): ...",
    "shop/common.py": "RATES = {'a': 1}\ndef helper(x):\n    return RATES[x]",
    "shop/pipeline_registry.py": "from ipyproject import find_pipelines\ndef register_pipelines():\n    return find_pipelines()",
    "shop/pipelines/__init__.py": "",
    "shop/pipelines/a/__init__.py": "from .pipeline import create_pipeline",
    "shop/pipelines/a/nodes.py": "from shop.common import helper, RATES\nfirst = RATES['a']\nSEEN = []\ndef clean(raw):\n    return helper('a')",
    "shop/pipelines/a/pipeline.py": PIPELINE,
    "shop/pipelines/b/__init__.py": "from .pipeline import create_pipeline",
    "shop/pipelines/b/nodes.py": "from functools import lru_cache\n@lru_cache\ndef slow(): ...\ndef clean(raw):\n    return raw",
    "shop/pipelines/b/pipeline.py": PIPELINE,
}


class Loaded:
    """A source folder whose modules are loaded."""

    def __init__(self, folder, files):
        self.folder = folder
        self.sources = SourceCache([folder])
        self._write(files)
        for path in sorted(folder.rglob("*.py")):
            importlib.import_module(self.sources.name_of(path))
        for name, module in self.modules().items():
            if module.__file__ is not None:
                path = self.sources.find(name)
                self.sources.executed(name, path, path.read_bytes())

    def modules(self):
        return {name: sys.modules[name] for name in project_modules("shop", self.folder)}

    def _write(self, files):
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(textwrap.dedent(text))

    def after(self, edits, **options):
        """Edit files (None removes one) and return what is stale."""
        there = {name for name in edits if (self.folder / name).exists()}
        self._write(edits)
        removed = {name for name in edits if edits[name] is None}
        changed, gone, added = (
            {self.folder / name for name in names} for names in (there - removed, removed, edits.keys() - there)
        )
        return stale_modules(self.modules(), changed, gone, added, sources=self.sources, **options)


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield lambda files: Loaded(tmp_path.resolve(), files)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def names(text):
    return set(text.split())


def test_ordinary_edit(load):
    """An edited nodes.py makes its own pipeline and the registry stale, and nothing of the others."""
    project = load(ORDINARY)
    own = "shop.pipelines.a shop.pipelines.a.nodes shop.pipelines.a.pipeline shop.pipeline_registry"
    edited = "from shop.common import helper\ndef clean(raw):\n    return helper('a')"
    assert project.after({"shop/pipelines/a/nodes.py": edited}).modules == names(own)


def test_the_last_import_of_a_module(load):
    """A module that the edited one imported, and nobody else, is stale: it may be needed no more."""
    project = load(ORDINARY)
    stale = project.after({"shop/pipelines/a/nodes.py": "def clean(raw):\n    return 1"}).modules
    assert "shop.common" in stale
    assert "shop.pipelines.b.nodes" not in stale


def test_common_module(load):
    """What all import makes stale all that import it; a lru_cache in another module lives on."""
    stale = load(ORDINARY).after({"shop/common.py": "RATES = {'a': 2}\ndef helper(x):\n    return 2"}).modules
    assert {"shop.common", "shop.pipelines.a.nodes", "shop.pipelines.a"} <= stale
    assert not {"shop.pipelines.b.nodes", "shop.pipelines.b", "shop.settings", "shop.hooks", "shop"} & stale


def test_nothing_changed(load):
    """Without a changed file nothing is stale."""
    assert load(ORDINARY).after({}).modules == frozenset()


def test_a_data_file_makes_everything_stale(load):
    """Any module may have read a file that is not Python; byte code and compiled modules are no such files."""
    project = load(ORDINARY)
    stale = project.after({"shop/table.csv": "a"})
    assert stale.everything
    assert stale.modules == set(project.modules())
    assert not project.after({"shop/__pycache__/common.cpython-311.pyc": ""}).modules


def test_compiled_modules_are_no_data(load):
    """A compiled module is a module: a new one makes stale who imports it, and not everything."""
    project = load(ORDINARY)
    name = f"shop/quick{EXTENSION_SUFFIXES[0]}"
    stale = project.after({name: ""})
    assert not stale.everything


# name -> files, edits, what must be stale, what must not be
CASES = {
    "importers, transitively": (
        {"a.py": "V = 1", "b.py": "from a import V", "c.py": "import b", "d.py": "W = 1"},
        {"a.py": "V = 2"},
        "a b c",
        "d",
    ),
    "circular imports": (
        {"p/__init__.py": "", "p/a.py": "from p import b", "p/b.py": "from p import a", "p/c.py": "V = 1"},
        {"p/a.py": "from p import b\nV = 1"},
        "p.a p.b",
        "p p.c",
    ),
    "a name attached to its package": (
        {
            "p/__init__.py": "",
            "p/a.py": "V = 1",
            "b.py": "import p\nimport p.a as q",
            "c.py": "import p.a\nimport p\nV = p.a.V",
        },
        {"p/a.py": "V = 2"},
        "p.a b c",
        "p",
    ),
    "a package handed to somebody": (
        {"p/__init__.py": "", "p/a.py": "V = 1", "b.py": "import p.a\nimport p\nV = vars(p)"},
        {"p/a.py": "V = 2"},
        "p.a b",
        "",
    ),
    "re-exports": (
        {"p/__init__.py": "from .a import V", "p/a.py": "V = 1", "p/c.py": "", "b.py": "from p import V"},
        {"p/a.py": "V = 2"},
        "p p.a b",
        "",
    ),
    "namespace packages": (
        {"n/a.py": "V = 1", "n/b.py": "V = 1", "c.py": "from n.a import V"},
        {"n/a.py": "V = 2"},
        "n.a c",
        "n.b",
    ),
    "a namespace package becomes an ordinary one": (
        {"n/a.py": "V = 1", "c.py": "import n.a"},
        {"n/__init__.py": "V = 1"},
        "n n.a c",
        "",
    ),
    "a package beside a module": (
        {"x.py": "V = 1", "c.py": "from x import V", "d.py": ""},
        {"x/__init__.py": "V = 2"},
        "x c",
        "d",
    ),
    "a new submodule that was looked for": (
        {
            "p/__init__.py": "",
            "b.py": "try:\n    from p import quick\nexcept ImportError:\n    quick = None",
            "c.py": "import p",
        },
        {"p/quick.py": ""},
        "b",
        "p c",
    ),
    "a new submodule that shadows an attribute": (
        {"p/__init__.py": "x = 1", "b.py": "from p import x"},
        {"p/x.py": ""},
        "p b",
        "",
    ),
    "a new module that shadows one outside": (
        {"b.py": "import colorsys", "c.py": ""},
        {"colorsys.py": ""},
        "b",
        "c",
    ),
    "a removed module": (
        {"a.py": "", "b.py": "import a", "c.py": ""},
        {"a.py": None},
        "a b",
        "c",
    ),
    "module __getattr__": (
        {
            "p/__init__.py": "def __getattr__(name):\n    from .a import V\n    return V",
            "p/a.py": "V = 1",
            "b.py": "from p import lazy",
        },
        {"p/a.py": "V = 2"},
        "p p.a b",
        "",
    ),
    "names known only when executed": (
        {"a.py": "V = 1", "b.py": "import importlib\nV = importlib.import_module(chr(97)).V", "c.py": ""},
        {"a.py": "V = 2"},
        "a b",
        "c",
    ),
    "a decorator registry": (
        {
            "r.py": "FOUND = {}\ndef register(f):\n    FOUND[f.__name__] = f\n    return f",
            "a.py": "from r import register\n@register\ndef f(): ...",
            "b.py": "from r import register\n@register\ndef g(): ...",
            "c.py": "",
        },
        {"a.py": "from r import register\n@register\ndef h(): ..."},
        "r a b",
        "c",
    ),
    "a registration that is taken out": (
        {
            "r.py": "FOUND = {}\ndef register(f):\n    FOUND[f.__name__] = f\n    return f",
            "a.py": "import r\n@r.register\ndef f(): ...",
            "c.py": "",
        },
        {"a.py": ""},
        "r a",
        "c",
    ),
    "a registry behind a function elsewhere": (
        {
            "r.py": "FOUND = []",
            "m.py": "import r\ndef note(x):\n    r.FOUND.append(x)",
            "a.py": "from m import note\nnote(1)",
        },
        {"a.py": ""},
        "r m a",
        "",
    ),
    "__init_subclass__": (
        {
            "r.py": "class Base:\n    known = []\n    def __init_subclass__(cls): Base.known.append(cls)",
            "a.py": "from r import Base\nclass A(Base): ...",
        },
        {"a.py": "V = 1"},
        "r a",
        "",
    ),
    "a class without state may be subclassed": (
        {"r.py": "class Base:\n    x = 1", "a.py": "from r import Base\nclass A(Base): ..."},
        {"a.py": "from r import Base\nV = 1"},
        "a",
        "r",
    ),
    "assignment into another module": (
        {"r.py": "V = 1", "a.py": "import r\nr.V = 2", "b.py": "from r import V"},
        {"a.py": "import r"},
        "r a b",
        "",
    ),
    "singledispatch": (
        {
            "r.py": "from functools import singledispatch\n@singledispatch\ndef show(x): ...",
            "a.py": "from r import show\n@show.register\ndef _(x: int): ...",
        },
        {"a.py": ""},
        "r a",
        "",
    ),
    "a constant table is only looked at": (
        {"r.py": "T = {'a': 1}", "a.py": "from r import T\nV = T['a']\nW = T.get('b')"},
        {"a.py": "from r import T\nV = T['a'] + 1"},
        "a",
        "r",
    ),
    "a table that somebody changes is looked at": (
        {"r.py": "T = {'a': 1}", "a.py": "from r import T\nV = len(T)", "b.py": "from r import T\nT['b'] = 1"},
        {"a.py": "from r import T\nV = len(T) + 1"},
        "a b r",
        "",
    ),
    "the order of imports, where it matters": (
        {
            "r.py": "L = []",
            "a.py": "import r\nr.L.append(1)",
            "b.py": "import r\nr.L.append(2)",
            "c.py": "import a, b",
            "d.py": "",
        },
        {"c.py": "import b, a"},
        "a b c r",
        "d",
    ),
    "the order of imports, where it doesn't": (
        {"a.py": "", "b.py": "", "c.py": "import a, b"},
        {"c.py": "import b, a"},
        "c",
        "a b",
    ),
    "what is no longer imported": (
        {"r.py": "L = []", "a.py": "import r\nr.L.append(1)", "c.py": "import a"},
        {"c.py": ""},
        "a c r",
        "",
    ),
    "a module that opening calls": (
        {
            "r.py": "L = []\ndef note():\n    L.append(1)",
            "p.py": "from r import note\ndef create_pipeline():\n    note()",
            "d.py": "",
        },
        {"d.py": "V = 1"},
        "r p d",
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_cases(load, case):
    """Each kind of dependency makes stale what it must, and no more."""
    files, edits, wanted, unwanted = CASES[case]
    stale = load(files).after(edits).modules
    assert names(wanted) <= stale
    assert not names(unwanted) & stale


def test_dynamic_imports_that_were_seen(load):
    """A module depends on what it was seen to import while it was executed."""
    project = load({"a.py": "V = 1", "b.py": ""})
    assert project.after({"a.py": "V = 2"}, dynamic_imports={"b": {"a"}}).modules == {"a", "b"}


def test_a_module_that_was_executed_from_an_unknown_source(load):
    """Nobody knows what it wrote to: everything is stale."""
    project = load({"a.py": "V = 1", "b.py": ""})
    project.sources.forget("a")
    assert project.after({"a.py": "V = 2"}).modules == {"a", "b"}


def test_an_import_that_depends_on_a_value(load):
    """Where a value decides what is imported, the order of what registers itself may be another one."""
    project = load(
        {
            "r.py": "L = []",
            "a.py": "import r\nr.L.append(1)",
            "b.py": "import r\nr.L.append(2)",
            "c.py": "V = 1\nif V:\n    import a\nelse:\n    import b",
            "e.py": "from c import V",
            "d.py": "",
        }
    )
    assert project.after({"c.py": (project.folder / "c.py").read_text().replace("1", "0")}).modules == names(
        "r a b c e"
    )
