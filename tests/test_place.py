"""Who else can change what a project executes: real owners, real modes."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipyproject import Session, bootstrap_project, current, current_session, reload_project
from ipyproject.bootstrap import found_project
from ipyproject.errors import UntrustedProjectError
from ipyproject.place import stranger_at
from ipyproject.project import read_project

grp, pwd = pytest.importorskip("grp"), pytest.importorskip("pwd")  # Windows has neither, and is not asked

STRANGER = 54321  # no user and no group of the system has this number
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
DAEMON = pwd.getpwnam("daemon")


@pytest.fixture(autouse=True)
def no_sudo(monkeypatch):
    """Whoever runs the tests under sudo would be trusted."""
    monkeypatch.delenv("SUDO_UID", raising=False)


@pytest.fixture
def project(make_project):
    """A project that leaves a mark when it is opened."""
    return make_project(
        {
            "src/shop/settings.py": "from pathlib import Path\nPath(__file__).parents[3].joinpath('mark').touch()\n",
            "notebooks/deep/.gitkeep": "",
        }
    )


@pytest.fixture
def public():
    """A folder that other users can enter, which pytest's are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder).resolve()


def small_project(root, *, owner, group=None, folder_mode=0o755):
    """Write the least that is a project and give all of it to a user."""
    package = root / "src/shop"
    package.mkdir(parents=True, mode=0o755)
    (package / "__init__.py").touch()
    (root / "pyproject.toml").write_text("[tool.ipyproject]")
    for path in (root, *root.rglob("*")):
        os.chown(path, owner, owner if group is None else group)
        path.chmod(folder_mode if path.is_dir() else 0o644)
    return root


@contextmanager
def as_user(uid):
    """Be another user for the block: the effective one, as after setuid."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def answer(root, start=None):
    return stranger_at(start or root, read_project(root))


def test_ones_own_project(project):
    """Nobody else: the folders of pytest are below /tmp, which all can write, and that is above the root."""
    assert answer(project.root) is None
    assert answer(project.root, project.root / "notebooks/deep") is None


PLACES = ["", "pyproject.toml", "src", "src/shop", "conf", "notebooks", "notebooks/deep"]


@needs_root
@pytest.mark.parametrize("place", PLACES)
def test_a_strangers_place(project, place):
    """The root, what is read there, and the folders down to where the search began: each is named with its owner."""
    os.chown(project.root / place, STRANGER, -1)
    assert answer(project.root, project.root / "notebooks/deep") == (
        f"{project.root / place} belongs to uid {STRANGER}, not to you (root)"
    )


@pytest.mark.parametrize("place", PLACES)
def test_written_by_everybody(project, place):
    """Each of these places is named when others can write it."""
    (project.root / place).chmod(0o777)
    assert answer(project.root, project.root / "notebooks/deep") == (
        f"{project.root / place} can be written by everybody (mode 0777)"
    )


@pytest.mark.parametrize(("place", "is_fine"), [("", True), ("notebooks", True), ("src", False), ("conf", False)])
def test_the_sticky_bit(project, place, is_fine):
    """It keeps others from exchanging what is there; not from adding a module or a catalog where these are read."""
    (project.root / place).chmod(0o1777)
    assert (answer(project.root, project.root / "notebooks/deep") is None) == is_fine


def test_a_sticky_folder_of_modules(tmp_path):
    """A root that holds the package itself is on sys.path: what others add there is imported."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text("[tool.ipyproject]")
    tmp_path.chmod(0o1777)
    assert answer(tmp_path) == f"{tmp_path} can be written by everybody (mode 1777)"


@needs_root
def test_written_by_a_group(project):
    """A group that may write is named; by its number where it has no name."""
    os.chown(project.root, -1, DAEMON.pw_gid)
    project.root.chmod(0o755)
    assert answer(project.root) is None
    project.root.chmod(0o2775)
    group = grp.getgrgid(DAEMON.pw_gid).gr_name
    assert answer(project.root) == f"{project.root} can be written by the group {group} (mode 2775)"
    os.chown(project.root, -1, STRANGER)
    project.root.chmod(0o775)
    assert answer(project.root) == f"{project.root} can be written by the group {STRANGER} (mode 0775)"


@needs_root
def test_ones_own_group(public):
    """A group of the user's own name, which a umask of 002 lets write everything, is the user."""
    root = small_project(public / "shop", owner=DAEMON.pw_uid, group=DAEMON.pw_gid, folder_mode=0o775)
    with as_user(DAEMON.pw_uid):
        assert answer(root) is None


@needs_root
def test_ones_own_group_with_others_in_it(public, monkeypatch):
    """It is not if it lists somebody else."""
    root = small_project(public / "shop", owner=DAEMON.pw_uid, group=DAEMON.pw_gid, folder_mode=0o775)
    shared = grp.struct_group(("daemon", "x", DAEMON.pw_gid, ["daemon", "mallory"]))
    monkeypatch.setattr(grp, "getgrgid", {DAEMON.pw_gid: shared}.__getitem__)
    with as_user(DAEMON.pw_uid):
        assert answer(root) == f"{root} can be written by the group daemon (mode 0775)"


@needs_root
def test_as_a_user(public):
    """Root's and one's own projects are fine, those of a third are not."""
    mine, roots, others = (
        small_project(public / name, owner=owner) for name, owner in {"a": DAEMON.pw_uid, "b": 0, "c": STRANGER}.items()
    )
    with as_user(DAEMON.pw_uid):
        assert (answer(mine), answer(roots)) == (None, None)
        assert answer(others) == f"{others} belongs to uid {STRANGER}, not to you (daemon)"


@needs_root
def test_a_project_planted_above(public, monkeypatch):
    """What somebody leaves in a folder like /tmp is not found from one's own folder below it as if it were one's own."""
    (public / "src/shop").mkdir(parents=True)
    (public / "src/shop/__init__.py").write_text("raise SystemExit('taken over')")
    (public / "pyproject.toml").write_text("[tool.ipyproject]")
    for planted in ("src", "src/shop", "src/shop/__init__.py", "pyproject.toml"):
        os.chown(public / planted, STRANGER, STRANGER)
    public.chmod(0o1777)
    (public / "mine").mkdir()
    os.chown(public / "mine", DAEMON.pw_uid, DAEMON.pw_gid)
    monkeypatch.chdir(public / "mine")
    with as_user(DAEMON.pw_uid):
        for opening in (Session.create, bootstrap_project, reload_project):
            with pytest.raises(UntrustedProjectError, match=f"belongs to uid {STRANGER}, not to you"):
                opening()


@needs_root
def test_root_under_sudo(project, monkeypatch):
    """Under sudo the caller's projects are as good as root's; a variable that is no number says nothing."""
    os.chown(project.root, STRANGER, -1)
    for variable, is_fine in ((str(STRANGER), True), (str(STRANGER + 1), False), ("", False), ("-1", False)):
        monkeypatch.setenv("SUDO_UID", variable)
        assert (answer(project.root) is None) == is_fine


@needs_root
def test_sudo_counts_only_for_root(public, monkeypatch):
    """Who is not root is not somebody else by a variable."""
    root = small_project(public / "shop", owner=STRANGER)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    with as_user(DAEMON.pw_uid):
        assert answer(root) == f"{root} belongs to uid {STRANGER}, not to you (daemon)"


def test_a_link_to_the_root(project, tmp_path):
    """Where a link leads is what counts, and is named."""
    (tmp_path / "link").symlink_to(project.root)
    assert found_project(tmp_path / "link", trust=False).root == project.root
    project.root.chmod(0o777)
    with pytest.raises(UntrustedProjectError, match=f"^{project.root} can be written by everybody"):
        found_project(tmp_path / "link/notebooks", trust=False)


@needs_root
def test_a_strangers_link(project, tmp_path):
    """A link that somebody else made to files of one's own is his: he may let it lead elsewhere."""
    (project.root / "src").rename(tmp_path / "moved")
    (project.root / "src").symlink_to(tmp_path / "moved")
    assert answer(project.root) is None
    os.chown(project.root / "src", STRANGER, -1, follow_symlinks=False)
    assert answer(project.root) == f"{project.root / 'src'} belongs to uid {STRANGER}, not to you (root)"


def test_found_upward_in_python(project, tmp_path, monkeypatch):
    """A search from the working directory does not open such a project; the message says how. Nothing was executed."""
    project.root.chmod(0o777)
    monkeypatch.chdir(project.root / "notebooks")
    for opening in (Session.create, bootstrap_project, reload_project):
        with pytest.raises(UntrustedProjectError, match=r"can be written by everybody(.|\n)*name the project: Session"):
            opening()
    assert not (tmp_path / "mark").exists()
    assert not current.has_project()


def test_named_in_python(project, tmp_path, monkeypatch):
    """Naming a project in Python says that it is meant; then it counts as known in this process, and only it."""
    project.root.chmod(0o777)
    with project.open():
        assert (tmp_path / "mark").exists()
    current.set_project(None)
    monkeypatch.chdir(project.root)
    bootstrap_project()
    reload_project().close()
    current.reset()
    with pytest.raises(UntrustedProjectError):
        bootstrap_project()


def test_a_place_that_was_opened_to_others_since(project):
    """Each reload looks again; what is refused leaves the open session as it was."""
    session = reload_project(project.root)
    project.root.chmod(0o777)
    with pytest.raises(UntrustedProjectError):
        reload_project()
    assert current_session() is session
    assert session.run()["total"] == 12
