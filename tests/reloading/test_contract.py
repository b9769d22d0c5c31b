"""A reload gives what a fresh process has, and executes no more than it must; a failed one leaves all as it was."""

from __future__ import annotations

import importlib
import sys

import pytest

from ipyproject import reload_project
from ipyproject.errors import ProjectError

# What a module holds, what another one does to it before it fails, and how to look at it.
TOUCHED = {
    "an array": ("import numpy as np\nA = np.arange(6.0)\n", "A[0] = 7\n", "A.tolist()"),
    "a view": ("import numpy as np\nA = np.arange(6.0).reshape(2, 3).T[::2]\n", "A[0, 0] = 7\n", "A.tolist()"),
    "a bytearray": ("A = bytearray(b'abc')\n", "A.extend(b'x')\n", "bytes(A)"),
    "an array of the standard library": ("import array\nA = array.array('d', [1])\n", "A.append(2)\n", "A.tolist()"),
    "streams": ("import io\nA = io.StringIO('a')\n", "A.write('text')\n", "A.getvalue()"),
    "a frame": ("import pandas as pd\nA = pd.DataFrame({'a': [1]})\n", "A['b'] = [2]\n", "A.to_dict()"),
    "a default": (
        "from collections import defaultdict\nA = defaultdict(list)\n",
        "A['x'].append(1)\nA.default_factory = int\n",
        "(dict(A), A.default_factory)",
    ),
    "an order": (
        "from collections import OrderedDict\nA = OrderedDict(a=1, b=2)\n",
        "A.move_to_end('a')\n",
        "list(A.items())",
    ),
    "keys that are equal": ("A = {1: 'x'}\n", "A.clear()\nA[True] = 'x'\n", "repr(A)"),
    "a cache": (
        "import functools\nSTATE = [1]\n@functools.lru_cache\ndef A(): return STATE[0]\n",
        "from shop.held import STATE\nSTATE[0] = 2\nA()\n",
        "A() if A.cache_info().currsize else STATE[0]",
    ),
    "a registered class": (
        "import abc\nclass A(abc.ABC): ...\nclass B: ...\nA.register(B)\n",
        "A.register(list)\nissubclass(list, A)\n",
        "(issubclass(list, A), issubclass(B, A))",
    ),
    "the class of an instance": (
        "class B:\n    __slots__ = ()\nclass C:\n    __slots__ = ()\nA = B()\n",
        "from shop.held import C\nA.__class__ = C\n",
        "type(A) is B",
    ),
    "the class of a module": (
        "import sys, types\nclass A(types.ModuleType): ...\n",
        "import sys\nsys.modules['shop.held'].__class__ = A\n",
        "type(sys.modules['shop.held']) is types.ModuleType",
    ),
    "all attributes of an instance": ("class B: ...\nA = B()\nA.a = 1\n", "A.__dict__ = {'b': 1}\n", "dict(vars(A))"),
    "a context variable": (
        "from contextvars import ContextVar\nA = ContextVar('A', default=1)\n",
        "A.set(2)\n",
        "A.get()",
    ),
    "attributes of this thread": ("import threading\nA = threading.local()\n", "A.a = 1\n", "dict(vars(A))"),
    "texts": ("def A(): 'text'\nclass B: 'text'\n", "A.__doc__ = 'other'\n", "A.__doc__"),
    "an error": ("A = ValueError('a')\n", "A.args = ()\n", "A.args"),
    "what calls itself something else": (
        "class B(dict):\n    def __iter__(self): return iter(())\n    def keys(self): return ()\nA = B(a=1)\n",
        "dict.__setitem__(A, 'b', 1)\n",
        "dict.__repr__(A)",
    ),
}


def shop(name):
    return importlib.import_module(f"shop.{name}")


def executed(session):
    return set(session.changes.executed)


@pytest.mark.parametrize("name", TOUCHED)
def test_what_a_failed_load_touched(make_project, name):
    """What untouched modules hold is as it was after a load that changed it and failed, and new where it succeeds."""
    held, touch, shown = TOUCHED[name]
    files = {
        "src/shop/held.py": held,
        "src/shop/edited.py": "",
        "src/shop/settings.py": "import shop.held, shop.edited\n",
    }
    project = make_project(files)
    reload_project(project.root)
    before = eval(shown, vars(shop("held")))
    touching = f"from shop.held import A\n{touch}"
    project.write({"src/shop/edited.py": f"{touching}1 / 0\n"})
    with pytest.raises(ProjectError):
        reload_project()
    assert eval(shown, vars(shop("held"))) == before
    project.write({"src/shop/edited.py": touching})
    reload_project()
    assert eval(shown, vars(shop("held"))) != before
    project.write({"src/shop/edited.py": "# nothing\n"})
    reload_project()
    assert eval(shown, vars(shop("held"))) == before


def test_what_refuses_to_be_put_back(make_project):
    """One object that can't be put back keeps nothing else from it."""
    held = "class Odd(ValueError):\n    def __del__(self): ...\nODD = {Odd(): 1}\nLAST = []\n"
    stubborn = "from shop.held import *\nOdd.__hash__ = None\nODD.clear()\nLAST.append(1)\n1 / 0\n"
    project = make_project({"src/shop/held.py": held, "src/shop/settings.py": "import shop.held\n"})
    reload_project(project.root)
    project.write({"src/shop/edited.py": stubborn, "src/shop/pipeline_registry.py": "import shop.edited\n"})
    with pytest.raises(ProjectError):
        reload_project()
    assert shop("held").LAST == []


def test_a_flag_that_is_set_only_now(make_project):
    """Where an edit makes a module change another, those that have read the other at their import read it again."""
    files = {
        "src/shop/flags.py": "FAST = False\n",
        "src/shop/switch.py": "",
        "src/shop/reads.py": "import shop.flags\nif shop.flags.FAST:\n    KIND = 'fast'\nelse:\n    KIND = 'slow'\n",
        "src/shop/settings.py": "import shop.switch, shop.reads\n",
    }
    project = make_project(files)
    reload_project(project.root)
    assert shop("reads").KIND == "slow"
    project.write({"src/shop/switch.py": "import shop.flags\nshop.flags.FAST = True\n"})
    assert "shop.reads" in executed(reload_project())
    assert shop("reads").KIND == "fast"
    project.write({"src/shop/switch.py": "1 / 0\n"})
    with pytest.raises(ProjectError):
        reload_project()
    project.write({"src/shop/switch.py": "# no more\n"})
    reload_project()
    assert shop("reads").KIND == "slow"
    assert shop("flags").FAST is False


def test_a_kept_module_that_is_touched(make_project):
    """A module that stays whatever happens may be touched by every load: none goes on for ever."""
    files = {
        "src/shop/flags.py": "LOADS = []\n",
        "src/shop/switch.py": "",
        "src/shop/reads.py": "import shop.flags\n",
        "src/shop/settings.py": "import shop.switch, shop.reads\nRELOAD_KEEP = ('shop.flags',)\n",
    }
    project = make_project(files)
    reload_project(project.root)
    for number in (1, 2):
        project.write({"src/shop/switch.py": f"import shop.flags\nshop.flags.LOADS.append({number})\n"})
        reload_project()
    assert shop("flags").LOADS[-1] == 2


def test_a_fallback_whose_first_choice_failed(make_project):
    """A module that could not be imported is tried again once its file is another, by whoever wanted it."""
    files = {
        "src/shop/slow.py": "KIND = 'slow'\n",
        "src/shop/fast.py": "import library_that_is_not_there\nKIND = 'fast'\n",
        "src/shop/uses.py": "try:\n    from shop.fast import KIND\nexcept ImportError:\n    from shop.slow import KIND\n",
        "src/shop/settings.py": "import shop.uses\n",
    }
    project = make_project(files)
    reload_project(project.root)
    assert shop("uses").KIND == "slow"
    project.write({"src/shop/fast.py": "KIND = 'fast'\n"})
    reload_project()
    assert shop("uses").KIND == "fast"


def test_an_attribute_of_a_package_that_nobody_sets_any_more(make_project):
    """Who looks a module up in its package, and has it imported by another, misses it once that one does not."""
    files = {
        "src/shop/late.py": "VALUE = 1\n",
        "src/shop/imports.py": "import shop.late\n",
        "src/shop/uses.py": "import shop\nVALUE = shop.late.VALUE\n",
        "src/shop/settings.py": "import shop.imports, shop.uses\n",
    }
    project = make_project(files)
    reload_project(project.root)
    project.write({"src/shop/imports.py": "# no more\n"})
    with pytest.raises(ProjectError, match="late"):
        reload_project()
    assert sys.modules["shop"].late.VALUE == 1


def test_subclasses_that_somebody_asks_for(make_project):
    """Where a source asks for subclasses, old ones are not among them; else a base class stays as it is."""
    files = {
        "src/shop/base.py": "class Step: ...\n",
        "src/shop/steps.py": "from shop.base import Step\nclass A(Step): ...\n",
        "src/shop/settings.py": "import shop.steps\n",
    }
    project = make_project(files)
    reload_project(project.root)
    base = shop("base")
    project.write({"src/shop/steps.py": "from shop.base import Step\nclass B(Step): ...\n"})
    reload_project()
    assert shop("base") is base
    asking = "\nimport shop.base\nNAMES = [each.__name__ for each in shop.base.Step.__subclasses__()]\n"
    project.write({"src/shop/steps.py": f"from shop.base import Step\nclass C(Step): ...\n{asking}"})
    reload_project()
    assert shop("steps").NAMES == ["C"]
    project.write({"src/shop/steps.py": f"from shop.base import Step\nclass D(Step): ...\n{asking}"})
    reload_project()
    assert shop("steps").NAMES == ["D"]


NODES = """
import enum
import functools
import logging
import re
import typing
from collections import defaultdict, namedtuple
from dataclasses import MISSING, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from shop.base import Step

log = logging.getLogger(__name__)
PATTERN = re.compile("a+", re.IGNORECASE)
UNSET = object()
NOTHING, ADD, ABSENT, ROOT = MISSING, np.add, pd.NA, Path(".")
BY_KIND = defaultdict(list)
Row = namedtuple("Row", "x y")

class Color(enum.Enum):
    RED = 1

@dataclass(frozen=True, slots=True)
class Config:
    columns: list = field(default_factory=list)
    color: Color = Color.RED

class Clean(Step):
    def run(self, frame: pd.DataFrame, default=UNSET) -> "typing.Any":
        return frame

@functools.lru_cache
def connect(config=None):
    return object()

CONFIG, ROW, CONNECTION = Config(), Row(1, 2), connect()
"""


def test_an_edit_executes_only_what_it_must(make_project):
    """In a project with the imports that projects have, an edit executes one module and those that import it."""
    names = [f"nodes_{number}" for number in range(4)]
    files = {
        **{f"src/shop/{name}.py": NODES for name in names},
        "src/shop/base.py": "class Step:\n    def run(self, frame): raise NotImplementedError\n",
        "src/shop/uses.py": "from shop.nodes_1 import Clean\n",
        "src/shop/settings.py": "import shop.pipeline_registry\n",
        "src/shop/pipeline_registry.py": f"from shop import {', '.join(names)}, uses\ndef register_pipelines(): return {{}}\n",
    }
    project = make_project(files)
    reload_project(project.root)
    others = {name: (shop(name).CONNECTION, shop(name).Config) for name in names if name != "nodes_1"}
    for number in range(3):
        project.write({"src/shop/nodes_1.py": f"{NODES}NUMBER = {number}\n"})
        session = reload_project()
        assert executed(session) <= {
            "shop.nodes_1",
            "shop.uses",
            "shop.base",
            "shop.pipeline_registry",
            "shop.settings",
        }
    assert {name: (shop(name).CONNECTION, shop(name).Config) for name in others} == others
