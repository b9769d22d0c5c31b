"""%reload_project in an IPython shell."""

from __future__ import annotations

import os
import sys

import pytest
from IPython.core.error import UsageError

from ipyproject import current_session
from ipyproject.errors import ProjectError, UntrustedProjectError


@pytest.fixture
def project(make_project, monkeypatch):
    project = make_project()
    monkeypatch.chdir(project.root)
    return project


@pytest.fixture
def ip(shell):
    shell.run_line_magic("load_ext", "ipyproject")
    return shell


def test_the_four_names(ip, project, capsys):
    """One line opens the project found upward from the working directory and gives the four names."""
    ip.run_line_magic("reload_project", "--env=local")
    names = ip.user_ns
    assert names["session"] is current_session()
    assert names["context"] is names["session"].load_context()
    assert names["catalog"] is names["context"].catalog
    assert set(names["pipelines"]) == {"__default__", "prepare", "report"}
    out = capsys.readouterr().out
    assert out.startswith("shop (local): 2 pipelines, 2 nodes, 2 datasets, opened in ")
    assert names["session"].session_id in out


def test_loading_opens_nothing(ip, project):
    """%load_ext by hand registers the magic and leaves the opening to it."""
    assert current_session() is None
    assert "session" not in ip.user_ns


def test_reload_closes_the_previous(ip, project):
    """Each reload closes the session before it, and runs work on the new code."""
    ip.run_line_magic("reload_project", "")
    first = ip.user_ns["session"]
    project.write({"src/shop/nodes.py": "def double(orders, rate): return orders\ndef add_up(doubled): return 5\n"})
    ip.run_line_magic("reload_project", "")
    assert first.state.value == "closed"
    assert ip.user_ns["session"].run()["total"] == 5


def test_options(ip, project, tmp_path):
    """Path, env, params (with spaces and quotes) and conf source; {x} takes a variable of the notebook."""
    ip.user_ns["share"] = 0.5
    ip.run_cell(
        f'%reload_project {project.root}/conf -e prod --params model.test_share={{share}},name="x, y",n=null'
    ).raise_error()
    params = ip.user_ns["context"].params
    assert params == {"rate": 3, "model": {"test_share": 0.5, "seed": 7}, "name": "x, y", "n": None}
    (tmp_path / "other conf/base").mkdir(parents=True)
    (tmp_path / "other conf/base/parameters.yml").write_text("rate: 9")
    (tmp_path / "other conf/base/catalog.yml").write_text((project.root / "conf/base/catalog.yml").read_text())
    ip.run_line_magic("reload_project", f'--conf-source "{tmp_path}/other conf"')
    assert ip.user_ns["session"].run()["total"] == 54


def test_the_last_project_is_the_default(ip, project, tmp_path, monkeypatch):
    """Without a path the project opened last is opened, wherever the working directory is now."""
    ip.run_line_magic("reload_project", "")
    monkeypatch.chdir(tmp_path)
    ip.run_line_magic("reload_project", "")
    assert ip.user_ns["session"].project.root == project.root


def test_configured_defaults(ip, project):
    """c.ProjectMagics.env is the env where the line gives none, and survives %reload_ext."""
    ip.run_line_magic("config", "ProjectMagics.env = 'prod'")
    ip.run_line_magic("reload_ext", "ipyproject")
    ip.run_line_magic("reload_project", "")
    assert ip.user_ns["session"].env == "prod"
    ip.run_line_magic("reload_project", "-e local")
    assert ip.user_ns["session"].env == "local"


def test_how_it_was_opened_is_on_record(ip, project):
    """The session knows that a notebook opened it, and the line."""
    ip.run_line_magic("reload_project", "--env=prod")
    data = ip.user_ns["session"].data
    assert data["started_by"] == "notebook"
    assert data["invocation"] == {"line": "%reload_project --env=prod"}


def test_help(ip, capsys):
    """%reload_project? tells the options, and so does --help, which opens nothing."""
    ip.run_cell("%reload_project?")
    asked = capsys.readouterr().out
    ip.run_line_magic("reload_project", "--help")
    for text in (asked, capsys.readouterr().out):
        for option in ("path", "--env", "--params", "--conf-source", "IPYPROJECT_ENV"):
            assert option in text
    assert current_session() is None


def test_unknown_option(ip):
    """What the magic does not know is named, with the line that shows what there is."""
    with pytest.raises(UsageError, match=r"--envv=x\n%reload_project --help shows"):
        ip.run_line_magic("reload_project", "--envv=x")


@pytest.mark.parametrize("line", ["--no-such-option", "a b", '"open', "--env"])
def test_wrong_usage(ip, line):
    """A line that can't be understood is an error of usage: one line, and the cell fails."""
    with pytest.raises(UsageError):
        ip.run_line_magic("reload_project", line)


def test_a_failure_leaves_namespace_and_session(ip, project, capsys):
    """When the project is broken the cell fails with one short message and everything stays."""
    ip.run_line_magic("reload_project", "")
    before = {name: ip.user_ns[name] for name in ("session", "context", "catalog", "pipelines")}
    project.write({"src/shop/nodes.py": "a = 1\nb = (\n"})
    capsys.readouterr()
    result = ip.run_cell("%reload_project")
    assert isinstance(result.error_in_exec, ProjectError)
    out = capsys.readouterr().out
    assert out.startswith("ProjectCodeError: src/shop/nodes.py, line 2: SyntaxError: '(' was never closed")
    assert "Traceback" not in out
    assert len(out.splitlines()) == 2
    assert {name: ip.user_ns[name] for name in before} == before
    assert before["session"] is current_session()
    assert before["session"].run()["total"] == 12


def test_three_reloads_of_the_extension_leave_one_magic(ip, project):
    """%reload_ext three times and %unload_ext once leave nothing behind; an open session stays."""
    from ipyproject.notebook.magics import ProjectMagics

    ip.run_line_magic("reload_project", "")
    session = ip.user_ns["session"]
    for _ in range(3):
        ip.run_line_magic("reload_ext", "ipyproject")
        assert sum(isinstance(item, ProjectMagics) for item in ip.configurables) == 1
    assert current_session() is session
    ip.run_line_magic("unload_ext", "ipyproject")
    assert not any(type(item).__name__ == "ProjectMagics" for item in ip.configurables)
    assert "reload_project" not in ip.magics_manager.magics["line"]
    assert "ProjectMagics" not in ip.magics_manager.registry
    assert not any("ipyproject" in callback.__module__ for callback in ip.events.callbacks["pre_run_cell"])
    ip.run_line_magic("load_ext", "ipyproject")
    ip.run_line_magic("reload_project", "")
    assert session.state.value == "closed"


@pytest.fixture
def shown(monkeypatch):
    """What %sessions displays."""
    from IPython.utils.capture import capture_output

    monkeypatch.setenv("COLUMNS", "200")

    class Shown:
        def __call__(self, ip, line):
            with capture_output() as captured:
                ip.run_line_magic("sessions", line)
            self.printed = captured.stdout
            return captured.outputs[0].data

    return Shown()


def test_sessions_as_tables(ip, project, shown):
    """%sessions lists, shows and compares, as text and as HTML; everything is escaped, and ids are not folded."""
    ip.run_line_magic("reload_project", "--params 'name=\"<b>bold</b>\"'")
    ip.user_ns["session"].run()
    ip.run_line_magic("reload_project", "-e prod")
    session_id = ip.user_ns["session"].session_id
    listed = shown(ip, "")
    assert session_id in listed["text/plain"]
    assert "name=<b>bold</b>" in listed["text/plain"]
    assert "name=&lt;b&gt;bold&lt;/b&gt;" in listed["text/html"]
    assert f'<td style="text-align: left; white-space: nowrap">{session_id}</td>' in listed["text/html"]
    assert "<style" not in listed["text/html"]
    assert session_id not in shown(ip, "list --env local --limit 3")["text/plain"]
    assert session_id in shown(ip, "--param rate>=3")["text/plain"]
    assert session_id not in shown(ip, "list --param 'rate < 3'")["text/plain"]
    assert "none that fits" in shown(ip, "list --param rate!=2,rate!=3")["text/plain"]
    assert "double" in shown(ip, "show latest~1")["text/html"]
    assert "%reload_project -e prod" in shown(ip, "show")["text/plain"]
    compared = shown(ip, "diff")
    assert "name" in compared["text/plain"]
    assert "rate" in compared["text/html"]


def test_sessions_replay(ip, project, shown):
    """%sessions replay opens the recorded session anew, runs it, and puts the four names into the namespace."""
    ip.run_line_magic("reload_project", "-e prod")
    first = ip.user_ns["session"]
    first.run()
    project.write({"conf/prod/parameters.yml": "rate: 4"})
    told = shown(ip, "replay latest")
    assert ip.user_ns["session"] is not first
    assert ip.user_ns["session"].env == "prod"
    assert ip.user_ns["session"].record.replay_of == first.session_id
    assert "rate" in told["text/plain"]
    assert "Completed 2 nodes" in shown.printed
    assert ip.user_ns["catalog"].load("total") == 24


@pytest.mark.parametrize("line", ["shwo", "list --nothing", "diff a b c", "--limit x"])
def test_sessions_wrong_usage(ip, project, line):
    """A line that can't be understood is an error of usage."""
    with pytest.raises(UsageError):
        ip.run_line_magic("sessions", line)


def test_sessions_with_a_wrong_condition(ip, project):
    """A condition that can't be read is one short message that names it."""
    with pytest.raises(ProjectError, match="'rate=>3' compares by '=>'"):
        ip.run_line_magic("sessions", "--param rate=>3")


def test_names_in_the_notebook_follow(ip, project, capsys):
    """Names imported in cells are bound to their successors after a reload, which says so."""
    project.write({"src/shop/tools.py": "RATE = 1\ndef clean(): return 'old'\n"})
    ip.run_line_magic("reload_project", "")
    ip.run_cell("from shop.tools import clean, RATE as rate\nfrom shop import tools\nmine = 1", store_history=True)
    project.write({"src/shop/tools.py": "RATE = 22\ndef clean(): return 'new'\n"})
    capsys.readouterr()
    ip.run_line_magic("reload_project", "")
    names = ip.user_ns
    assert (names["clean"](), names["rate"], names["tools"].RATE, names["mine"]) == ("new", 22, 22, 1)
    assert "clean, rate" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes say nothing on Windows")
@pytest.mark.parametrize("path", ["", "conf", "{root}"])
def test_a_project_that_others_can_change(ip, project, capsys, path):
    """It is named and not opened, found or given; --trust opens it, and it is not asked about again in this process."""
    project.root.chmod(0o777)
    path = path.format(root=project.root)
    result = ip.run_cell(f"%reload_project {path}")
    assert isinstance(result.error_in_exec, UntrustedProjectError)
    assert capsys.readouterr().out.startswith(
        f"UntrustedProjectError: {project.root} can be written by everybody (mode 0777): "
        "others can change what the project there executes.\nIf you trust them: %reload_project --trust"
    )
    assert current_session() is None
    assert "shop" not in sys.modules
    ip.run_line_magic("reload_project", f"--trust {path}")
    first = ip.user_ns["session"]
    for line in ("", f"{path} -e prod"):
        ip.run_line_magic("reload_project", line)
    assert ip.user_ns["session"] is not first
    assert ip.user_ns["session"].env == "prod"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes say nothing on Windows")
def test_sessions_of_a_project_that_others_can_change(ip, project):
    """Its sessions are looked at, since that executes nothing of it; none is replayed before it is trusted."""
    project.root.chmod(0o777)
    ip.run_line_magic("sessions", "")
    assert "shop" not in sys.modules
    with pytest.raises(UntrustedProjectError):
        ip.run_line_magic("sessions", "replay latest")
    ip.run_line_magic("reload_project", "--trust")
    ip.run_line_magic("sessions", "")
