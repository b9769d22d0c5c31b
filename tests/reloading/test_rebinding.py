"""Names outside the project after a reload."""

from __future__ import annotations

import gc
import importlib
import sys
import weakref
from types import ModuleType

import pytest

from ipyproject import reload_project
from ipyproject.imported import ImportedNames, Store
from ipyproject.notebook.statements import read_statements
from ipyproject.reloading import Rebinding, held_modules, plan_rebinding


def rebind(*given, **more):
    return plan_rebinding(*given, **more).apply()


BEFORE = """
RATE = 1
NAME = "a"
TABLE = {"a": 1}
class Penguin:
    kind = "old"
def clean(x):
    return "old"
def dropped(): ...
"""
AFTER = """
RATE = 2
NAME = "b"
TABLE = {"b": 2}
class Penguin:
    kind = "new"
def clean(x):
    return "new"
"""


@pytest.fixture
def shop(make_project):
    """A project with some tools, opened, then edited."""
    project = make_project({"src/shop/tools.py": BEFORE, "src/shop/api.py": "from shop.tools import clean"})
    reload_project(project.root)
    tools = importlib.import_module("shop.tools")
    importlib.import_module("shop.api")
    project.write({"src/shop/tools.py": AFTER})
    return tools


def test_names_follow_their_objects(shop):
    """Functions, classes, modules, aliases and containers are bound to their successors."""
    api = importlib.import_module("shop.api")
    names = {"tools": shop, "clean": shop.clean, "c": api.clean, "Penguin": shop.Penguin, "t": shop.TABLE}
    session = reload_project(names=names)
    tools = sys.modules["shop.tools"]
    assert names["tools"] is tools is not shop
    assert names["clean"]("x") == names["c"]("x") == "new"
    assert names["clean"] is tools.clean
    assert names["Penguin"].kind == "new"
    assert names["t"] == {"b": 2}
    assert set(session.changes.names.rebound) == {"tools", "clean", "c", "Penguin", "t"}


def test_numbers_and_texts_only_where_imported(shop):
    """A number is rebound where it was imported by name; one that the user wrote himself is his."""
    names = {"RATE": shop.RATE, "mine": 1, "n": shop.NAME, "late": 7}
    imported = ImportedNames()
    imported.note(names, read_statements("from shop.tools import RATE, NAME as n, RATE as late"), 1)
    session = reload_project(names=names, imported=imported)
    assert names == {"RATE": 2, "mine": 1, "n": "b", "late": 7}
    assert set(session.changes.names.rebound) == {"RATE", "n"}


def test_what_the_user_made_is_left_alone(shop):
    """His own functions and containers, and names with an underscore, are never touched."""

    def clean(x):
        return "mine"

    table, hidden = {"a": 1}, shop.clean
    names = {"clean": clean, "table": table, "_hidden": hidden}
    reload_project(names=names)
    assert names == {"clean": clean, "table": table, "_hidden": hidden}


def test_gone(shop):
    """A name whose object is gone from the code is reported, and still bound."""
    old = shop.dropped
    names = {"dropped": old}
    session = reload_project(names=names)
    assert names["dropped"] is old
    assert session.changes.names.gone == ("dropped",)


def test_a_failed_reload_rebinds_nothing(shop, make_project):
    """When the reload fails the names are as they were."""
    from pathlib import Path

    Path(shop.__file__).write_text("1 / 0")
    old = shop.clean
    names = {"clean": old}
    with pytest.raises(Exception, match="ZeroDivisionError"):
        reload_project(names=names)
    assert names["clean"] is old
    assert old("x") == "old"


def open_and_import(make_project, files, cells):
    project = make_project(files)
    reload_project(project.root)
    names, read = {}, []

    def stored(name, value):
        return max((at for at, cell in enumerate(read, 1) for each in cell if stores(each, name, value)), default=0)

    imported = ImportedNames(stored)
    for at, cell in enumerate(cells, 1):
        exec(cell, names)
        imported.note(names, read_statements(cell), at)
        read.append(read_statements(cell))
    return project, names, imported


def stores(statement, name, value):
    return isinstance(statement, Store) and statement.name == name and statement.may_give(value)


def test_what_importing_again_would_give(make_project):
    """A name is bound to what its import statement gives now, wherever that module has it from."""
    files = {
        "src/shop/report.py": "def total(): return 'report'\n",
        "src/shop/fast.py": "def total(): return 'fast'\n",
        "src/shop/api.py": "from shop.report import total\n",
        "src/shop/settings.py": "import shop.api\n",
    }
    project, names, imported = open_and_import(make_project, files, ["from shop.api import total"])
    project.write({"src/shop/api.py": "from shop.fast import total\n"})
    reload_project(names=names, imported=imported)
    assert names["total"]() == "fast"
    project.write({"src/shop/fast.py": None, "src/shop/quick.py": "def total(): return 'quick'\n"})
    project.write({"src/shop/api.py": "from shop.quick import total\n"})
    assert reload_project(names=names, imported=imported).changes.names.gone == ()
    assert names["total"]() == "quick"


def test_stars(make_project):
    """Constants that came by a star are rebound; what the user bound afterwards is his."""
    files = {"src/shop/tools.py": "RATE = 1\nSIZE = 2\n_HIDDEN = 3\n"}
    cells = ["from shop.tools import *", "SIZE = 2"]
    project, names, imported = open_and_import(make_project, files, cells)
    project.write({"src/shop/tools.py": "RATE = 10\nSIZE = 20\nNEW = 30\n_OTHER = 1\n"})
    assert reload_project(names=names, imported=imported).changes.names.rebound == ("RATE", "NEW")
    assert (names["RATE"], names["SIZE"], names["NEW"]) == (10, 2, 30)
    assert "_OTHER" not in names


def test_objects_from_elsewhere(make_project):
    """A class of a library that a module of the project also imported is not the project's to change."""
    project, names, _ = open_and_import(
        make_project, {"src/shop/tools.py": "from decimal import Decimal as Number\n"}, ["import shop.tools"]
    )
    from decimal import Decimal

    names["Number"] = Decimal
    project.write({"src/shop/tools.py": "from fractions import Fraction as Number\n"})
    assert reload_project(names=names).changes.names.rebound == ()
    assert names["Number"] is Decimal


def module(name, source, **attributes):
    """Make a module object, not in ``sys.modules``."""
    made = ModuleType(name)
    vars(made).update(attributes)
    exec(source, vars(made))
    return made


def bound(before, *statements):
    """Give the names that import statements bind from modules, and the evidence."""
    imported = ImportedNames()
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, made in before.items():
            patch.setitem(sys.modules, name, made)
        for at, statement in enumerate(statements, 1):
            exec(statement, names)
            imported.note(names, read_statements(statement), at)
    names.pop("__builtins__")
    return names, imported


def test_module_objects():
    """Names bound to a module, in whatever form, are bound to the new object; so is what others put in its place."""

    class Proxy:
        def __getattr__(self, name):
            raise AttributeError(name) if name == "__spec__" else RuntimeError  # an import looks for that

    before = {"p": module("p", "", __path__=[]), "p.a": module("p.a", "x = 1"), "q": Proxy()}
    before["p"].a = before["p.a"]
    after = {"p": module("p", ""), "p.a": module("p.a", "x = 1"), "q": module("q", "")}
    after["p"].a = after["p.a"]
    names, imported = bound(before, "import p", "import p.a as b", "from p import a, a as c", "import q")
    names["alias"] = names["b"]
    assert set(rebind(names, before, after, imported).rebound) == {"p", "a", "b", "c", "q", "alias"}
    assert names == {"p": after["p"], **dict.fromkeys(("a", "b", "c", "alias"), after["p.a"]), "q": after["q"]}


def test_a_plan_changes_nothing():
    """Until it is applied, names and instances are as they were."""
    before, after = {"m": module("m", "class A: v = 1\nx = 1")}, {"m": module("m", "class A: v = 2\nx = 2")}
    names, imported = bound(before, "from m import x, A")
    names["a"] = names["A"]()
    was = dict(names)
    plan = plan_rebinding(names, before, after, imported)
    assert (names, names["a"].v) == (was, 1)
    assert plan.apply() == Rebinding(rebound=("x", "A"), moved=("a",))
    assert (names["x"], names["A"], names["a"].v) == (2, after["m"].A, 2)


def test_nothing_of_the_old_world_is_held():
    """After a rebinding neither it nor the evidence keeps an old module, class, function or instance alive."""
    source = "import gone\nclass A: pass\ndef f(): ...\ntable = {'f': f}"
    before = {"m": module("m", source.replace("import gone", "def gone(): ..."))}
    names, imported = bound(before, "from m import *", "from m import f as g")
    names["a"] = names["A"]()
    old = [weakref.ref(each) for each in (before["m"], before["m"].A, before["m"].f)]
    after = {"m": module("m", source.replace("import gone\n", ""))}
    kept = rebind(names, before, after, imported)
    assert kept.gone == ("gone",)
    assert kept.lost_modules == {"m"}
    del names["gone"]  # until now it was the notebook that held the old world by it
    before.clear()
    gc.collect()
    assert [each() for each in old] == [None, None, None]
    assert kept.moved == ("a",)


def test_what_was_lost_comes_back():
    """A name whose object was gone is bound again when it is there, by import or alias; unless it was bound otherwise."""
    there = "def f(): ...\nx = 1\ntable = {}"
    first, second, third = module("m", there), module("m", ""), module("m", there.replace("1", "3"))
    names, imported = bound({"m": first}, "from m import f, x, table")
    names |= {"alias": names["f"], "taken": names["f"]}
    lost = rebind(names, {"m": first}, {"m": second}, imported)
    assert lost.gone == ("f", "x", "table", "alias", "taken")
    names["taken"] = 1
    again = rebind(names, {}, {}, imported, lost)
    assert (again.gone, again.lost.keys()) == ((), {"f", "x", "table", "alias"})
    back = rebind(names, {}, {"m": third}, imported, again)
    assert set(back.rebound) == {"f", "x", "table", "alias"}
    assert names == {"f": third.f, "x": 3, "table": third.table, "alias": third.f, "taken": 1}
    assert not back.lost


def test_held_modules():
    """Held is what names refer to, by whatever evidence: imports, objects, instances, constants; not what none does."""
    sources = {"a": "def f(): ...", "b": "class B: ...", "c": "x = 12345", "d": "y = 1", "e": "z = 1"}
    before = {name: module(name, source) for name, source in sources.items()}
    names, imported = bound(before, "from d import y")
    names |= {"g": before["a"].f, "many": [before["b"].B()], "x": before["c"].x}
    assert held_modules(names, before, imported) == {"a", "b", "c", "d"}


def test_held_modules_below_a_package():
    """``import p.a, p.b`` binds ``p`` alone, and both are held."""
    before = {name: module(name, "") for name in ("p", "p.a", "p.b", "p.c")}
    vars(before["p"])["__path__"] = []
    names, imported = bound(before, "import p.a, p.b")
    assert held_modules(names, before, imported) == {"p", "p.a", "p.b"}


def test_functions_of_classes_and_nested_classes():
    """Names of what stands within a class follow."""
    source = "class A:\n    class B: v = {0}\n    def f(self): return {0}\n"
    before, after = {"m": module("m", source.format(1))}, {"m": module("m", source.format(2))}
    names = {"B": before["m"].A.B, "f": before["m"].A.f}
    assert rebind(names, before, after).rebound == ("B", "f")
    assert (names["B"].v, names["f"](None)) == (2, 2)


def test_what_a_module_that_stays_defines(make_project):
    """A class of a module that was not executed again is what it was, whatever an executed one imports by its name now."""
    one, other = "class K: ...\n", "class K: other = 1\n"
    project = make_project(
        {"src/shop/b.py": other, "src/shop/c.py": one, "src/shop/hooks.py": "from shop.c import K\n"}
    )
    project.write({"src/shop/settings.py": "import shop.b, shop.c, shop.hooks\n"})
    reload_project(project.root)
    kept, names = sys.modules["shop.c"].K, {"mine": sys.modules["shop.c"].K}
    project.write({"src/shop/hooks.py": "from shop.b import K\n"})
    reload_project(names=names)
    assert names["mine"] is kept is sys.modules["shop.c"].K
