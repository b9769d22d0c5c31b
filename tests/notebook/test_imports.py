"""What the extension imports, and when: loading it costs next to nothing, opening a project only what that needs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, pathlib, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
begun, found = set(sys.modules), []
for cell in sys.argv[2:]:
    shell.run_cell(cell).raise_error()
    found.append(sorted(set(sys.modules) - begun))
pathlib.Path(sys.argv[1]).write_text(json.dumps(found))
"""
FRAMEWORK = (
    "session",
    "history",
    "reloading",
    "catalog",
    "pipeline",
    "runners",
    "hooks",
    "masking",
    "display",
    "context",
)


@pytest.fixture
def imported_by(tmp_path, make_project):
    """Run cells in a fresh shell, in a project's folder; give the modules that are loaded after each of them."""
    project = make_project()
    project.write({"conf/base/catalog.yml": CATALOG})

    def run(*cells):
        answer = tmp_path / "answer.json"
        environment = {"IPYTHONDIR": str(tmp_path / "ipython"), "PATH": ""}
        subprocess.run([sys.executable, "-c", PROGRAM, answer, *cells], cwd=project.root, env=environment, check=True)
        return [set(found) for found in json.loads(answer.read_text())]

    return run


CATALOG = """
_data: data
orders: {type: text.TextDataset, filepath: "${_data}/orders.txt"}
total: {type: pickle.PickleDataset, filepath: "${_data}/total.pkl"}
"""


def test_loading_the_extension_imports_none_of_the_framework(imported_by):
    """A profile may list the extension for every kernel: what opens a project is imported by what opens one."""
    (loaded,) = imported_by("%load_ext ipyproject")
    assert "ipyproject.notebook.magics" in loaded
    assert not loaded & {f"ipyproject.{package}" for package in FRAMEWORK}
    assert not loaded & {"yaml", "omegaconf", "tomli", "pluggy", "fsspec", "importlib.metadata"}


def test_opening_a_project_imports_what_that_needs(imported_by):
    """Tables of sessions and changes wait until they are asked for; OmegaConf, until a reference needs its parser."""
    _, opened, reloaded, listed = imported_by("%load_ext ipyproject", "%reload_project", "%reload_project", "%sessions")
    assert "ipyproject.session" in opened
    assert not opened & {"omegaconf", "ipyproject.display.changes", "ipyproject.display.tables"}
    assert "ipyproject.display.changes" in reloaded
    assert "ipyproject.notebook.sessions" not in reloaded
    assert "ipyproject.notebook.sessions" in listed


def test_nothing_draws_from_the_global_random_generators(imported_by):
    """What a first report, a table of sessions and a run import leaves the seeded generators as they are."""
    seed = "import random, numpy\nstate = random.getstate(), numpy.random.get_state()[1].tolist()"
    check = "assert (random.getstate(), numpy.random.get_state()[1].tolist()) == state"
    edit = "import pathlib\npathlib.Path('conf/base/parameters.yml').write_text('rate: 5')"
    *_, loaded = imported_by(
        seed, "%load_ext ipyproject\n%reload_project", check, edit, "%reload_project", check, "%sessions", check
    )
    assert "ipyproject.display.tables" in loaded
