"""The public names, and what importing the package costs."""

from __future__ import annotations

import subprocess
import sys

import ipyproject


def modules_after(code):
    """Names of the modules that a fresh interpreter has after some code."""
    program = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def top_level(names):
    return {name.partition(".")[0] for name in names}


HEAVY = {"IPython", "ipykernel", "traitlets", "tomli", "click", "rich", "yaml", "omegaconf", "fsspec", "sqlite3"}


def test_every_public_name_is_there():
    """Each name in __all__ can be imported, and dir() shows them."""
    for name in ipyproject.__all__:
        assert getattr(ipyproject, name) is not None
    assert set(ipyproject.__all__) <= set(dir(ipyproject))


def test_importing_the_package_imports_nothing_else():
    """import ipyproject brings no dependency and no module of ours."""
    bare = modules_after("")
    new = modules_after("import ipyproject") - bare
    assert not top_level(new) & (HEAVY | {"pluggy"})
    assert {name for name in new if name.startswith("ipyproject")} == {"ipyproject"}


def test_public_names_import_only_what_they_need():
    """Sessions and pipelines are had without IPython, and without what only files and commands need."""
    new = modules_after("from ipyproject import Session, Node, Pipeline, Catalog, bootstrap_project")
    assert not top_level(new) & HEAVY


def test_running_never_imports_ipython(make_project):
    """A whole session in a script goes without IPython and traitlets."""
    root = str(make_project().root)
    new = modules_after(f"from ipyproject import Session\nwith Session.create({root!r}) as s: s.run()")
    assert not top_level(new) & {"IPython", "ipykernel", "traitlets", "rich", "click", "omegaconf", "pandas"}


def test_help_imports_no_command():
    """ipyproject --help needs click and nothing of the framework."""
    code = "import sys\nsys.argv = ['ipyproject', '--help']\nfrom ipyproject.cli import main\ntry: main()\nexcept SystemExit: pass"
    new = modules_after(code)
    assert "ipyproject.session" not in new
    assert not top_level(new) & (HEAVY - {"click"})


LATER = {
    "_hashlib",
    "ast",
    "asyncio",
    "email",
    "hashlib",
    "importlib.metadata",
    "json",
    "logging",
    "pathlib",
    "platform",
    "pluggy",
    "ssl",
    "subprocess",
    "tempfile",
    "urllib.parse",
    "zipfile",
}


def test_importing_the_session_imports_what_opening_needs_only_later():
    """Who imports Session has opened none yet: no file is read, nothing hashed, nothing reloaded, no plugin looked for."""
    bare = modules_after("")
    new = modules_after("from ipyproject import Session, SessionState, current_session") - bare
    assert not new & LATER
    assert {name for name in new if name.startswith("ipyproject")} == {
        "ipyproject",
        "ipyproject.current",
        "ipyproject.errors",
        "ipyproject.forks",
        "ipyproject.visible",
        "ipyproject.session",
        "ipyproject.session.facade",
        "ipyproject.session.session",
    }


def test_a_script_reloads_nothing(make_project):
    """A session that no reload opens goes without the code of reloading, of questions to the record and of replays."""
    root = str(make_project().root)
    new = modules_after(f"from ipyproject import Session\nwith Session.create({root!r}) as s: s.run()")
    assert not {name for name in new if name.startswith(("ipyproject.reloading", "ipyproject.session.re"))} - {
        "ipyproject.session.record",
        "ipyproject.session.result",
    }
