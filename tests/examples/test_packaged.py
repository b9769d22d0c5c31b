"""Packaged mode: the example as a wheel in a fresh environment, with no pyproject.toml in sight."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def run(*command, cwd, **environment):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"COLUMNS": "160"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh environment with the wheels of ipyproject and of the example; gives its Python.

    What they depend on is taken from the environment of the tests by path alone, so that neither a download nor that
    environment's own (editable) installation of ipyproject comes in.
    """
    folder = tmp_path_factory.mktemp("packaged")
    for source in (REPOSITORY, REPOSITORY / "examples/penguins"):
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source, cwd=folder)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", *folder.glob("*.whl"), cwd=folder)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.fixture
def folder(tmp_path):
    """A working directory with nothing but the raw data."""
    raw = tmp_path / "data/01_raw"
    raw.mkdir(parents=True)
    shutil.copy(REPOSITORY / "examples/penguins/data/01_raw/penguins_raw.csv", raw)
    return tmp_path


def test_installed_project_is_its_own_command(environment, folder):
    """The installed example runs by its own name, with its configuration inside the wheel, and records its session."""
    out = run(environment.parent / "penguins", "run", "--pipeline", "__default__", cwd=folder)
    assert "Completed" in out
    assert json.loads((folder / "data/08_reporting/metrics.json").read_text())["accuracy"] > 0.9
    assert (folder / "data/08_reporting/bills.png").read_bytes()[:4] == b"\x89PNG"
    assert "__default__" in run(environment, "-m", "penguins", "sessions", "list", cwd=folder)
    assert not list(folder.glob("**/pyproject.toml"))


def test_installed_project_in_python(environment, folder):
    """configure_project is all that an installed project needs; the package is the wheel's, not the repository's."""
    code = """
import penguins, ipyproject
from ipyproject import Session, configure_project
project = configure_project("penguins")
with Session.create(env="prod", extra_params={"model": {"test_share": 0.3}}) as session:
    result = session.run(pipeline="data_processing")
print(project.source_dir, penguins.__file__, ipyproject.__file__)
"""
    source_dir, package, framework = run(environment, "-c", code, cwd=folder).split()[-3:]
    assert source_dir == "None"
    assert "site-packages" in package
    assert "packaged" in framework


def test_configuration_beside_and_by_argument(environment, folder, tmp_path):
    """conf/ in the working directory comes before the one inside the package; --conf-source before both."""
    for name, value in (("conf", 0.31), ("other", 0.32)):
        shutil.copytree(REPOSITORY / "examples/penguins/conf/base", folder / name / "base")
        (folder / name / "base/parameters_extra.yml").write_text(f"share: {value}")
    code = (
        "from ipyproject import *; configure_project('penguins'); "
        "print(Session.create(save_on_close=False{}).load_context().params['share'])"
    )
    assert run(environment, "-c", code.format(""), cwd=folder).strip() == "0.31"
    assert run(environment, "-c", code.format(", conf_source='other'"), cwd=folder).strip() == "0.32"


def test_what_the_wheel_installs_for_jupyter(environment, folder):
    """The kernelspec "Project" and the start-up file are where Jupyter and IPython look for them."""
    prefix = environment.parent.parent
    assert {path.name for path in (prefix / "share/jupyter/kernels/ipyproject").iterdir()} == {
        "kernel.json",
        "logo-32x32.png",
        "logo-64x64.png",
        "logo-svg.svg",
    }
    code = "get_ipython().run_line_magic('reload_project', '--help')"
    out = run(environment, "-m", "IPython", "--colors=nocolor", "-c", code, cwd=folder, IPYTHONDIR=str(folder / "ip"))
    assert "%reload_project [-e ENV]" in out
    specs = run(environment, "-m", "jupyter_client.kernelspecapp", "list", "--json", cwd=folder)
    assert json.loads(specs)["kernelspecs"]["ipyproject"]["spec"]["display_name"] == "Project"
