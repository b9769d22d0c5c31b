"""Projects at random, and edits of them: each module is a list of statements made from templates."""

from __future__ import annotations

from pathlib import Path

CORE = """
import functools
ITEMS = []
TABLE = {}
HANDLERS = []
COUNTER = 0
class Register:
    def __init__(self): self.found = []
    def add(self, value):
        self.found.append(value)
        return value
REGISTER = Register()
def register(function):
    ITEMS.append(function.__name__)
    TABLE[function.__name__] = function
    return function
def named(name):
    def keep(function):
        TABLE[name] = function
        return function
    return keep
def bump():
    global COUNTER
    COUNTER += 1
    return COUNTER
def handle(function):
    HANDLERS.append(function)
    return function
def fire():
    return [handler() for handler in list(HANDLERS)]
class Base:
    known = []
    def __init_subclass__(cls, **options):
        Base.known.append(cls.__name__)
class Meta(type):
    made = {}
    def __new__(mcs, name, bases, namespace):
        made = super().__new__(mcs, name, bases, namespace)
        Meta.made[name] = made
        return made
class Field:
    seen = []
    def __set_name__(self, owner, name):
        Field.seen.append((owner.__name__, name))
@functools.lru_cache
def cached(value):
    return [value]
@functools.singledispatch
def shown(value): return "?"
DEFAULTS = {"a": [1], "b": [2]}
def plain(x): return x
"""

# Modules in the order in which they import each other, mostly downward: a module's dotted name -> whether a package.
POOL = {
    "shop": True,
    "shop.core": False,
    "shop.util": False,
    "shop.a": False,
    "shop.b": False,
    "shop.sub": True,
    "shop.sub.x": False,
    "shop.sub.y": False,
    "shop.sub.deep": True,
    "shop.sub.deep.z": False,
    "shop.ns.n": False,
    "extra": False,
    "other": True,
    "other.o": False,
    "shop.c": False,
    "shop.d": False,
    "shop.pipelines": True,
    "shop.pipelines.p1": True,
    "shop.pipelines.p1.nodes": False,
    "shop.pipelines.p1.pipeline": False,
    "shop.pipelines.p2": False,
    "shop.pipelines.p3": True,
    "shop.pipeline_registry": False,
    "shop.hooks": False,
}
ALWAYS = "VALUE = {number}\nSTATE = []\ndef f(x=VALUE):\n    return x + {number}\nclass K:\n    n = {number}\n"

# {t}: another module's name; {p}: its parent; {s}: its last part; {r}: a relative form of "from {p} import"; {n}: a number; {m}: a unique suffix
TEMPLATES = (
    "from {t} import VALUE as v{m}",
    "from {t} import f as f{m}, K as K{m}",
    "import {t} as t{m}",
    "import {t}\nw{m} = {t}.VALUE",
    "from {p} import {s} as s{m}\ng{m} = s{m}.f",
    "from {r} import {s} as r{m}",
    "from {t} import *",
    "try:\n    from {t}_fast import VALUE as q{m}\nexcept ImportError:\n    from {t} import VALUE as q{m}",
    "try:\n    from {p} import missing{n} as q{m}\nexcept ImportError:\n    q{m} = None",
    "if VALUE % 2:\n    from {t} import f as h{m}\nelse:\n    h{m} = None",
    "def late{m}():\n    from {t} import VALUE\n    return VALUE\nL{m} = late{m}()",
    "def late{m}():\n    import {t} as t\n    return t.f",
    "from {t} import K\nclass C{m}(K):\n    x = {n}",
    "import {t} as b{m}\nclass C{m}(b{m}.K):\n    x = {n}",
    "from {t} import VALUE as D{m}\ndef g{m}(x=D{m}):\n    return x",
    "from shop.core import register\n@register\ndef r{m}():\n    return {n}",
    "from shop import core\n@core.named('n{n}')\ndef r{m}():\n    return {n}",
    "import shop.core\nshop.core.ITEMS.append('{m}')",
    "from shop.core import TABLE\nTABLE['{n}'] = '{m}'",
    "from shop.core import bump\nN{m} = bump()",
    "from shop.core import COUNTER as N{m}",
    "from shop import core as c{m}\nN{m} = c{m}.COUNTER",
    "from shop.core import REGISTER\n@REGISTER.add\ndef a{m}():\n    return {n}",
    "from shop.core import REGISTER as R{m}\nadd{m} = R{m}.add\nadd{m}({n})",
    "from shop.core import Base\nclass B{m}(Base):\n    x = {n}",
    "from shop.core import Meta\nclass M{m}(metaclass=Meta):\n    x = {n}",
    "from shop.core import Field\nclass F{m}:\n    x = Field()",
    "from shop.core import cached\nX{m} = cached({n})",
    "from shop.core import shown\n@shown.register\ndef shown{m}(value: {kind}):\n    return {n}",
    "from shop.core import ITEMS\nI{m} = list(ITEMS)",
    "from shop.core import ITEMS as alias{m}\nsame{m} = alias{m}",
    "from shop import core\nfor item{m} in (1, {n}):\n    core.ITEMS.append(item{m})",
    "from shop.core import DEFAULTS\nA{m} = DEFAULTS['a']",
    "from shop.core import DEFAULTS\ndef change{m}():\n    DEFAULTS['c'] = {n}\nchange{m}()",
    "from shop.core import handle, ITEMS\n@handle\ndef handler{m}():\n    ITEMS.append('h{m}')\n    return {n}",
    "from shop.core import fire\nfired{m} = fire()",
    "from shop.core import plain\n@plain\ndef same{m}():\n    return {n}",
    "import {t} as t{m}\nt{m}.STATE.append('{m}')",
    "from {t} import STATE as S{m}\nS{m}.append({n})",
    "import {t} as t{m}\nt{m}.flag = {n}",
    "import {t} as t{m}\nseen{m} = getattr(t{m}, 'flag', None)",
    "import {t} as t{m}\nseen{m} = len(t{m}.STATE)",
    "from {t} import K as P{m}\nP{m}.patched = '{m}'",
    "from {t} import f as f{m}\nf{m}.mark = {n}",
    "from {t} import f as f{m}\nV{m} = f{m}(1)",
    "import {t} as t{m}\nsetattr(t{m}.K, 'set{n}', {n})",
    "import importlib\ni{m} = importlib.import_module('{t}').VALUE",
    "import importlib\nname{m} = '{t}'\ni{m} = importlib.import_module(name{m}).VALUE",
    "i{m} = __import__('{t}', fromlist=['VALUE']).VALUE",
    "import sys\nimport {t}\ni{m} = sys.modules['{t}'].VALUE",
    "import {t}\ndef __getattr__(name):\n    if name == 'lazy':\n        return {t}.VALUE\n    raise AttributeError(name)",
    "from {t} import f as f{m}\nfrom functools import partial\npart{m} = partial(f{m}, {n})",
    "from {t} import K as K{m}\nINSTANCE = K{m}()\nINSTANCE.x = {n}",
    "STATE.append({n})",
    "OWN{m} = {n}",
    "def only{m}():\n    return {n}",
    "def helper{m}():\n    from shop.core import ITEMS\n    ITEMS.append({n})\nhelper{m}()",
    "def create_pipeline():\n    from ipyproject import Node, Pipeline\n    return Pipeline([Node(f, 'in{n}', 'out{m}')])",
    "from {t} import f as step{m}\ndef create_pipeline():\n    from ipyproject import Node, Pipeline\n    return Pipeline([Node(step{m}, 'in{n}', 'out{m}')])",
    (
        "from shop.core import bump as bump{m}\n"
        "def create_pipeline():\n    from ipyproject import Pipeline\n    bump{m}()\n    return Pipeline([])"
    ),
    (
        "def register_pipelines():\n    import shop.core as core\n    from ipyproject import Pipeline, find_pipelines\n"
        "    return {{**find_pipelines(), **{{str(name): Pipeline([]) for name in core.TABLE}}}}"
    ),
    "import shop\nfrom pathlib import Path\nwords{m} = Path(shop.__file__).with_name('words.txt').read_text()",
)
SETTINGS = "import shop.hooks\n"
SKELETON = {
    "shop.hooks": ("import shop.c", "import shop.sub.x", "import shop.a"),
    "shop.pipeline_registry": (
        "import shop.util",
        "from ipyproject import find_pipelines\ndef register_pipelines():\n    return find_pipelines()",
    ),
    "shop.pipelines.p3": ("from ipyproject import Pipeline\ndef create_pipeline():\n    return Pipeline([])",),
    "shop.c": ("from shop.b import f as bf",),
    "shop.sub": ("from .y import f as yf",),
    "shop.a": ("import shop.ns.n", "from shop import util"),
    "shop.pipelines.p1": ("from .pipeline import create_pipeline",),
    "shop.pipelines.p1.pipeline": (
        (
            "from ipyproject import Node, Pipeline\nfrom .nodes import f as clean\n"
            "def create_pipeline():\n    return Pipeline([Node(clean, 'a', 'b')])"
        ),
    ),
    "shop.pipelines.p2": (
        (
            "from ipyproject import Node, Pipeline\nfrom shop.util import f as clean\n"
            "def create_pipeline():\n    return Pipeline([Node(clean, 'b', 'c')])"
        ),
    ),
}
KINDS = ("int", "str", "list", "dict")


def template_text(template, name, target, number, mark):
    """Fill in a template for a module."""
    parent, _, short = target.rpartition(".")
    package = name if POOL.get(name) else name.rpartition(".")[0]
    return TEMPLATES[template % len(TEMPLATES)].format(
        t=target,
        p=parent or target,
        s=short if parent else "VALUE",
        r=relative(package, parent or target),
        n=number,
        m=mark,
        kind=KINDS[number % 4],
    )


def relative(package, target):
    """Return the form of a module's name with leading dots, seen from a package; absolute across top levels."""
    if not package or package.partition(".")[0] != target.partition(".")[0]:
        return target
    here, there = package.split("."), target.split(".")
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    return "." * (len(here) - common + 1) + ".".join(there[common:])


def path_of(source: Path, name: str) -> Path:
    """Return the file of a module of the pool."""
    inner = Path(*name.split("."))
    return source / inner / "__init__.py" if POOL.get(name) else source / f"{inner}.py"


def module_text(name, number, statements):
    """Return a module's source."""
    head = CORE if name == "shop.core" else ""
    base = "" if name in {"shop", "shop.pipelines"} and not number else ALWAYS.format(number=number)
    return head + base + "".join(f"{statement}\n" for statement in statements)
