"""Opening a project anew: all new, or all as it was."""

from __future__ import annotations

import importlib
import os
import sys
import threading

import pytest

from ipyproject import current_session, reload_project
from ipyproject.errors import ProjectError, SessionError
from ipyproject.history import Status
from ipyproject.session import open_history

WAITING = """
import threading
started, go_on = threading.Event(), threading.Event()
def double(orders, rate):
    started.set()
    go_on.wait(30)
    return orders
def add_up(doubled): return 1
"""


def test_first_and_second_opening(make_project):
    """A reload closes the previous session and opens a new one on the new code."""
    project = make_project()
    first = reload_project(project.root)
    assert first.run()["total"] == 12
    project.write({"src/shop/nodes.py": "def double(orders, rate): return orders\ndef add_up(doubled): return -1\n"})
    second = reload_project()
    assert first.state.value == "closed"
    assert current_session() is second
    assert second.run()["total"] == -1
    with open_history(project.root) as store:
        assert [record.status for record in store.sessions()] == [Status.OPEN, Status.COMPLETED]


def test_an_edit_within_the_same_second_of_the_same_size(make_project):
    """Code is compiled from its source, so a byte-code file that looks valid is not believed."""
    project = make_project({"src/shop/constants.py": "VALUE = 1\n"})
    reload_project(project.root)
    constants = importlib.import_module("shop.constants")
    file = project.root / "src/shop/constants.py"
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_text("VALUE = 2\n")
    os.utime(file, ns=times)
    reload_project()
    assert importlib.import_module("shop.constants").VALUE == 2
    assert constants.VALUE == 2, "references to the module itself stay right"


def test_removed_names_are_gone(make_project):
    """A module has what its source says, and nothing of what it had before."""
    project = make_project({"src/shop/nodes.py": "OLD = 1\ndef double(orders, rate): ...\ndef add_up(doubled): ...\n"})
    reload_project(project.root)
    nodes = sys.modules["shop.nodes"]
    assert nodes.OLD == 1
    project.write({"src/shop/nodes.py": "def double(orders, rate): ...\ndef add_up(doubled): ...\n"})
    reload_project()
    assert sys.modules["shop.nodes"] is nodes
    assert not hasattr(nodes, "OLD")


def test_modules_that_only_the_notebook_imported(make_project):
    """A module that no pipeline imports is executed anew, too; one whose file is gone is gone."""
    project = make_project({"src/shop/plots.py": "VALUE = 1\n", "src/shop/gone.py": "", "src/shop/sub/deep.py": ""})
    reload_project(project.root)
    plots = importlib.import_module("shop.plots")
    importlib.import_module("shop.gone")
    importlib.import_module("shop.sub.deep")
    project.write({"src/shop/plots.py": "VALUE = 22\n", "src/shop/gone.py": None, "src/shop/sub/deep.py": None})
    reload_project()
    assert plots.VALUE == 22
    assert sys.modules["shop"].plots is plots
    assert "shop.gone" not in sys.modules
    assert not hasattr(sys.modules["shop"], "gone")
    assert "shop.sub.deep" not in sys.modules


def test_only_the_package_itself(make_project, tmp_path, monkeypatch):
    """A package elsewhere whose name begins with the project's is not touched."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/shop_tools.py").write_text("loaded = []\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    project = make_project()
    reload_project(project.root)
    tools = importlib.import_module("shop_tools")
    tools.loaded.append(1)
    reload_project()
    assert importlib.import_module("shop_tools") is tools
    assert tools.loaded == [1]
    del sys.modules["shop_tools"]


def test_all_packages_of_the_source_folder(make_project):
    """Every package and module in the source folder belongs to the project, namespace packages too."""
    project = make_project({"src/helpers/deep.py": "VALUE = 1\n", "src/single.py": "VALUE = 1\n"})
    reload_project(project.root)
    deep, single = importlib.import_module("helpers.deep"), importlib.import_module("single")
    project.write({"src/helpers/deep.py": "VALUE = 22\n", "src/single.py": "VALUE = 22\n"})
    project.write({"src/shop/settings.py": "import helpers.deep, single"})
    reload_project()
    assert (deep.VALUE, single.VALUE) == (22, 22)


BROKEN = {
    "syntax": ({"src/shop/nodes.py": "x = 1\ndef double(:\n"}, r"src/shop/nodes\.py, line 2: SyntaxError"),
    "exception": ({"src/shop/nodes.py": "x = 1\n1 / 0\n"}, r"src/shop/nodes\.py, line 2: ZeroDivisionError"),
    "import": ({"src/shop/nodes.py": "import nowhere\n"}, r"src/shop/nodes\.py, line 1: ModuleNotFoundError"),
    "exit": ({"src/shop/nodes.py": "raise SystemExit(3)\n"}, r"src/shop/nodes\.py, line 1: SystemExit"),
    "settings": ({"src/shop/settings.py": "1 / 0\n"}, r"src/shop/settings\.py, line 1: ZeroDivisionError"),
    "registry": (
        {"src/shop/pipeline_registry.py": "def register_pipelines():\n    return missing\n"},
        r"src/shop/pipeline_registry\.py, line 2: NameError",
    ),
    "configuration": ({"conf/base/parameters.yml": "a: 1\nb: [\n"}, r"conf/base/parameters\.yml"),
    "catalog": ({"conf/base/catalog.yml": "a: {type: pandas.CSVDatset, filepath: x}"}, "pandas.CSVDataset"),
    "metadata": ({"pyproject.toml": "[tool.ipyproject\n"}, r"pyproject\.toml, line 1"),
    "hook": (
        {
            "src/shop/settings.py": """
                from ipyproject import hook_impl
                class H:
                    @hook_impl
                    def after_context_created(self, context): raise RuntimeError("in a hook")
                HOOKS = (H(),)
                """
        },
        r"src/shop/settings\.py, line 4: RuntimeError: in a hook",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_failure_leaves_everything(make_project, case):
    """Whatever fails: modules, their contents, sys.path, the finders and the open session are as they were."""
    files, message = BROKEN[case]
    project = make_project({"src/shop/extra.py": "STATE = []\n"})
    session = reload_project(project.root)
    extra = importlib.import_module("shop.extra")
    extra.STATE.append("kept")
    project.write(files)
    modules = {name: (module, dict(vars(module))) for name, module in sys.modules.items() if name.startswith("shop")}
    path, finders = list(sys.path), list(sys.meta_path)
    with pytest.raises(ProjectError, match=message):
        reload_project()
    assert {
        name: (module, dict(vars(module))) for name, module in sys.modules.items() if name.startswith("shop")
    } == modules
    assert all(sys.modules[name] is module for name, (module, _) in modules.items())
    assert (sys.path, sys.meta_path) == (path, finders)
    assert current_session() is session
    assert session.run()["total"] == 12
    with open_history(session.project.root) if case not in {"metadata", "settings"} else Nothing() as store:
        if store is not None:
            assert len(store.sessions()) == 1


class Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


@pytest.mark.parametrize("case", BROKEN)
def test_reload_after_the_mend(make_project, case):
    """Once the mistake is mended the next reload works."""
    files, _ = BROKEN[case]
    project = make_project()
    reload_project(project.root)
    good = {name: (project.root / name).read_text() if (project.root / name).exists() else None for name in files}
    project.write(files)
    with pytest.raises(ProjectError):
        reload_project()
    project.write(good)
    assert reload_project().run()["total"] == 12


def test_switching_projects_and_back(make_project):
    """Another project replaces the first, and a failure to open it leaves the first."""
    first = make_project(folder="first")
    second = make_project({"conf/base/parameters.yml": "rate: 100"}, folder="second")
    third = make_project({"src/shop/nodes.py": "1 / 0"}, folder="third")
    reload_project(first.root)
    assert reload_project(second.root).run()["total"] == 600
    with pytest.raises(ProjectError):
        reload_project(third.root)
    assert current_session().project.root == second.root
    assert current_session().run()["total"] == 600
    assert reload_project(first.root).run()["total"] == 12
    assert sys.path.count(str(first.root / "src")) == 1
    assert str(second.root / "src") not in sys.path


def test_no_reload_under_a_run(make_project):
    """A run still going on in another thread is a clear refusal."""
    session = reload_project(make_project({"src/shop/nodes.py": WAITING}).root)
    nodes = importlib.import_module("shop.nodes")
    thread = threading.Thread(target=session.run)
    thread.start()
    nodes.started.wait(30)
    with pytest.raises(SessionError, match="still running; reloading now would change code under it"):
        reload_project()
    nodes.go_on.set()
    thread.join()
    assert session.last_run.status is Status.COMPLETED
