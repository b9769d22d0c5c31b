"""Opening a project anew: all new, or all as it was."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from ipyproject import current_session, reload_project
from ipyproject.display.changes import render_changes
from ipyproject.errors import ProjectError, SessionError
from ipyproject.history import Status, open_history


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
    assert constants.VALUE == 1, "whoever holds the old module goes on with it, whole"


def test_removed_names_are_gone(make_project):
    """A module has what its source says, and nothing of what it had before."""
    project = make_project({"src/shop/nodes.py": "OLD = 1\ndef double(orders, rate): ...\ndef add_up(doubled): ...\n"})
    reload_project(project.root)
    nodes = sys.modules["shop.nodes"]
    assert nodes.OLD == 1
    project.write({"src/shop/nodes.py": "def double(orders, rate): ...\ndef add_up(doubled): ...\n"})
    reload_project()
    assert not hasattr(sys.modules["shop.nodes"], "OLD")
    assert sys.modules["shop"].nodes is sys.modules["shop.nodes"]
    assert nodes.OLD == 1, "the module object of before is not emptied"


def test_modules_that_only_the_notebook_imported(make_project):
    """A module that no pipeline imports is executed anew, too; one whose file is gone is gone."""
    project = make_project({"src/shop/plots.py": "VALUE = 1\n", "src/shop/gone.py": "", "src/shop/sub/deep.py": ""})
    reload_project(project.root)
    importlib.import_module("shop.plots")
    importlib.import_module("shop.gone")
    importlib.import_module("shop.sub.deep")
    project.write({"src/shop/plots.py": "VALUE = 22\n", "src/shop/gone.py": None, "src/shop/sub/deep.py": None})
    reload_project()
    assert sys.modules["shop.plots"].VALUE == 22
    assert sys.modules["shop"].plots is sys.modules["shop.plots"]
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
    reload_project(full=True)
    assert importlib.import_module("shop_tools") is tools
    assert tools.loaded == [1]
    del sys.modules["shop_tools"]


def test_all_packages_of_the_source_folder(make_project):
    """Every package and module in the source folder belongs to the project, namespace packages too."""
    project = make_project({"src/helpers/deep.py": "VALUE = 1\n", "src/single.py": "VALUE = 1\n"})
    reload_project(project.root)
    importlib.import_module("helpers.deep")
    importlib.import_module("single")
    project.write({"src/helpers/deep.py": "VALUE = 22\n", "src/single.py": "VALUE = 22\n"})
    project.write({"src/shop/settings.py": "import helpers.deep, single"})
    reload_project()
    assert [sys.modules[name].VALUE for name in ("helpers.deep", "single")] == [22, 22]


BROKEN = {
    "syntax": ({"src/shop/nodes.py": "x = 1\ndef double(:\n"}, r"src/shop/nodes\.py, line 2: SyntaxError"),
    "exception": ({"src/shop/nodes.py": "x = 1\n1 / 0\n"}, r"src/shop/nodes\.py, line 2: ZeroDivisionError"),
    "import": ({"src/shop/nodes.py": "import nowhere\n"}, r"src/shop/nodes\.py, line 1: ModuleNotFoundError"),
    "null byte": ({"src/shop/nodes.py": "x = '\0'\n"}, r"^src/shop/nodes\.py(, line 1)?: SyntaxError"),
    "exit": ({"src/shop/nodes.py": "raise SystemExit(3)\n"}, r"src/shop/nodes\.py, line 1: SystemExit"),
    "cancelled": (
        {"src/shop/nodes.py": "import asyncio\nraise asyncio.CancelledError\n"},
        r"src/shop/nodes\.py, line 2: CancelledError",
    ),
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


def test_no_reload_under_a_run(waiting_project, going_on):
    """A run still going on in another thread is a clear refusal."""
    session = reload_project(waiting_project.root)
    with (
        going_on(session),
        pytest.raises(SessionError, match="still running; reloading now would change code under it"),
    ):
        reload_project()
    assert session.last_run.status is Status.COMPLETED


def test_the_old_session_closes_with_the_old_code(make_project):
    """Hooks of the previous session see the code and the resources that they were made with; the new ones stay."""
    hooks = """
        from ipyproject import hook_impl
        from shop.resources import POOL, closed_by
        class Hooks:
            @hook_impl
            def before_session_closed(self):
                closed_by(POOL)
        HOOKS = (Hooks(),)
        """
    resources = """
        class Pool:
            open = True
        POOL = Pool()
        def closed_by(pool):
            assert pool is POOL
            pool.open = False
        """
    project = make_project(
        {
            "src/shop/resources.py": resources,
            "src/shop/hooks.py": hooks,
            "src/shop/settings.py": "from shop.hooks import HOOKS",
        }
    )
    reload_project(project.root)
    old_pool = importlib.import_module("shop.resources").POOL
    project.write({"src/shop/resources.py": resources.replace("closed_by", "shut"), "src/shop/settings.py": ""})
    project.write({"src/shop/hooks.py": "from shop.resources import shut"})
    reload_project()
    resources = importlib.import_module("shop.resources")
    assert not old_pool.open
    assert resources.POOL.open
    assert hasattr(resources, "shut")
    assert not hasattr(resources, "closed_by")


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "SystemExit", "RuntimeError"])
def test_an_old_hook_that_fails_does_not_stop_the_opening(make_project, raised):
    """Whatever the previous session's closing raises, the new session is open and whole."""
    hooks = f"""
        from ipyproject import hook_impl
        class Hooks:
            @hook_impl
            def before_session_closed(self): raise {raised}
        HOOKS = (Hooks(),)
        """
    project = make_project({"src/shop/settings.py": hooks})
    first = reload_project(project.root)
    project.write({"src/shop/settings.py": ""})
    second = reload_project()
    assert first.state.value == "closed"
    assert current_session() is second
    with open_history(project.root) as store:
        assert [record.session_id for record in store.sessions()] == [second.session_id, first.session_id]


def test_every_open_session_is_asked_and_closed(waiting_project, going_on):
    """A run of any open session is refused, not only one of the newest; a reload closes them all."""
    first = reload_project(waiting_project.root)
    second = waiting_project.open()
    with going_on(first), pytest.raises(SessionError, match=first.session_id):
        reload_project()
    reload_project()
    assert (first.state.value, second.state.value) == ("closed", "closed")


def test_another_project_opened_beside(make_project):
    """A session on another project does not lend its pipelines to the first: the first says so."""
    first = make_project(folder="first").open()
    second = make_project({"src/shop/pipeline_registry.py": None}, folder="second").open()
    assert set(second.pipelines) == {"__default__"}
    with pytest.raises(SessionError, match=r"Another project \(.*second\) was opened since"):
        _ = first.pipelines


def test_a_failed_opening_leaves_the_other_project(make_project):
    """When another project can't be opened, an open session goes on with its own code."""
    first = make_project(folder="first").open()
    with pytest.raises(ProjectError):
        make_project(folder="second").open(env="nope")
    assert first.run()["total"] == 12
    assert current_session() is first


def test_source_folders_already_on_the_path(make_project, monkeypatch):
    """The project that is opened leads sys.path, even where its folder was there further down."""
    first = make_project(folder="first")
    second = make_project({"conf/base/parameters.yml": "rate: 100", "src/shop/mark.py": ""}, folder="second")
    monkeypatch.syspath_prepend(str(second.root / "src"))
    monkeypatch.syspath_prepend(str(first.root / "src"))
    session = second.open()
    assert importlib.import_module("shop").__file__.startswith(str(second.root))
    assert session.run()["total"] == 600


def test_a_second_package_that_failed_half_way(make_project):
    """Modules that a failed import left behind are executed anew once it is mended."""
    broken = "from extra.a import V\nraise RuntimeError"
    project = make_project(
        {"src/extra/__init__.py": "", "src/extra/a.py": "V = 0", "src/shop/settings.py": "import extra"}
    )
    reload_project(project.root)
    project.write({"src/extra/__init__.py": broken, "src/extra/a.py": "V = 1"})
    with pytest.raises(ProjectError):
        reload_project()
    project.write({"src/extra/__init__.py": "from extra.a import V", "src/extra/a.py": "V = 22"})
    reload_project()
    assert importlib.import_module("extra").V == 22


def test_a_module_that_puts_an_object_in_its_place(make_project):
    """A module that replaces itself in sys.modules is executed anew like any other."""
    text = "import sys\nclass C: value = {}\nsys.modules[__name__] = C()\n"
    project = make_project({"src/cfg.py": text.format(1), "src/shop/settings.py": "import cfg"})
    reload_project(project.root)
    project.write({"src/cfg.py": text.format(22)})
    reload_project()
    assert importlib.import_module("cfg").value == 22


def test_a_module_whose_class_was_changed(make_project):
    """A module with a class of its own (lazy attributes) is executed again like any other."""
    text = """
        import sys, types
        class Lazy(types.ModuleType):
            @property
            def x(self): return {}
        sys.modules[__name__].__class__ = Lazy
        """
    project = make_project({"src/shop/lazy.py": text.format(1), "src/shop/settings.py": "import shop.lazy"})
    reload_project(project.root)
    lazy = importlib.import_module("shop.lazy")
    project.write({"src/shop/lazy.py": text.format(22)})
    reload_project()
    assert importlib.import_module("shop.lazy").x == 22
    assert lazy.x == 1


def test_odd_objects_in_sys_modules(make_project, monkeypatch):
    """Objects in sys.modules that raise for every attribute, or answer nonsense, are left alone."""

    class Raises:
        def __getattr__(self, name):
            raise ImportError(name)

    class Nonsense:
        def __getattr__(self, name):
            return lambda: None

    monkeypatch.setitem(sys.modules, "lazything", Raises())
    monkeypatch.setitem(sys.modules, "nonsense", Nonsense())
    project = make_project()
    reload_project(project.root)
    assert reload_project(full=True).run()["total"] == 12


def test_blocked_import_stays_blocked(make_project, monkeypatch):
    """A module that somebody blocked by None in sys.modules is not imported by a reload."""
    project = make_project({"src/shop/opt.py": "1 / 0"})
    reload_project(project.root)
    monkeypatch.setitem(sys.modules, "shop.opt", None)
    reload_project(full=True)
    assert sys.modules["shop.opt"] is None


def test_namespace_packages_keep_their_identity(make_project):
    """A package without __init__.py is the same object after a reload, and has its modules."""
    project = make_project({"src/shop/ns/b.py": "V = 1", "src/shop/settings.py": "import shop.ns.b"})
    reload_project(project.root)
    namespace = importlib.import_module("shop.ns")
    project.write({"src/shop/ns/b.py": "V = 22"})
    reload_project()
    assert sys.modules["shop"].ns is namespace
    assert namespace.b.V == 22


def test_compiled_modules_stay_and_stay_attached(make_project):
    """An extension module can't be executed again: it stays, and is an attribute of its package as before."""
    compiled = Path(importlib.util.find_spec("yaml._yaml").origin)  # PyYAML's own is a real one
    project = make_project({"src/shop/settings.py": "import shop._yaml\nshop._yaml.CParser"})
    shutil.copy(compiled, project.root / "src/shop" / compiled.name)
    reload_project(project.root)
    extension = sys.modules["shop._yaml"]
    reload_project(full=True)
    assert sys.modules["shop._yaml"] is getattr(sys.modules["shop"], "_yaml") is extension  # noqa: B009


def test_a_compiled_module_that_changed(make_project):
    """It is said, with each reload from then on, that only a restart of the kernel loads it."""
    compiled = Path(importlib.util.find_spec("yaml._yaml").origin)
    project = make_project({"src/shop/settings.py": "import shop._yaml\n"})
    copy = project.root / "src/shop" / compiled.name
    shutil.copy(compiled, copy)
    assert reload_project(project.root).changes.outdated == ()
    other = copy.with_suffix(".new")
    other.write_bytes(compiled.read_bytes() + b"\0")
    other.replace(copy)  # as a compiler does; writing into a loaded library would be fatal
    for options in ({}, {}, {"full": True}):
        session = reload_project(**options)
        assert session.changes.outdated == (str(copy),)
        assert f"{compiled.name} (restart the kernel)" in render_changes(session, seconds=0).html


def test_one_context_whatever_the_threads(make_project):
    """Threads that ask for the context at once get the same one, and its hooks are called once."""
    session = make_project().open()
    contexts, barrier = [], threading.Barrier(8)

    def ask():
        barrier.wait()
        contexts.append(session.load_context())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(contexts) == 8
    assert all(context is contexts[0] for context in contexts)


def test_live_data_survives(make_project):
    """What the catalog holds in memory is kept over a reload where the definition is the same, and the env."""
    files = {"conf/local/catalog.yml": "kept: {type: MemoryDataset}\nredefined: {type: MemoryDataset}\n"}
    project = make_project(files)
    session = reload_project(project.root)
    session.run("prepare")
    session.catalog.save("kept", 1)
    session.catalog.save("redefined", 2)
    project.write(
        {"conf/local/catalog.yml": "kept: {type: MemoryDataset}\nredefined: {type: MemoryDataset, copy_mode: assign}\n"}
    )
    catalog = reload_project().catalog
    assert catalog.load("kept") == 1
    assert catalog.load("doubled") == [2, 4, 6]
    assert not catalog.exists("redefined")
    assert not reload_project(env="prod").catalog.exists("doubled")


def test_full_starts_clean(make_project):
    """A full reload keeps no data."""
    session = reload_project(make_project().root)
    session.run("prepare")
    assert not reload_project(full=True).catalog.exists("doubled")


def test_datasets_of_the_projects_own_classes_are_made_anew(make_project):
    """A dataset whose class was executed anew is of the new class."""
    text = "class Store:\n    mark = {}\n    def load(self): return self.mark\n    def save(self, data): ...\n"
    project = make_project(
        {"src/shop/stores.py": text.format(1), "conf/local/catalog.yml": "own: {type: shop.stores.Store}"}
    )
    assert reload_project(project.root).catalog.load("own") == 1
    project.write({"src/shop/stores.py": text.format(22)})
    assert reload_project().catalog.load("own") == 22


COUNTING = "import os\nos.environ['SHOP_COUNT'] = str(int(os.environ.get('SHOP_COUNT', 0)) + 1)\n"


@pytest.fixture
def counted(make_project, monkeypatch):
    """A project whose package counts how often it was executed."""
    monkeypatch.setenv("SHOP_COUNT", "0")
    project = make_project({"src/shop/__init__.py": COUNTING, "src/shop/words.txt": "a"})
    reload_project(project.root)
    return project


def count():
    return int(os.environ["SHOP_COUNT"])


def test_code_that_did_not_change_is_not_executed(counted):
    """Without an edit of code nothing is executed: pipelines and modules are the same, and the session is a new one."""
    first = current_session()
    pipelines = first.pipelines
    second = reload_project()
    assert count() == 1
    assert second is not first
    assert second.pipelines is pipelines
    assert second.changes.executed == {}
    assert not second.changes.sources
    assert second.run()["total"] == 12


def test_configuration_alone(counted):
    """An edit of the configuration takes effect without executing code."""
    counted.write({"conf/base/parameters.yml": "rate: 10\n"})
    session = reload_project()
    assert count() == 1
    assert session.run()["total"] == 60
    assert ("rate", 2, 10) in session.changes.parameters


@pytest.mark.parametrize(
    ("edit", "executions"),
    [
        ({"src/shop/words.txt": "b"}, 2),
        ({"pyproject.toml": "[project]\nname = 'shop'\n[tool.ipyproject]\n"}, 2),
        ({"src/shop/nodes.py": "def double(orders, rate): return orders\ndef add_up(doubled): return 12\n"}, 1),
        ({"src/shop/new.py": ""}, 1),
        ({"src/other.py": ""}, 1),
    ],
)
def test_what_code_may_depend_on(counted, edit, executions):
    """A file beside the code, or the metadata, executes all of it; a module only what depends on it; and only once."""
    counted.write(edit)
    assert reload_project().run()["total"] == 12
    assert count() == executions
    assert reload_project().changes.executed == {}
    assert count() == executions


def test_full_executes_all(counted):
    """A full reload executes code whether it changed or not."""
    assert set(reload_project(full=True).changes.executed) >= {"shop", "shop.nodes"}
    assert count() == 2


def test_after_a_failed_reload(counted):
    """An edit that a failed reload has seen is seen again by the next one."""
    good = (counted.root / "src/shop/nodes.py").read_text()
    counted.write({"src/shop/nodes.py": "1 / 0"})
    for _ in range(2):
        with pytest.raises(ProjectError):
            reload_project()
    counted.write({"src/shop/nodes.py": good + "\n# mended\n"})
    assert reload_project().run()["total"] == 12


def test_after_another_project(counted, make_project):
    """Coming back from another project executes the code again."""
    other = make_project(folder="other")
    reload_project(other.root)
    assert reload_project(counted.root).run()["total"] == 12
    assert count() == 2


def test_a_name_whose_object_comes_back(make_project):
    """A name whose object was gone is said once, and bound to its successor when there is one again."""
    project = make_project({"src/shop/more.py": "def first(): return 1\n"})
    reload_project(project.root)
    names = {"kept": importlib.import_module("shop.more").first, "mine": object()}
    old = names["kept"]
    project.write({"src/shop/more.py": "def second(): return 2\n"})
    assert reload_project(names=names).changes.names.gone == ("kept",)
    project.write({"src/shop/more.py": "def third(): return 3\n"})
    assert reload_project(names=names).changes.names.gone == ()
    assert names["kept"] is old
    reload_project(names=names)
    project.open()  # a session opened by hand knows nothing of the notebook's names
    project.write({"src/shop/more.py": "def first(): return 11\n"})
    assert reload_project(names=names).changes.names.rebound == ("kept",)
    assert names["kept"]() == 11


@pytest.mark.parametrize("moved", ["src", "src/shop", "src/shop/more.py"])
def test_links_in_the_source_folder(make_project, tmp_path, moved):
    """What a link in the source folder leads to is the project's, wherever it lies."""
    project = make_project({"src/shop/more.py": "def first(): return 1\n"})
    (project.root / moved).rename(tmp_path / "elsewhere")
    (project.root / moved).symlink_to(tmp_path / "elsewhere")
    reload_project(project.root)
    names = {"first": importlib.import_module("shop.more").first}
    project.write({"src/shop/more.py": "def first(): return 11\n"})
    session = reload_project(names=names)
    assert set(session.changes.executed) == {"shop.more"}
    assert names["first"]() == 11


def test_a_link_to_a_library(make_project, tmp_path):
    """A library that is linked into the source folder is none of the project's code."""
    library = tmp_path / "env/lib/site-packages/tool"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("seen = []\n")
    project = make_project()
    (project.root / "src/tool").symlink_to(library)
    reload_project(project.root)
    tool = importlib.import_module("tool")
    reload_project(full=True)
    assert sys.modules.pop("tool") is tool


def test_an_entry_of_the_path_in_the_source_folder(make_project, monkeypatch):
    """A module that was imported by way of one, after the first reload, is followed; the report says that there are two."""
    project = make_project({"src/shop/more.py": "def first(): return 1\n"})
    monkeypatch.chdir(project.root / "src/shop")
    monkeypatch.syspath_prepend("")
    reload_project(project.root)
    inner, names = importlib.import_module("shop.more"), {"first": importlib.import_module("more").first}
    project.write({"src/shop/more.py": "def first(): return 11\n"})
    changes = reload_project(names=names).changes
    assert names["first"]() == 11
    assert sys.modules["more"].__file__ == inner.__file__
    assert changes.names.rebound == ("first",)


def test_instances_of_a_class_that_comes_back(make_project):
    """As with a branch: the module, which only an instance holds, is imported again, and the instance is moved."""
    text = "class Tree:\n    def height(self): return {}\n"
    project = make_project({"src/shop/trees.py": text.format(1)})
    reload_project(project.root)
    names = {"oak": importlib.import_module("shop.trees").Tree()}
    project.write({"src/shop/trees.py": None})
    assert reload_project(names=names).changes.names.old_instances == ("oak",)
    assert reload_project(names=names).changes.names.old_instances == ()
    project.write({"src/shop/trees.py": text.format(2)})
    assert reload_project(names=names).changes.names.moved == ("oak",)
    assert names["oak"].height() == 2
    assert type(names["oak"]) is sys.modules["shop.trees"].Tree
