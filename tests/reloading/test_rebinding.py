"""Names outside the project after a reload."""

from __future__ import annotations

import importlib

import pytest

from ipyproject import reload_project
from ipyproject.imported import ImportedNames, Store
from ipyproject.notebook.statements import read_statements

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
    assert names["tools"] is shop
    assert names["clean"]("x") == names["c"]("x") == "new"
    assert names["clean"] is shop.clean
    assert names["Penguin"].kind == "new"
    assert names["t"] == {"b": 2}
    assert set(session.changes.names.rebound) == {"clean", "c", "Penguin", "t"}


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
