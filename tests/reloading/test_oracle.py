"""A reload gives what a fresh interpreter has, whatever was edited; a failed one leaves all as it was."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test


def _load(name):
    spec = importlib.util.spec_from_file_location(f"reloading_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle, generated = _load("oracle"), _load("generated")
EXAMPLES = int(os.environ.get("IPYPROJECT_ORACLE_EXAMPLES", "12"))
STEPS = int(os.environ.get("IPYPROJECT_ORACLE_STEPS", "12"))
NAMES = list(generated.POOL)
names = st.sampled_from(NAMES)
KEPT = {"shop.core", "shop.hooks"}  # what the rest can't do without
numbers = st.integers(0, 9)
templates = st.integers(0, len(generated.TEMPLATES) - 1)
conf_files = st.sampled_from(
    [
        "base/parameters.yml",
        "base/parameters_more.yml",
        "local/parameters.yml",
        "base/catalog.yml",
        "base/catalog_b.yml",
    ]
)
keys = st.sampled_from(["a", "b", "c", "_d"])
COUNTS = {"edits": 0, "failed": 0, "executed": 0, "loaded": 0}


@pytest.fixture(scope="module")
def worker():
    worker = oracle.Worker()
    yield worker
    worker.close()


class Edits(RuleBasedStateMachine):
    worker = None

    @initialize(
        swarm=st.lists(templates, min_size=3, max_size=12, unique=True),
        data=st.lists(st.tuples(names, templates, names, numbers), min_size=10, max_size=45),
    )
    def begin(self, swarm, data):
        self.swarm = swarm  # few kinds of statements in one example meet each other more often
        self.root = Path(tempfile.mkdtemp()).resolve()
        self.source = self.root / "src"
        (self.root / "conf/base").mkdir(parents=True)
        (self.root / "pyproject.toml").write_text("[tool.ipyproject]\npackage_name = 'shop'\n")
        self.conf = {}
        self.words = "0"
        self.writes = 0
        self.modules = {name: [1, list(generated.SKELETON.get(name, ()))] for name in NAMES}
        self.good = copy.deepcopy((self.modules, self.conf))
        self.mark = 0
        for name, template, target, number in data:
            self._add(name, template, target, number)
        self._write_all()
        self._compare()

    def _add(self, name, template, target, number):
        if name not in self.modules or name == target:
            return
        if NAMES.index(target) > NAMES.index(name) and number < 8:
            name, target = target, name  # imports point downward, mostly
        if name not in self.modules or (name == "shop.core" and number < 8):
            return
        self.mark += 1
        self.modules[name][1].append(
            generated.template_text(self.swarm[template % len(self.swarm)], name, target, number, f"_{self.mark}")
        )

    def _write_all(self):
        wanted = {
            generated.path_of(self.source, name): generated.module_text(name, *content)
            for name, content in self.modules.items()
        }
        for path in list(self.source.rglob("*.py")):
            if path not in wanted and path.name != "settings.py":
                path.unlink()
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()
        wanted[self.source / "shop/words.txt"] = self.words
        wanted[self.source / "shop/settings.py"] = generated.SETTINGS
        for name in ("base/parameters.yml", *self.conf):
            wanted[self.root / "conf" / name] = json.dumps(self.conf.get(name, {}))
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text(text)
            elif path.read_text() != text:
                before = path.stat()
                path.write_text(text)
                self.writes += 1
                if self.writes % 2:  # as a checkout or a copy may leave it
                    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    @rule(edits=st.lists(st.tuples(names, templates, names, numbers), min_size=1, max_size=2))
    def add_statements(self, edits):
        for edit in edits:
            self._add(*edit)
        self._compare()

    @rule(name=names, number=numbers)
    def change_number(self, name, number):
        if name in self.modules:
            self.modules[name][0] = number
        self._compare()

    @rule(name=names, place=st.integers(0, 20))
    def remove_statement(self, name, place):
        statements = self.modules.get(name, (0, []))[1]
        if statements:
            statements.pop(place % len(statements))
        self._compare()

    @rule(name=names, place=st.integers(0, 20))
    def move_statement(self, name, place):
        statements = self.modules.get(name, (0, []))[1]
        if statements:
            statements.append(statements.pop(place % len(statements)))
        self._compare()

    @rule(name=names)
    def remove_or_add_module(self, name):
        if name in KEPT:
            return
        if self.modules.pop(name, None) is None:
            self.modules[name] = [3, []]
        self._compare()

    @rule(old=names, new=names)
    def rename(self, old, new):
        if old in self.modules and new not in self.modules and KEPT.isdisjoint((old, new)):
            self.modules[new] = self.modules.pop(old)
        self._compare()

    @rule(name=conf_files, key=keys, number=numbers)
    def edit_conf(self, name, key, number):
        content = self.conf.setdefault(name, {})
        if number == 0:
            content.pop(key, None)
        elif "catalog" in name:
            content[f"{key}{name[-6:-4]}"] = {"type": "MemoryDataset"} | ({"metadata": number} if number > 5 else {})
        else:
            content[key] = {"x": "${x}"} if number > 8 else {"deep": number, key: [number]}
        self._compare()

    @rule(number=numbers)
    def edit_data_beside_the_code(self, number):
        self.words = str(number)
        self._compare()

    @rule()
    def nothing(self):
        self._compare()

    def _compare(self):
        self._write_all()
        tops = sorted({name.partition(".")[0] for name in NAMES})
        now = self.worker.ask(do="reload", source=str(self.source), tops=tops)
        COUNTS["edits"] += 1
        assert "half" not in now, "a failed reload left something changed"
        new = self.worker.ask(do="fresh", source=str(self.source), extra=now.get("loaded", []), tops=tops)
        if "error" in now or "error" in new:
            COUNTS["failed"] += 1
            assert ("error" in now) == ("error" in new), (now.get("traceback"), new.get("traceback"))
            self.modules, self.conf = copy.deepcopy(self.good)  # what is broken is mended by the next edit
            return
        self.good = copy.deepcopy((self.modules, self.conf))
        COUNTS["executed"] += len(now["executed"])
        COUNTS["loaded"] += len(now["loaded"])
        assert now["stale_names"] == []
        for part in ("pipelines", "params", "catalog"):
            assert now[part] == new[part], now["executed"]
        assert set(now["modules"]) == set(new["modules"]), now["executed"]
        for name, namespace in new["modules"].items():
            assert now["modules"][name] == namespace, f"{name}; executed: {now['executed']}"

    def teardown(self):
        if hasattr(self, "source"):
            self.worker.ask(do="close", source=str(self.source))
            shutil.rmtree(self.root)


def test_incremental_equals_fresh(worker):
    """After any series of edits, executing the stale modules gives what a fresh interpreter makes of the project."""
    Edits.worker = worker
    run_state_machine_as_test(
        Edits,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=list(Phase) if os.environ.get("IPYPROJECT_ORACLE_SHRINK") else [Phase.reuse, Phase.generate],
            database=None,
            # The small budget of every test run takes the same edits each time; a search for new ones asks for more.
            derandomize="IPYPROJECT_ORACLE_EXAMPLES" not in os.environ,
        ),
    )
    assert COUNTS["failed"] < COUNTS["edits"] / 2, "most edits must be good ones"
    assert 0 < COUNTS["executed"] < COUNTS["loaded"] * 3 / 4, "some modules must be executed, and some left alone"
    if "IPYPROJECT_ORACLE_EXAMPLES" in os.environ:
        sys.stdout.write(f"{COUNTS}\n")
