"""Executing only what is stale, in a project that is open."""

from __future__ import annotations

import importlib
import os
import sys

import pytest

from ipyproject import current, reload_project
from ipyproject.errors import ProjectError
from ipyproject.reloading.finder import ProjectFinder

FILES = {
    "src/shop/common.py": "RATE = 1\nCACHE = {}\ndef times(x): return x * RATE\n",
    "src/shop/alone.py": "SEEN = []\nclass Kept: pass\n",
    "src/shop/uses.py": "from shop.common import times\nimport shop.alone\n",
    "src/shop/settings.py": "import shop.uses\n",
}


@pytest.fixture
def project(make_project):
    project = make_project(FILES)
    reload_project(project.root)
    return project


def module(name):
    return importlib.import_module(f"shop.{name}")


def executed(session):
    return set(session.changes.executed)


def test_only_importers_are_executed(project):
    """An edit executes the module and what imports it; the others keep their identity, classes and caches."""
    alone, nodes = module("alone"), module("nodes")
    kept, double = alone.Kept, nodes.double
    alone.SEEN.append("kept")
    project.write({"src/shop/common.py": FILES["src/shop/common.py"].replace("RATE = 1", "RATE = 5")})
    session = reload_project()
    assert executed(session) == {"shop.common", "shop.uses", "shop.settings"}
    assert module("uses").times(2) == 10
    assert (module("alone"), module("alone").Kept, alone.SEEN) == (alone, kept, ["kept"])
    assert module("nodes").double is double
    assert session.changes.modules == 7
    assert session.changes.sources.changed == ("shop.common",)


def test_times_alone_execute_nothing(project):
    """A file that was saved without a change, or touched by a checkout, is not executed."""
    file = project.root / "src/shop/common.py"
    file.write_text(file.read_text())
    os.utime(file, ns=(0, 0))
    assert executed(reload_project()) == set()


def test_back_to_the_first_content(project):
    """An edit that is taken back between two reloads executes nothing; one that a reload saw is executed twice."""
    file, text = project.root / "src/shop/common.py", FILES["src/shop/common.py"]
    file.write_text("RATE = 2\n")
    file.write_text(text)
    assert executed(reload_project()) == set()
    file.write_text(text.replace("1", "3"))
    assert "shop.common" in executed(reload_project())
    file.write_text(text)
    assert "shop.common" in executed(reload_project())
    assert module("common").RATE == 1


def test_a_module_written_while_it_is_executed(project):
    """What was compiled counts, not what the file held when the reload began: the next reload sees the other text."""
    project.write(
        {
            "src/shop/common.py": """
                from pathlib import Path
                Path(__file__).with_name("alone.py").write_text("NEW = 1")
                def times(x): return x
                """
        }
    )
    reload_project()
    assert not hasattr(module("alone"), "NEW")
    reload_project()
    assert module("alone").NEW == 1


def test_modules_imported_later_are_known(project):
    """A module that the notebook imports is compiled from its source, and the next reload knows from which text."""
    file = project.root / "src/shop/later.py"
    file.write_text("VALUE = 1\n")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    import_in_a_process_that_writes_byte_code(project, "shop.later")
    file.write_text("VALUE = 2\n")
    os.utime(file, ns=times)
    later = module("later")
    assert later.VALUE == 2, "the byte code is of the same second and the same size"
    assert executed(reload_project()) == {"shop.later"}, "it is new since the last reload"
    assert executed(reload_project()) == set()
    file.write_text("VALUE = 3\n")
    assert executed(reload_project()) == {"shop.later"}
    assert module("later").VALUE == 3


def import_in_a_process_that_writes_byte_code(project, name):
    import subprocess

    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, "-c", f"import {name}"], check=True, env=environment, cwd=project.root / "src", timeout=60
    )


def test_a_removed_module_leaves_its_package(project):
    """A module whose file is gone is gone from its package too, and comes back with its file."""
    project.write({"src/shop/uses.py": "", "src/shop/alone.py": None})
    session = reload_project()
    assert "shop.alone" not in sys.modules
    assert not hasattr(sys.modules["shop"], "alone")
    assert session.changes.sources.removed == ("shop.alone",)
    project.write(FILES)
    assert "shop.alone" in executed(reload_project())
    assert sys.modules["shop"].alone is module("alone")


def test_a_failed_reload_puts_back_what_was_not_stale_too(project):
    """Attributes that a package lost and modules that were stale are back; the next reload executes the same again."""
    package = dict(vars(sys.modules["shop"]))
    namespaces = {name: dict(vars(module(name))) for name in ("common", "uses", "settings", "alone", "nodes")}
    text = FILES["src/shop/common.py"]
    project.write({"src/shop/common.py": text.replace("1", "5"), "src/shop/uses.py": "import shop.common\n1 / 0\n"})
    with pytest.raises(ProjectError, match=r"src/shop/uses\.py, line 2"):
        reload_project()
    assert dict(vars(sys.modules["shop"])) == package
    assert {name: dict(vars(module(name))) for name in namespaces} == namespaces
    project.write({"src/shop/uses.py": FILES["src/shop/uses.py"]})
    assert executed(reload_project()) == {"shop.common", "shop.uses", "shop.settings"}
    assert module("uses").times(2) == 10


def test_a_new_pipeline_module(make_project):
    """A module that find_pipelines finds takes effect without executing those that were there."""
    files = {
        "src/shop/pipeline_registry.py": None,
        "src/shop/pipelines/__init__.py": "",
        "src/shop/pipelines/first.py": """
            from ipyproject import Node, Pipeline
            from shop.nodes import double
            def create_pipeline(): return Pipeline([Node(double, ["orders", "params:rate"], "doubled")])
            """,
    }
    project = make_project(files)
    before = set(reload_project(project.root).pipelines)
    project.write({"src/shop/pipelines/second.py": files["src/shop/pipelines/first.py"].replace("doubled", "again")})
    session = reload_project()
    assert set(session.pipelines) == {*before, "second"}
    assert session.changes.pipelines.added == ("second",)
    assert executed(session) == {"shop.pipelines.second"}


def test_registries_have_no_stale_entries(make_project):
    """A decorator's registry in a module that was not edited holds what a fresh kernel would have in it."""
    project = make_project(
        {
            "src/shop/registry.py": "STEPS = {}\ndef step(function):\n    STEPS[function.__name__] = function\n",
            "src/shop/steps.py": "from shop.registry import step\n@step\ndef old(): ...\n",
            "src/shop/settings.py": "import shop.steps\n",
        }
    )
    reload_project(project.root)
    project.write({"src/shop/steps.py": "from shop.registry import step\n@step\ndef new(): ...\n"})
    reload_project()
    assert list(module("registry").STEPS) == ["new"]


def test_a_closed_session_is_no_reason_to_execute_all(project):
    """What is loaded is known though the session was closed by hand."""
    current.current_session().close()
    assert executed(reload_project()) == set()


def test_an_installed_project(make_project, monkeypatch):
    """A project in packaged mode is reloaded the same way."""
    from ipyproject import configure_project

    project = make_project(FILES)
    monkeypatch.syspath_prepend(str(project.root / "src"))
    monkeypatch.chdir(project.root)
    configure_project("shop")
    reload_project()
    project.write({"src/shop/common.py": FILES["src/shop/common.py"].replace("1", "5")})
    assert executed(reload_project()) == {"shop.common", "shop.uses", "shop.settings"}
    assert module("uses").times(2) == 10


def test_leaving_a_project_takes_its_finder_away(project, make_project):
    """One finder at most is on sys.meta_path, that of the open project; none once no project is open."""
    finders = [each for each in sys.meta_path if isinstance(each, ProjectFinder)]
    assert len(finders) == 1
    other = make_project(folder="other")
    reload_project(other.root)
    reload_project()
    assert len([each for each in sys.meta_path if isinstance(each, ProjectFinder)]) == 1
    assert finders[0] not in sys.meta_path
    current.current_session().close()
    current.reset()
    assert not [each for each in sys.meta_path if isinstance(each, ProjectFinder)]


def test_a_notebook_beside_the_code_is_no_code(project):
    """Notebooks are saved every few minutes; that executes nothing. Other files there may have been read at import."""
    project.write({"src/shop/look.ipynb": "{}"})
    assert executed(reload_project()) == set()
    project.write({"src/shop/table.csv": "a"})
    assert "shop.nodes" in executed(reload_project())


LIBRARY = "import importlib\ndef load(*parts): return importlib.import_module('.'.join(parts))\n"


@pytest.mark.parametrize(
    "text",
    ["load('shop', 'plugin')", "load('shop.plugin')", "load(*__name__.split('.')[:-1], 'plugin')"],
)
def test_what_a_library_imports(make_project, tmp_path, monkeypatch, text):
    """A module whose import a library did on behalf of another is known to be imported by that one."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/loading_library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    project = make_project(
        {
            "src/shop/plugin.py": "VALUE = 1\n",
            "src/shop/uses.py": f"from loading_library import load\nVALUE = {text}.VALUE\n",
            "src/shop/settings.py": "import shop.uses\n",
        }
    )
    reload_project(project.root)
    project.write({"src/shop/plugin.py": "VALUE = 22\n"})
    assert executed(reload_project()) == {"shop.plugin", "shop.uses", "shop.settings"}
    assert module("uses").VALUE == 22
    project.write({"src/shop/plugin.py": "VALUE = 333\n"})
    reload_project()
    assert module("uses").VALUE == 333
    del sys.modules["loading_library"]


READING = """
    from pathlib import Path
    from ipyproject import Node, Pipeline
    from shop.nodes import double
    CONF = Path(__file__).parents[2] / "conf/base"
    def register_pipelines():
        wanted = {wanted}
        return {{name: Pipeline([Node(double, ["orders", "params:rate"], name)]) for name in wanted}}
    """


@pytest.mark.parametrize(
    ("wanted", "edit"),
    [
        ("(CONF / 'wanted.yml').read_text().split()", {"conf/base/wanted.yml": "first second"}),
        ("[path.stem for path in CONF.glob('extra_*.txt')] + ['first']", {"conf/base/extra_second.txt": ""}),
        ("(CONF / '../../names.txt').read_text().split() + ['first']", {"names.txt": "extra_second"}),
    ],
)
def test_files_that_code_reads(make_project, wanted, edit):
    """A file or folder that code read while it was imported or made pipelines counts as its source, wherever it is."""
    project = make_project(
        {
            "src/shop/pipeline_registry.py": READING.format(wanted=wanted),
            "conf/base/wanted.yml": "first",
            "names.txt": "",
        }
    )
    assert set(reload_project(project.root).pipelines) == {"__default__", "first"}
    project.write({"conf/base/parameters.yml": "rate: 5"})
    assert executed(reload_project()) == set(), "a file that nobody read"
    project.write(edit)
    assert len(reload_project().pipelines) == 3
    assert executed(reload_project()) == set()


def test_code_that_asks_for_the_session(make_project):
    """Code that is made for the current session, while it is imported, is made anew for each."""
    text = READING.format(wanted="['first', current_session().env]")
    project = make_project(
        {"src/shop/pipeline_registry.py": text.replace("import Node", "import current_session, Node")}
    )
    assert "local" in reload_project(project.root).pipelines
    session = reload_project(env="prod")
    assert "prod" in session.pipelines
    assert "local" not in session.pipelines


def test_modules_that_were_executed_by_hand(project):
    """A module that importlib.reload() has executed counts as changed: what imports it has the old objects."""
    text = FILES["src/shop/common.py"].replace("RATE = 1", "RATE = 5")
    project.write({"src/shop/common.py": text})
    importlib.reload(module("common"))
    reload_project()
    assert module("uses").times(2) == 10
    del sys.modules["shop.alone"]
    module("alone")
    reload_project()
    assert module("uses").shop.alone is module("alone")
    assert executed(reload_project()) == set()


def test_what_closing_hooks_import(make_project):
    """A module that a hook imports while the old session closes was made on old code: it does not stay."""
    hooks = """
        from ipyproject import hook_impl
        class Hooks:
            @hook_impl
            def before_session_closed(self):
                import shop.late
        HOOKS = (Hooks(),)
        """
    project = make_project(
        {
            "src/shop/settings.py": hooks,
            "src/shop/common.py": "RATE = 1\n",
            "src/shop/late.py": "from shop.common import RATE\n",
        }
    )
    reload_project(project.root)
    project.write({"src/shop/common.py": "RATE = 5\n"})
    module("common")
    reload_project()
    assert module("late").RATE == 5


def test_what_nobody_imports_any_more(make_project):
    """A module that only an edited one imported is dropped, and with it its entries elsewhere."""
    files = {
        "src/shop/registry.py": "STEPS = []\n",
        "src/shop/steps.py": "from shop.registry import STEPS\nSTEPS.append('steps')\ndef step(): ...\n",
        "src/shop/more.py": "from shop.registry import STEPS\nSTEPS.append('more')\ndef more(): ...\n",
        "src/shop/settings.py": "import shop.registry, shop.steps, shop.more\n",
    }
    project = make_project(files)
    reload_project(project.root)
    assert module("registry").STEPS == ["steps", "more"]
    names = {"more": module("more").more}
    project.write({"src/shop/settings.py": "import shop.registry\n"})
    reload_project(names=names)
    assert module("registry").STEPS == ["more"]
    assert "shop.steps" not in sys.modules
    names.clear()
    project.write({"src/shop/more.py": "1 / 0\n"})
    reload_project(names=names)
    assert module("registry").STEPS == []


def test_what_a_module_outside_holds(make_project, tmp_path, monkeypatch):
    """A module that another one outside the project has imported is executed anew for it."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/holding_library.py").write_text("from shop import extra\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    project = make_project({"src/shop/extra.py": "VALUE = 1\n"})
    reload_project(project.root)
    holding = importlib.import_module("holding_library")
    project.write({"src/shop/extra.py": "VALUE = 22\n"})
    reload_project(names={})
    assert holding.extra.VALUE == 22
    assert holding.extra is sys.modules["shop.extra"]
    del sys.modules["holding_library"]


def test_hooks_are_told_of_a_session_that_never_opened(make_project):
    """Hooks that have seen a session being created see it closed, too, if the reload fails afterwards."""
    hooks = """
        from ipyproject import hook_impl
        seen = []
        class Hooks:
            @hook_impl
            def after_session_created(self, session): seen.append(("created", session.session_id))
            @hook_impl
            def before_session_closed(self, session): seen.append(("closed", session.session_id))
        HOOKS = (Hooks(),)
        """
    project = make_project({"src/shop/settings.py": hooks})
    session = reload_project(project.root)
    seen = module("settings").seen
    project.write({"conf/base/parameters.yml": "a: ["})
    with pytest.raises(ProjectError):
        reload_project()
    assert [what for what, _ in seen] == ["created", "created", "closed"]
    assert seen[1][1] == seen[2][1] != session.session_id
    assert current.current_session() is session


def test_a_module_in_the_way_of_nobody(make_project):
    """A submodule that is no longer imported is no attribute of its package any more, as in a fresh kernel."""
    files = {
        "src/shop/tools/__init__.py": "",
        "src/shop/tools/run.py": "def run(): ...\n",
        "src/shop/uses.py": "import shop.tools.run\n",
        "src/shop/settings.py": "import shop.uses\n",
    }
    project = make_project(files)
    reload_project(project.root)
    project.write({"src/shop/uses.py": "import shop.tools\n"})
    reload_project(names={})
    assert not hasattr(module("tools"), "run")


def test_a_large_module(project):
    """A module of more than a megabyte is executed once for each of its contents, like any other."""
    project.write({"src/shop/alone.py": "TEXT = '" + "x" * 1_200_000 + "'\nSEEN = []\nclass Kept: pass\n"})
    assert "shop.alone" in executed(reload_project())
    assert executed(reload_project()) == set()


def test_a_module_that_writes_what_it_reads(make_project):
    """A file that code itself has rewritten, while it was executed, is no reason to execute it again."""
    counter = """
        from pathlib import Path
        FILE = Path(__file__).parents[2] / "counter.txt"
        COUNT = int(FILE.read_text()) + 1
        FILE.write_text(str(COUNT))
        """
    project = make_project({"src/shop/counter.py": counter, "counter.txt": "0", "src/shop/nodes.py": "x = 1\n"})
    project.write({"src/shop/pipeline_registry.py": None, "src/shop/settings.py": "import shop.counter\n"})
    reload_project(project.root)
    assert executed(reload_project()) == set()
    project.write({"counter.txt": "7"})
    reload_project()
    assert module("counter").COUNT == 8


def test_data_beside_a_session_opened_by_hand(project):
    """What the notebook's catalog holds is kept though another session was opened beside it."""
    current.current_session().catalog["mine"] = 5
    other = project.open()
    _ = other.catalog
    assert reload_project().catalog.load("mine") == 5


CREATED = """
    from ipyproject import Node, Pipeline
    from shop.calls import CALLS
    def create_pipeline():
        {first}
        return Pipeline([Node(len, "{name}_in", "{name}_out")])
    """


PURE = "from ipyproject import Node, Pipeline\ndef create_pipeline():\n    return Pipeline([Node(len, 'a', 'b')])\n"


def test_pipelines_whose_making_leaves_traces(make_project):
    """Pipelines of unaffected modules are taken as they are; where making them leaves traces, they are made anew."""
    project = make_project(
        {
            "src/shop/pipeline_registry.py": None,
            "src/shop/calls.py": "CALLS = []\n",
            "src/shop/pipelines/__init__.py": "",
            "src/shop/pipelines/pure.py": PURE,
            "src/shop/pipelines/traced.py": CREATED.format(first="CALLS.append('traced')", name="traced"),
            "src/shop/pipelines/edited.py": CREATED.format(first="pass", name="edited"),
        }
    )
    before = reload_project(project.root).pipelines
    for name in ("other", "third"):
        project.write({"src/shop/pipelines/edited.py": CREATED.format(first="pass", name=name)})
        after = reload_project().pipelines
        assert after["edited"].inputs == {f"{name}_in"}
        assert after["traced"] is not before["traced"]
        assert after["pure"] is before["pure"]
        assert module("calls").CALLS == ["traced"]
