"""Names that cells imported follow a reload, by evidence; what the user bound himself is his."""

from __future__ import annotations

import gc
import sys
import timeit
from textwrap import dedent
from types import SimpleNamespace

import pytest

from ipyproject import current_session

BEFORE = """
RATE = 2
NAME = "a"
SIZE = 1234.5
TABLE = {"a": 1}
def clean(): return "old"
class Penguin:
    kind = "old"
"""
AFTER = """
RATE = 20
NAME = "b"
SIZE = 9.5
TABLE = {"b": 2}
def clean(): return "new"
class Penguin:
    kind = "new"
"""
EDIT = {"src/shop/tools.py": AFTER}


@pytest.fixture
def project(make_project, monkeypatch):
    """A project with some tools, which the pipelines import, too."""
    project = make_project({"src/shop/tools.py": BEFORE, "src/shop/settings.py": "import shop.tools\n"})
    monkeypatch.chdir(project.root)
    return project


@pytest.fixture
def ip(shell, project):
    """A shell with the project open."""
    shell.run_line_magic("load_ext", "ipyproject")
    shell.run_line_magic("reload_project", "")
    return shell


def run(ip, *cells):
    """Run cells as a person does; an error of theirs is shown, and the next one runs."""
    for cell in cells:
        ip.run_cell(dedent(cell), store_history=True)


def reloaded(ip, project, *cells, edit=None):
    """Run cells, edit, reload; give what was rebound."""
    run(ip, *cells)
    project.write(edit or EDIT)
    ip.run_line_magic("reload_project", "--quiet")
    return set(current_session().changes.names.rebound)


FOLLOWED = {
    "plain": ["from shop.tools import RATE"],
    "alias": ["from shop.tools import SIZE, RATE as RATE"],
    "if": ["if len('a') == 1:\n    from shop.tools import RATE"],
    "else": ["if not len('a'):\n    RATE = 5\nelse:\n    from shop.tools import RATE"],
    "untaken": ["from shop.tools import RATE", "if not len('a'):\n    RATE = 3"],
    "try": ["try:\n    from shop.tools import RATE\nexcept ImportError:\n    RATE = 2"],
    "except": ["try:\n    from shop.nothing import RATE\nexcept ImportError:\n    from shop.tools import RATE"],
    "finally": ["try:\n    pass\nfinally:\n    from shop.tools import RATE"],
    "for": ["for _ in range(2):\n    from shop.tools import RATE"],
    "while": ["while True:\n    from shop.tools import RATE\n    break"],
    "with": ["import contextlib\nwith contextlib.nullcontext():\n    from shop.tools import RATE"],
    "match": ["match 1:\n    case 1:\n        from shop.tools import RATE"],
    "failed": ["from shop.tools import RATE\n1 / 0\nRATE = 2"],
    "failed after an own": ["RATE = 2", "from shop.tools import RATE\n1 / 0"],
    "star": ["from shop.tools import *"],
    "star that failed": ["from shop.tools import *\n1 / 0"],
    "again": ["RATE = 2", "from shop.tools import RATE"],
    "global": ["def get():\n    global RATE\n    from shop.tools import RATE\nget()"],
    "global, called later": ["def get():\n    global RATE\n    from shop.tools import RATE", "get()"],
    "exec": ["exec('from shop.tools import RATE')"],
    "%%time": ["%%time\nfrom shop.tools import RATE"],
    "%%capture": ["%%capture out\nfrom shop.tools import RATE"],
    "%time": ["%time from shop.tools import RATE"],
    "own In": ["In = []", "from shop.tools import RATE"],
    "typed in between": ["from shop.tools import RATE", "RATE = 3", "from shop.tools import RATE"],
    "another value before": ["RATE = sum([1])", "if len('a') == 1:\n    from shop.tools import RATE"],
    "deleted before": ["RATE = 3", "del RATE", "for _ in range(2):\n    from shop.tools import RATE"],
    "only annotated": ["from shop.tools import RATE", "RATE: int"],
    "inside others": ["from shop.tools import RATE", "def f():\n    RATE = 2\n[RATE for RATE in (2,)]\nf()"],
    "semicolons": ["from shop.tools import RATE; x = 1"],
    "importlib": [
        "import importlib\nRATE = 7\nRATE = importlib.import_module('shop.tools').RATE; del RATE",
        "%run own.py",
    ],
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_followed(ip, project, case):
    """A constant that a cell imported, however it did, has its value of now after a reload."""
    project.write({"own.py": "from shop.tools import RATE\n"})
    cells = FOLLOWED[case]
    run(ip, *cells)
    assert ip.user_ns["RATE"] == 2
    reloaded(ip, project)
    assert ip.user_ns["RATE"] == 20
    project.write({"src/shop/tools.py": AFTER.replace("20", "30")})
    ip.run_line_magic("reload_project", "--quiet")
    assert ip.user_ns["RATE"] == 30, "and after the next one"


def test_an_object_proves_its_import(ip, project):
    """A function is followed in whatever branch it was imported, though the other one would bind the name, too."""
    cell = "if len('a') == 1:\n    from shop.tools import clean as _c\nelse:\n    def _c(): ..."
    assert reloaded(ip, project, cell) == {"_c"}
    assert ip.user_ns["_c"]() == "new"


def test_none_is_nobodys(ip, project):
    """A name that was bound to None stays so, also when the class that was imported by that name is freed."""
    run(ip, "from shop.tools import Penguin", "Penguin = None")
    for number in range(3):
        reloaded(ip, project, edit={"src/shop/tools.py": AFTER.replace("20", f"2{number}")})
        assert ip.user_ns["Penguin"] is None
        gc.collect()


OWN = {
    "typed": ["RATE = 2"],
    "typed after": ["from shop.tools import RATE", "RATE = 2"],
    "typed after, same cell": ["from shop.tools import RATE\nRATE = 2"],
    "untaken": ["RATE = 2", "if not len('a'):\n    from shop.tools import RATE"],
    "untaken, same cell": ["RATE = 2\nif not len('a'):\n    from shop.tools import RATE"],
    "other branch": ["if not len('a'):\n    from shop.tools import RATE\nelse:\n    RATE = 2"],
    "never": ["RATE = 2\nif False:\n    from shop.tools import RATE"],
    "empty loop": ["RATE = 2", "for _ in []:\n    from shop.tools import RATE"],
    "not reached": ["RATE = 2", "1 / 0\nfrom shop.tools import RATE"],
    "does not compile": ["RATE = 2", "from shop.tools import RATE\n1 +"],
    "in a function": ["RATE = 2", "def f():\n    from shop.tools import RATE\nf()"],
    "loop": ["from shop.tools import RATE", "for RATE in (1, 2): pass"],
    "counted": ["from shop.tools import RATE", "RATE -= 0"],
    "walrus": ["from shop.tools import RATE", "(RATE := 2)"],
    "unpacked": ["from shop.tools import RATE", "RATE, other = 2, 3"],
    "with": ["from shop.tools import RATE", "import contextlib\nwith contextlib.nullcontext(2) as RATE: pass"],
    "matched": ["from shop.tools import RATE", "match [2]:\n    case [RATE]: pass"],
    "global": ["from shop.tools import RATE", "def f():\n    global RATE\n    RATE = 2\nf()"],
    "exec": ["from shop.tools import RATE", "exec('RATE = 2')"],
    "%%time": ["from shop.tools import RATE", "%%time\nRATE = 2"],
    "%time": ["from shop.tools import RATE", "%time RATE = 2"],
    "%run": ["%run own.py"],
    "star before": ["from shop.tools import *", "RATE = 2"],
    "an alias of a constant": ["import shop.tools", "RATE = shop.tools.RATE"],
}


@pytest.mark.parametrize("case", OWN)
def test_own(ip, project, case):
    """A name that the user bound himself to the same value is never touched."""
    project.write({"own.py": "RATE = 2\n"})
    run(ip, *OWN[case])
    assert ip.user_ns["RATE"] == 2
    assert "RATE" not in reloaded(ip, project)
    assert ip.user_ns["RATE"] == 2


def test_before_the_extension_is_loaded(shell, project, monkeypatch):
    """Imports that ran before %load_ext count, by any way to the sources; what was typed then is the user's."""
    monkeypatch.syspath_prepend(str(project.root / "src"))
    run(
        shell, "from shop.tools import RATE, clean\nNAME = 'a'", "def f():\n    from shop.tools import NAME", "SIZE = 1"
    )
    run(shell, "%load_ext ipyproject\n%reload_project")
    assert reloaded(shell, project) == {"RATE", "clean"}
    assert (shell.user_ns["RATE"], shell.user_ns["clean"](), shell.user_ns["NAME"]) == (20, "new", "a")


def test_imports_in_the_cell_that_reloads(ip, project):
    """What a cell has imported above %reload_project is rebound by it; what stands below does not count yet."""
    run(ip, "RATE = 2")
    (project.root / "edit.py").write_text(f"import pathlib\npathlib.Path('src/shop/tools.py').write_text({AFTER!r})")
    cell = "from shop.tools import NAME, SIZE\n%run edit.py\n%reload_project\nseen = NAME, SIZE, RATE\nNAME = 'c'"
    run(ip, cell)
    assert ip.user_ns["seen"] == ("b", 9.5, 2)
    assert ip.user_ns["NAME"] == "c"


def test_under_auto(ip, project):
    """With --auto the cell that is about to run has imported nothing yet."""
    run(ip, "%reload_project --auto", "from shop.tools import RATE", "NAME = 'a'")
    project.write(EDIT)
    run(ip, "seen = RATE\nRATE = 3\nif RATE == 5:\n    from shop.tools import NAME")
    assert ip.user_ns["seen"] == 20
    assert ip.user_ns["NAME"] == "a"


def test_objects_follow_whoever_assigned_them(ip, project):
    """Other names of functions, classes, containers, and of what is in classes, follow; own functions do not."""
    run(ip, "import shop.tools as t", "c, P, table, init = t.clean, t.Penguin, t.TABLE, t.Penguin.__repr__")
    run(ip, "import functools", "mine = functools.wraps(t.clean)(lambda: 'mine')", "def clean(): return 'mine'")
    old = ip.user_ns["table"]
    assert reloaded(ip, project) >= {"c", "P", "table"}
    names = ip.user_ns
    assert (names["c"](), names["P"].kind, names["table"]) == ("new", "new", {"b": 2})
    assert (names["mine"](), names["clean"]()) == ("mine", "mine")
    assert names["t"] is sys.modules["shop.tools"]
    assert old == {"a": 1}


def test_an_own_object_put_into_a_module(ip, project):
    """An object of the user's that he assigned to an attribute of a module stays his."""
    run(ip, "import shop.tools as t", "mine = {'a': 3}\nt.TABLE = mine", "other = {'a': 4}\nsetattr(t, 'TABLE', other)")
    assert not reloaded(ip, project) & {"mine", "other"}
    assert (ip.user_ns["mine"], ip.user_ns["other"]) == ({"a": 3}, {"a": 4})


@pytest.mark.parametrize("line", ["%run imports.py", "%run imports", "%run -i imports.py", "%run -m shop.job"])
def test_run(ip, project, line):
    """What a script imports that %run executes counts, and what it binds is the user's."""
    script = "from shop.tools import RATE, clean\nNAME = 'a'\n"
    project.write({"imports.py": script, "src/shop/job.py": script.replace("shop.tools", ".tools")})
    assert reloaded(ip, project, line) == {"RATE", "clean"}
    assert (ip.user_ns["RATE"], ip.user_ns["NAME"], ip.user_ns["clean"]()) == (20, "a", "new")


def test_run_of_a_notebook(ip, project):
    """Cells of a notebook that %run executes are cells."""
    import nbformat

    cells = [nbformat.v4.new_code_cell(each) for each in ("from shop.tools import RATE", "NAME = 'a'")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), project.root / "imports.ipynb")
    assert reloaded(ip, project, "%run imports.ipynb") == {"RATE"}


def test_what_no_cell_shows(ip, project):
    """A constant that came some other way is followed if name and value are one module's; not if two disagree."""
    project.write({"src/shop/other.py": "NAME = 'a'\n", "src/shop/settings.py": "import shop.tools, shop.other\n"})
    ip.run_line_magic("reload_project", "")
    run(ip, "import shop.tools", "globals().update({n: getattr(shop.tools, n) for n in ('RATE', 'NAME', 'SIZE')})")
    assert reloaded(ip, project) == {"RATE", "SIZE"}


def test_stars(ip, project):
    """A star gives what the module lets out now, by ``__all__`` too; a name that the user has is his."""
    before, after = "__all__ = ['RATE']\nRATE, NEW, TAKEN = 1, 2, 3\n", "__all__ = ['RATE', 'NEW', 'TAKEN', 'LAZY']\n"
    after += "RATE, NEW, TAKEN = 1, 2, 3\ndef __getattr__(name):\n    if name == 'LAZY': return 7\n    raise AttributeError\n"
    project.write({"src/shop/tools.py": before})
    ip.run_line_magic("reload_project", "")
    rebound = reloaded(ip, project, "from shop.tools import *", "TAKEN = 0", edit={"src/shop/tools.py": after})
    assert rebound == {"NEW", "LAZY"}
    assert [ip.user_ns[name] for name in ("RATE", "NEW", "TAKEN", "LAZY")] == [1, 2, 0, 7]


def test_a_star_that_was_not_executed(ip, project):
    """A star in a branch that was not taken gives nothing, then or later."""
    cell = "import shop.tools\nif not len('a'):\n    from shop.tools import *"
    assert reloaded(ip, project, cell, edit={"src/shop/tools.py": AFTER + "NEW = 1\n"}) == set()
    assert "NEW" not in ip.user_ns


LAZY = """
def __getattr__(name):
    if name == "table": return {{"made": {0}}}
    if name == "RATE": return {0}
    raise AttributeError(name)
"""


def test_names_by_getattr_of_a_module(ip, project):
    """What a module makes when it is asked follows, too."""
    project.write({"src/shop/lazy.py": LAZY.format(1), "src/shop/settings.py": "import shop.lazy\n"})
    ip.run_line_magic("reload_project", "")
    cells = [
        "from shop.lazy import RATE, table",
        "try:\n    from shop.lazy import RATE as r\nexcept ImportError:\n    r = None",
    ]
    reloaded(ip, project, *cells, edit={"src/shop/lazy.py": LAZY.format(2)})
    assert (ip.user_ns["RATE"], ip.user_ns["r"], ip.user_ns["table"]) == (2, 2, {"made": 2})


@pytest.mark.parametrize("module", ["extra", "sub.extra"])
def test_what_comes_back(ip, project, module):
    """Names of a module that goes and comes back, as with a branch, are reported, then bound again."""
    extra = "LIMIT = {0}\ndef extra(): return {0}\n"
    file = f"src/shop/{module.replace('.', '/')}.py"
    project.write({file: extra.format(1)})
    run(ip, f"from shop.{module} import LIMIT, extra", f"import shop.{module} as e", "f = extra")
    ip.run_line_magic("reload_project", "--quiet")
    project.write({file: None})
    ip.run_line_magic("reload_project", "--quiet")
    assert set(current_session().changes.names.gone) >= {"LIMIT", "extra", "f"}
    ip.run_line_magic("reload_project", "--quiet")
    project.write({file: extra.format(22)})
    ip.run_line_magic("reload_project", "--quiet")
    assert set(current_session().changes.names.rebound) >= {"LIMIT", "extra", "f"}
    assert (ip.user_ns["LIMIT"], ip.user_ns["extra"](), ip.user_ns["f"]()) == (22, 22, 22)


def test_beside_autoreload(ip, project, monkeypatch):
    """%autoreload patches old objects in place; names are bound to the new ones all the same."""
    run(ip, "%load_ext autoreload", "%autoreload 2", "from shop.tools import RATE, Penguin, clean", "c = clean")
    project.write(EDIT)
    run(ip, "x = 1", "%reload_project")
    tools = sys.modules["shop.tools"]
    names = ip.user_ns
    assert (names["RATE"], names["Penguin"], names["clean"]) == (20, tools.Penguin, tools.clean)
    assert names["c"]() == "new"
    run(ip, "%autoreload 0", "%unload_ext autoreload")


def test_instances(ip, project, capsys):
    """Instances in names and containers are moved to the new class and reported."""
    run(ip, "from shop.tools import Penguin", "one, many = Penguin(), {'a': Penguin()}")
    project.write(EDIT)
    run(ip, "%reload_project")
    names = ip.user_ns
    assert (names["one"].kind, names["many"]["a"].kind) == ("new", "new")
    assert isinstance(names["one"], names["Penguin"])
    assert current_session().changes.names.moved == ("one", "many")
    assert "objects   moved to new classes   one, many" in " ".join(capsys.readouterr().out.split(" "))


def test_a_cell_without_imports_costs_next_to_nothing(ip):
    """With fifty imported names and a hundred cells behind it, less than 50 microseconds."""
    run(ip, *[f"from shop.tools import RATE as r{n}" for n in range(50)], *["x = [1, 2]\ny = x" for _ in range(100)])
    info = SimpleNamespace(raw_cell="x = 1\n" * 50, transformed_cell="x = 1\n" * 50, store_history=True)
    result = SimpleNamespace(info=info, error_before_exec=None, error_in_exec=None)

    def cell():
        ip.events.trigger("pre_run_cell", info)
        ip.events.trigger("post_run_cell", result)

    assert min(timeit.repeat(cell, number=100, repeat=5)) / 100 < 50e-6
