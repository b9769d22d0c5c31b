"""A real kernel: by hand, by profile, by --ext, by the installed kernelspec."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

REPOSITORY = Path(__file__).resolve().parents[2]
OWN_USER = not hasattr(os, "geteuid") or os.geteuid() != 0
NAMES = "session.env, type(context).__name__, len(pipelines), catalog.load('orders')"


def test_by_hand(make_project, start_kernel):
    """The main job in a real kernel, an edit, a broken edit, and the session that survives it."""
    project = make_project()
    kernel = start_kernel(project.root / "conf")
    assert kernel.run("%load_ext ipyproject")[0] == "ok"
    status, printed, _ = kernel.run("%reload_project --env=prod")
    assert (status, printed.splitlines()[0].split(",")[0]) == ("ok", "shop (prod): 2 pipelines")
    assert kernel.run(NAMES)[1] == "('prod', 'Context', 3, [1, 2, 3])"
    assert kernel.run("dict(session.run()), dict(session.run())")[1] == "({'total': 18}, {'total': 18})"
    project.write({"src/shop/nodes.py": "def double(orders, rate):\n    return nowhere\n\nnowhere_else\n"})
    status, printed, error = kernel.run("%reload_project")
    assert status == "error"
    assert "\n".join(error) == (
        "ProjectCodeError: src/shop/nodes.py, line 4: NameError: name 'nowhere_else' is not defined\n"
        "Mend it and try again; what was open before is unchanged."
    )
    assert kernel.run("dict(session.run())")[1] == "{'total': 18}"


def test_error_of_a_node(make_project, start_kernel):
    """What a node raises is shown with the project's lines and none of ours, and says which node it was."""
    project = make_project({"src/shop/nodes.py": "def double(orders, rate):\n    1 / 0\ndef add_up(doubled): ..."})
    kernel = start_kernel(project.root)
    kernel.run("%load_ext ipyproject\n%reload_project")
    status, _, error = kernel.run("session.run()")
    text = "\n".join(error)
    assert status == "error"
    assert "ZeroDivisionError" in text
    assert "nodes.py" in text
    assert "In node 'double'" in text
    assert "runners/base.py" not in text
    assert "session/session.py" not in text


def test_the_error_of_a_node_is_the_users_own(make_project, start_kernel):
    """What a node raises is shown and caught as it was raised, whatever is in it; the record hides its secrets."""
    project = make_project(
        {
            "conf/local/credentials.yml": "db: {password: S3cr3tPassw0rd}",
            "src/shop/nodes.py": """
                from pathlib import Path
                def double(orders, rate):
                    password = Path("conf/local/credentials.yml").read_text().split()[-1].rstrip("}")
                    try:
                        raise OSError("refused: postgresql://me:" + "0ther" + "@host/db")
                    except OSError as error:
                        error.add_note(f"with {password}")
                        raise ValueError(f"bad {password}", {"api_key": "a" + "bcd-123"}) from error
                def add_up(doubled): ...
                """,
        }
    )
    kernel = start_kernel(project.root)
    kernel.run("%load_ext ipyproject\n%reload_project")
    status, _, error = kernel.run("session.run()")
    text = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(error))
    assert status == "error"
    assert "ValueError: ('bad S3cr3tPassw0rd', {'api_key': 'abcd-123'})" in text
    assert "postgresql://me:0ther@host/db" in text
    assert "with S3cr3tPassw0rd" in text
    assert "nodes.py" in text
    assert "In node 'double'" in text
    assert "session/session.py" not in text
    told = kernel.run("print(session.last_run.exception)")[1]
    assert "('bad ***', {'api_key': '***'})" in told
    for secret in ("S3cr3tPassw0rd", "0ther@", "abcd-123"):
        assert secret not in told
    code = "try: session.run()\nexcept ValueError as error: print(type(error).__name__, error.args)"
    assert kernel.run(code)[1] == "ValueError ('bad S3cr3tPassw0rd', {'api_key': 'abcd-123'})\n"


def test_extension_in_a_profile(make_project, start_kernel, tmp_path):
    """With the sample profile the four names are there before the first cell, which says what was opened."""
    profile = tmp_path / "ipython/profile_default"
    profile.mkdir(parents=True)
    sample = REPOSITORY / "jupyter-config/profile/ipython_config.py"
    (profile / "ipython_config.py").write_text(sample.read_text() + "\nc.ProjectMagics.env = 'prod'\n")
    kernel = start_kernel(make_project().root / "src", ipython_dir=tmp_path / "ipython")
    status, printed, _ = kernel.run(NAMES)
    assert status == "ok"
    assert printed.startswith("shop (prod): 2 pipelines")
    assert printed.endswith("('prod', 'Context', 3, [1, 2, 3])")
    assert kernel.run(NAMES)[1] == "('prod', 'Context', 3, [1, 2, 3])", "said once"


def test_extension_given_to_the_kernel(make_project, start_kernel):
    """--ext opens the project, too."""
    kernel = start_kernel(make_project().root, arguments=["--ext", "ipyproject"])
    assert kernel.run(NAMES)[1].endswith("('local', 'Context', 3, [1, 2, 3])")


def test_no_project_is_silent(start_kernel, tmp_path):
    """Where no project is found, auto-load says nothing and only registers the magic."""
    kernel = start_kernel(tmp_path, arguments=["--ext", "ipyproject"])
    assert kernel.run("1 + 1") == ("ok", "2", [])
    assert kernel.run("'session' in globals(), '%reload_project' in %lsmagic")[0] == "error"
    assert kernel.run("'session' in globals()")[1] == "False"
    assert kernel.run("get_ipython().find_line_magic('reload_project') is not None")[1] == "True"


MARK = "from pathlib import Path\nPath(__file__).parents[3].joinpath('mark').touch()\n"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners and modes say nothing on Windows")
@pytest.mark.parametrize("owner", [False, pytest.param(True, marks=pytest.mark.skipif(OWN_USER, reason="needs root"))])
@pytest.mark.parametrize("by_profile", [False, True])
def test_a_project_that_others_can_change(make_project, start_kernel, tmp_path, owner, by_profile):
    """Auto-load executes nothing of it; the first cell says why, and what to type, in one line."""
    project = make_project({"src/shop/settings.py": MARK})
    os.chown(project.root, 54321, -1) if owner else project.root.chmod(0o777)
    profile = profile_with(tmp_path, LISTED if by_profile else "")
    arguments = () if by_profile else ("--ext", "ipyproject")
    kernel = start_kernel(project.root / "src", arguments=arguments, ipython_dir=profile)
    status, printed, _ = kernel.run("'session' in globals()")
    assert status == "ok"
    said, shown = printed.splitlines()
    what = "belongs to uid 54321, not to you (root)" if owner else "can be written by everybody (mode 0777)"
    assert said == (
        f"Not opened by itself: {project.root} {what}: others can change what the project there executes. "
        "If you trust them: %reload_project --trust"
    )
    assert shown == "False"
    assert kernel.run("%reload_project")[0] == "error"
    assert not (tmp_path / "mark").exists()
    assert kernel.run("%reload_project --trust")[0] == "ok"
    assert kernel.run("%reload_project -e prod")[0] == "ok"
    assert kernel.run(NAMES)[1] == "('prod', 'Context', 3, [1, 2, 3])"
    assert (tmp_path / "mark").exists()


def test_a_broken_project_does_not_keep_the_kernel_from_starting(make_project, start_kernel):
    """Auto-load of a broken project is said by the first cell; once mended, %reload_project opens it."""
    project = make_project({"src/shop/settings.py": "1 / 0"})
    kernel = start_kernel(project.root, arguments=["--ext", "ipyproject"])
    status, printed, _ = kernel.run("1 + 1")
    assert status == "ok"
    assert "src/shop/settings.py, line 1: ZeroDivisionError" in printed
    project.write({"src/shop/settings.py": ""})
    assert kernel.run("%reload_project")[0] == "ok"
    assert kernel.run(NAMES)[1] == "('local', 'Context', 3, [1, 2, 3])"


def test_kernelspec_of_the_wheel(make_project, start_kernel):
    """The kernelspec is well formed, has its logos, and its arguments open the project."""
    folder = REPOSITORY / "jupyter-config/kernels/ipyproject"
    spec = json.loads((folder / "kernel.json").read_text())
    assert spec["display_name"] == "Project"
    assert spec["argv"][:5] == ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    for size in (32, 64):
        header = (folder / f"logo-{size}x{size}.png").read_bytes()[:24]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(header[16:20]) == int.from_bytes(header[20:24]) == size
    assert (folder / "logo-svg.svg").read_text().lstrip().startswith("<")
    kernel = start_kernel(make_project().root, arguments=spec["argv"][5:])
    assert kernel.run("session.env")[1].endswith("'local'")


def test_startup_file_registers_the_magic_lazily(make_project, start_kernel, tmp_path):
    """With the start-up file %reload_project is there without %load_ext, and nothing is imported before its use."""
    startup = tmp_path / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    file = REPOSITORY / "jupyter-config/startup/50-ipyproject.py"
    (startup / file.name).write_text(file.read_text())
    kernel = start_kernel(make_project().root, ipython_dir=tmp_path / "ipython")
    assert kernel.run("import sys; 'ipyproject' in sys.modules, 'session' in globals()")[1] == "(False, False)"
    assert kernel.run("%reload_project")[0] == "ok"
    assert kernel.run(NAMES)[1] == "('local', 'Context', 3, [1, 2, 3])"


def execute(cells, folder):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def test_notebook(make_project):
    """A notebook runs from top to bottom."""
    notebook = execute(
        ["%load_ext ipyproject\n%reload_project --env=prod", "session.run()['total']"], make_project().root
    )
    assert notebook.cells[1].outputs[0].data["text/plain"] == "18"


def test_a_failing_reload_stops_the_notebook(make_project):
    """A reload that fails fails its cell, so that later cells don't run on the wrong state."""
    project = make_project({"conf/base/catalog.yml": "orders: {type: nothing.Dataset, filepath: x}"})
    with pytest.raises(CellExecutionError, match=r"CatalogError: .*nothing\.Dataset"):
        execute(["%load_ext ipyproject\n%reload_project", "1 + 1"], project.root)


def profile_with(folder, config="", **startup):
    """Write a profile that lists the extension, with start-up files; return the folder of profiles."""
    profile = folder / "ipython/profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "ipython_config.py").write_text(f"c = get_config()\n{config}\n")
    for name, text in startup.items():
        (profile / f"startup/{name}.py").write_text(text)
    return folder / "ipython"


TOOLS = "RATE = {0}\nSIZE = {0}\nLIMIT = {0}\nOWN = 2\nMINE = 2\ndef clean(): return {0}\n"
LISTED = "c.InteractiveShellApp.extensions = ['ipyproject']"
LINES = "c.InteractiveShellApp.exec_lines = ['from shop.tools import SIZE', 'MINE = 2']"


@pytest.mark.parametrize("config", [f"{LISTED}\n{LINES}", LINES])
def test_names_imported_while_a_kernel_starts(make_project, start_kernel, tmp_path, monkeypatch, config):
    """What start-up files and lines of a profile imported follows a reload; what they bound themselves does not."""
    project = make_project({"src/shop/tools.py": TOOLS.format(2)})
    monkeypatch.setenv("PYTHONPATH", str(project.root / "src"))
    startup = {"a": "from shop.tools import RATE, clean", "b": "OWN = 2\nexec(open('more').read())"}
    project.write({"more": "from shop.tools import LIMIT"})
    kernel = start_kernel(project.root, ipython_dir=profile_with(tmp_path, config, **startup))
    if LISTED not in config:
        kernel.run("%load_ext ipyproject\n%reload_project")
    assert kernel.run("RATE, SIZE, LIMIT, OWN, MINE, clean()")[1].endswith("(2, 2, 2, 2, 2, 2)")
    project.write({"src/shop/tools.py": TOOLS.format(30).replace("= 2", "= 40")})
    assert kernel.run("%reload_project")[0] == "ok"
    assert kernel.run("RATE, SIZE, LIMIT, OWN, MINE, clean()")[1] == "(30, 30, 30, 2, 2, 30)"
