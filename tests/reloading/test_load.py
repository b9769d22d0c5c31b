"""A load: new module objects beside the old ones, which go on whole; all or nothing, whatever comes in between."""

from __future__ import annotations

import gc
import importlib
import os
import random
import signal
import sys
import threading
import time
import weakref
from contextlib import suppress

import pytest

from ipyproject import current, current_session, reload_project
from ipyproject.errors import Interrupted, ProjectError, SessionError

FILES = {
    "src/shop/common.py": "RATE = 1\ndef times(x): return x * RATE\n",
    "src/shop/sub/__init__.py": "",
    "src/shop/sub/deep.py": "from shop.common import times\ndef f(): return times(1)\n",
    "src/shop/uses.py": """
        import shop.common, shop.sub.deep
        from shop.common import times
        def work():
            from shop.sub import deep
            import shop.sub.deep as again
            return times(1) + shop.common.times(1) + shop.sub.deep.f() + deep.f() + again.f()
        """,
    "src/shop/settings.py": "import shop.uses\n",
}


def module(name):
    return importlib.import_module(f"shop.{name}")


def executed(session):
    return set(session.changes.executed)


def test_the_old_world_goes_on(make_project):
    """Functions of before find their globals, and each other, as they were: in callbacks and closures, for ever."""
    project = make_project(FILES)
    reload_project(project.root)
    old = module("uses")
    project.write({"src/shop/common.py": "RATE = 2\ndef times(x): return x * RATE\n"})
    reload_project()
    assert module("uses") is not old
    assert old.times(1) == 1
    assert module("uses").work() == 10


def test_threads_never_meet_half_of_a_world(make_project):
    """A thread that calls project code, imports and looks up modules meanwhile never fails, also if reloads do."""
    project = make_project(FILES)
    reload_project(project.root)
    work = module("uses").work
    errors, calls, stop = [], [], threading.Event()

    def call(function):
        while not stop.is_set():
            try:
                function()
            except Exception as error:  # noqa: BLE001 - whatever it is
                errors.append(f"{type(error).__name__}: {error}")
            else:
                calls.append(1)

    threads = [
        threading.Thread(target=call, args=(function,))
        for function in (work, lambda: sys.modules["shop"].common.RATE + sys.modules["shop"].sub.deep.f())
    ]
    for thread in threads:
        thread.start()
    try:
        for number in range(20):
            project.write(
                {"src/shop/common.py": f"import time\nRATE = {number}\ntime.sleep(0.002)\ndef times(x): return x\n"}
            )
            reload_project()
            project.write({"src/shop/sub/deep.py": "1 / 0\n"})
            with pytest.raises(ProjectError):
                reload_project()
            project.write({"src/shop/sub/deep.py": FILES["src/shop/sub/deep.py"]})
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(calls) > 100
    assert set(errors) == set()


def test_nothing_holds_an_old_world(make_project):
    """What was executed again is freed once nobody outside holds it."""
    project = make_project(
        FILES | {"src/shop/models.py": "class Model: ...\n", "src/shop/settings.py": "import shop.uses, shop.models\n"}
    )
    names = {}
    reload_project(project.root, names=names)
    exec("from shop.models import Model\nimport shop.common as c", names)
    old = [weakref.ref(sys.modules[f"shop.{name}"]) for name in ("common", "uses", "sub.deep", "models")]
    for number in (2, 3):
        project.write(
            {
                "src/shop/common.py": f"RATE = {number}\ndef times(x): return x * RATE\n",
                "src/shop/models.py": f"class Model: number = {number}\n",
            }
        )
        reload_project(names=names)
    gc.collect()
    assert [each() for each in old] == [None] * 4
    assert names["c"].RATE == 3


def test_what_others_touched_goes_with_whatever_is_stale(make_project):
    """State that modules leave in others is made anew; a module that nobody touched keeps its caches."""
    project = make_project(
        {
            "src/shop/plain.py": "CACHE = {}\n",
            "src/shop/registry.py": "STEPS = {}\nCOUNT = 0\ndef step(f):\n    global COUNT\n    COUNT += 1\n    STEPS[f.__name__] = f\n    return f\n",
            "src/shop/a.py": "import shop.plain\nfrom shop.registry import step\n@step\ndef a(): ...\n",
            "src/shop/b.py": "from shop.registry import step\n@step\ndef b(): ...\n",
            "src/shop/settings.py": "import shop.a, shop.b\n",
        }
    )
    reload_project(project.root)
    module("plain").CACHE["warm"] = 1
    project.write({"src/shop/b.py": "from shop.registry import step\n@step\ndef c(): ...\n"})
    assert executed(reload_project()) == {"shop.registry", "shop.a", "shop.b", "shop.settings"}
    assert (sorted(module("registry").STEPS), module("registry").COUNT) == (["a", "c"], 2)
    assert module("plain").CACHE == {"warm": 1}


HOLDERS = {
    "a list": "HELD = []\n",
    "a dict": "HELD = {}\n",
    "an instance": "class Box: ...\nHELD = Box()\n",
    "a class": "class HELD: ...\n",
    "a closure": "def make():\n    kept = []\n    def put(x): kept.append(x)\n    return put\nHELD = make()\n",
    "a default": "def HELD(x, kept=[]): kept.append(x)\n",
    "a partial": "from functools import partial\nkept = []\nHELD = partial(kept.append)\n",
}


@pytest.mark.parametrize("kind", HOLDERS)
def test_who_holds_something_of_a_stale_module(make_project, kind):
    """A module that was handed an object of a stale one at run time is executed again, wherever it holds it."""
    project = make_project(
        {
            "src/shop/keeper.py": HOLDERS[kind],
            "src/shop/model.py": "class Model: ...\n",
            "src/shop/settings.py": "import shop.keeper, shop.model\n",
        }
    )
    reload_project(project.root)
    held, model = module("keeper").HELD, module("model").Model()
    if isinstance(held, list):
        held.append(model)
    elif isinstance(held, dict):
        held["x"] = [model]
    elif callable(held) and not isinstance(held, type):
        held(model)
    else:
        held.x = model
    project.write({"src/shop/model.py": "class Model: new = 1\n"})
    assert "shop.keeper" in executed(reload_project())
    project.write({"src/shop/model.py": "class Model: new = 2\n"})
    assert "shop.keeper" not in executed(reload_project()), "it holds nothing any more"


def test_a_module_that_refuses_to_be_executed_twice(make_project, tmp_path, monkeypatch):
    """It is named with the way out; under RELOAD_KEEP it stays whatever happens, read from the settings as they are now."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/metrics_library.py").write_text(
        "NAMES = set()\ndef register(name):\n    if name in NAMES: raise ValueError(f'{name} is there already')\n    NAMES.add(name)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    project = make_project(
        {
            "src/shop/common.py": "RATE = 1\n",
            "src/shop/metrics.py": "import metrics_library\nfrom shop.common import RATE\nmetrics_library.register('orders')\n",
            "src/shop/settings.py": "import shop.metrics\n",
        }
    )
    session = reload_project(project.root)
    old = module("metrics")
    project.write({"src/shop/common.py": "RATE = 2\n"})
    with pytest.raises(
        ProjectError, match=r"metrics\.py, line 3: ValueError(.|\n)*RELOAD_KEEP = \('shop.metrics',\) in settings\.py"
    ):
        reload_project()
    assert current_session() is session
    project.write({"src/shop/settings.py": "import shop.metrics\nRELOAD_KEEP = ('shop.metrics',)\n"})
    reload_project()
    assert (module("metrics"), module("metrics").RATE, module("common").RATE) == (old, 1, 2)
    project.write({"src/shop/metrics.py": "1 / 0\n"})
    reload_project()
    assert module("metrics") is old
    assert sys.modules["shop"].metrics is old
    del sys.modules["metrics_library"]


def test_files_that_a_thread_pool_reads(make_project):
    """A file that is read while modules are executed is one of their sources, whichever thread reads it."""
    project = make_project(
        {
            "rates.txt": "1",
            "src/shop/rates.py": """
                from concurrent.futures import ThreadPoolExecutor
                from pathlib import Path
                ROOT = Path(__file__).parents[2]
                with ThreadPoolExecutor() as pool:
                    RATES = list(pool.map(lambda name: (ROOT / name).read_text(), ["rates.txt"]))
                """,
            "src/shop/settings.py": "import shop.rates\n",
        }
    )
    reload_project(project.root)
    project.write({"rates.txt": "22"})
    reload_project()
    assert module("rates").RATES == ["22"]


def test_code_that_reloads_while_it_is_loaded(make_project):
    """A reload inside a reload is refused in words, and all is as it was."""
    project = make_project()
    session = reload_project(project.root)
    project.write({"src/shop/settings.py": "import ipyproject\nipyproject.reload_project()\n"})
    with pytest.raises(SessionError, match="A reload is going on"):
        reload_project()
    assert current_session() is session


def test_two_threads_reload_one_after_the_other(make_project):
    """Reloads wait for each other."""
    project = make_project(
        {"src/shop/slow.py": "import time\ntime.sleep(0.05)\nN = 0\n", "src/shop/settings.py": "import shop.slow\n"}
    )
    reload_project(project.root)
    errors = []

    def reload(number):
        project.write({f"src/shop/new{number}.py": ""})
        try:
            reload_project()
        except Exception as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    threads = [threading.Thread(target=reload, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert current_session().state.value == "open"


# A signal between the opening of a file and its "with" leaves the file to the collector, which says so: that is Python's.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupts_at_random_moments(make_project):
    """After Ctrl-C, once or twice, all is old or all is new, the only session is that handed out, the collector on."""
    project = make_project(FILES)
    handed_out = []
    reload_project(project.root, publish=handed_out.append)
    chance = random.Random(7)
    took, outcomes = 0.02, set()
    for number in range(200):
        before, session = dict(_own_modules()), current_session()
        project.write({"src/shop/common.py": f"RATE = {number}\ndef times(x): return x * RATE\n"})
        moments = chance.uniform(0, took * 1.5), chance.choice([None, chance.uniform(0, took / 4)])
        sent = threading.Event()  # not the thread's join(), which an interrupt may end for good in Python 3.11
        interrupting = threading.Thread(target=_interrupt, args=(sent, *moments))
        begun = time.perf_counter()
        with suppress(KeyboardInterrupt):  # the second may come at any moment until the thread has ended
            try:
                interrupting.start()
                reload_project(publish=handed_out.append)
                took = 0.8 * took + 0.2 * (time.perf_counter() - begun)
            except Interrupted as error:
                outcomes.add(str(error))
            finally:
                _wait_for(sent)
        assert gc.isenabled()
        assert current_session() is handed_out[-1]
        assert current_session().state.value == "open"
        assert current.open_sessions() == (current_session(),)
        if current_session() is session:
            assert dict(_own_modules()) == before
        else:
            assert vars(module("common"))["RATE"] == number
        for name, loaded in _own_modules():
            parent, _, short = name.rpartition(".")
            assert not parent or vars(sys.modules[parent])[short] is loaded
    assert "the reload was interrupted, and all is as it was before." in outcomes
    assert all(len(said.splitlines()) == 1 for said in outcomes)
    gc.collect()  # files that an interrupt has left open are closed here, where the warning is expected


def _interrupt(sent, *moments):
    for seconds in moments:
        if seconds is not None:
            time.sleep(seconds)
            os.kill(os.getpid(), signal.SIGINT)
    sent.set()


def _wait_for(sent):
    try:
        sent.wait()
        time.sleep(0.001)
    except KeyboardInterrupt:
        _wait_for(sent)


def _own_modules():
    return [(name, loaded) for name, loaded in list(sys.modules.items()) if name.partition(".")[0] == "shop"]


def test_a_failed_first_opening_puts_back_what_it_took(make_project, tmp_path, monkeypatch):
    """An installed package of the same name, that had to make room, is there again with all its modules."""
    (tmp_path / "site/shop/inner").mkdir(parents=True)
    for name in ("__init__", "inner/__init__", "inner/most"):
        (tmp_path / f"site/shop/{name}.py").write_text("PLACE = 'installed'\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    installed = {name: importlib.import_module(name) for name in ("shop", "shop.inner", "shop.inner.most")}
    project = make_project({"src/shop/pipeline_registry.py": "1 / 0\n"})
    with pytest.raises(ProjectError):
        reload_project(project.root)
    assert {name: sys.modules.get(name) for name in installed} == installed
    assert installed["shop"].inner.most.PLACE == "installed"
    for name in installed:
        del sys.modules[name]


def test_a_namespace_package_shared_with_what_is_installed(make_project, tmp_path, monkeypatch):
    """Of a namespace package only what lies in the source folder is the project's; the rest is never executed again."""
    (tmp_path / "site/acme/common").mkdir(parents=True)
    (tmp_path / "site/acme/common/__init__.py").write_text("STATE = []\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    project = make_project(
        {
            "pyproject.toml": "[tool.ipyproject]\npackage_name = 'acme.shop'\n",
            "src/acme/shop/__init__.py": "",
            "src/acme/shop/nodes.py": "import acme.common\nRATE = 1\n",
            "src/acme/shop/settings.py": "import acme.shop.nodes\n",
            "src/shop/__init__.py": None,
            "src/shop/nodes.py": None,
            "src/shop/pipeline_registry.py": None,
        }
    )
    reload_project(project.root)
    acme, common = sys.modules["acme"], sys.modules["acme.common"]
    common.STATE.append("kept")
    project.write({"src/acme/shop/nodes.py": "import acme.common\nRATE = 22\n"})
    session = reload_project()
    assert executed(session) == {"acme.shop.nodes", "acme.shop.settings"}
    assert acme.shop.nodes.RATE == 22
    reload_project(full=True)
    assert (sys.modules["acme"], sys.modules["acme.common"], common.STATE) == (acme, common, ["kept"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme"]:
        del sys.modules[name]


def test_one_file_by_two_names(make_project, tmp_path, monkeypatch):
    """A file that was imported by two names is executed again by both, and that there are two is said once."""
    project = make_project(
        {"src/__init__.py": "", "src/shop/cleaning.py": "RATE = 1\n", "src/shop/settings.py": "import shop.cleaning\n"}
    )
    reload_project(project.root)
    monkeypatch.syspath_prepend(str(project.root))
    importlib.import_module("src.shop.cleaning")
    project.write({"src/shop/cleaning.py": "RATE = 22\n"})
    session = reload_project()
    assert [sys.modules[name].RATE for name in ("shop.cleaning", "src.shop.cleaning")] == [22, 22]
    assert ("shop.cleaning", "src.shop.cleaning") in session.changes.doubled
    assert reload_project().changes.doubled == ()
    for name in [name for name in sys.modules if name.partition(".")[0] == "src"]:
        del sys.modules[name]


@pytest.mark.parametrize("how", ["relative", "link"])
def test_however_the_path_leads_there(make_project, monkeypatch, how):
    """A module is the project's by its file: imported by a relative entry of sys.path, or through a link."""
    project = make_project({"src/shop/cleaning.py": "RATE = 1\n", "notebooks/.keep": ""})
    monkeypatch.chdir(project.root / "notebooks")
    if how == "link":
        (project.root / "linked").symlink_to(project.root / "src")
    monkeypatch.syspath_prepend("../src" if how == "relative" else str(project.root / "linked"))
    importlib.import_module("shop.cleaning")
    reload_project(project.root)
    importlib.import_module("shop.cleaning")
    project.write({"src/shop/cleaning.py": "RATE = 22\n"})
    reload_project()
    assert module("cleaning").RATE == 22


LOOKS = (
    "from shop.parts import *\nNAMES = sorted(name for name in globals() if not name.startswith('_'))\nNUMBER = {}\n"
)


def test_a_package_that_looks_at_what_is_loaded(make_project):
    """A star import of a package gives what was loaded by then, as in a fresh kernel, not what came later."""
    project = make_project(
        {
            "src/shop/parts/__init__.py": "",
            "src/shop/parts/late.py": "",
            "src/shop/looks.py": LOOKS.format(0),
            "src/shop/new.py": LOOKS.format(0),
            "src/shop/settings.py": "import shop.looks, shop.parts.late\n",
        }
    )
    reload_project(project.root)
    assert module("looks").NAMES == []
    for number in (1, 2, 3):
        project.write({"src/shop/looks.py": LOOKS.format(number)})
        reload_project()
        assert module("looks").NAMES == []
    project.write({"src/shop/settings.py": "import shop.new, shop.looks, shop.parts.late\n"})
    reload_project()
    assert module("new").NAMES == []
    project.write({"src/shop/settings.py": "import shop.parts.late, shop.looks, shop.new\n"})
    reload_project()
    assert (module("looks").NAMES, module("new").NAMES) == (["late"], ["late"])
