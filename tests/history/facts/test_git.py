from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipyproject.history.facts.git import git_state, start_git_state

AUTHOR = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


@pytest.fixture(autouse=True)
def own_settings(monkeypatch, tmp_path) -> None:
    """Neither the user's settings nor a repository around the temporary folder count."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A clean repository with a project in a folder of its own."""
    root = tmp_path / "repo"
    (root / "project").mkdir(parents=True)
    git(root, "init", "-q", "-b", "trunk")
    (root / "project" / "a.py").write_text("a = 1\n")
    (root / ".gitignore").write_text("*.tmp\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_clean(repo) -> None:
    """A clean tree has a commit and a branch, and no difference; ignored files don't count."""
    (repo / "b.tmp").touch()
    commit = git(repo, "rev-parse", "HEAD")
    assert git_state(repo / "project") == {"commit": commit, "branch": "trunk", "dirty": False, "diff_hash": None}


def change(repo: Path) -> None:
    (repo / "project" / "a.py").write_text("a = 2\n")


def stage(repo: Path) -> None:
    change(repo)
    git(repo, "add", ".")


def change_outside(repo: Path) -> None:
    (repo / ".gitignore").write_text("")


def add(repo: Path) -> None:
    (repo / "project" / "ä b.py").write_text("b = 1\n")


def add_link(repo: Path) -> None:
    (repo / "link").symlink_to("nowhere")


def remove(repo: Path) -> None:
    (repo / "project" / "a.py").unlink()


def rename(repo: Path) -> None:
    git(repo, "mv", "project/a.py", "project/c.py")


def add_repository(repo: Path) -> None:
    git(repo, "init", "-q", "-b", "main", "nested")
    (repo / "nested" / "x").write_text("x")


@pytest.mark.parametrize("edit", [change, stage, change_outside, add, add_link, remove, rename, add_repository])
def test_dirty(repo, edit) -> None:
    """Any change in the whole repository makes it dirty; the hash is that of the difference, and gone without it."""
    edit(repo)
    facts = git_state(repo / "project")
    assert (facts["dirty"], facts["branch"]) == (True, "trunk")
    assert facts["diff_hash"]
    assert git_state(repo)["diff_hash"] == facts["diff_hash"]
    git(repo, "reset", "-q", "--hard")
    git(repo, "clean", "-qffd")
    assert git_state(repo)["diff_hash"] is None
    edit(repo)
    assert git_state(repo)["diff_hash"] == facts["diff_hash"]


def test_different_differences(repo) -> None:
    """Changes of content, of mode and of place have hashes of their own; staging makes no difference."""
    hashes = set()
    for edit in (change, change_outside, add, remove):
        edit(repo)
        hashes.add(git_state(repo)["diff_hash"])
    (repo / ".gitignore").chmod(0o755)
    hashes.add(git_state(repo)["diff_hash"])
    assert len(hashes) == 5
    git(repo, "add", "--all")
    assert git_state(repo)["diff_hash"] in hashes


def test_only_what_is_looked_at(repo, tmp_path) -> None:
    """With paths only changes of and below them count, untracked ones, missing files and names with signs included."""
    code, odd = repo / "project" / "src", repo / "project" / "[a]*"
    looked_at = (code, odd, repo / "project" / "gone", repo / "conf")
    for folder in looked_at[:2]:
        folder.mkdir()
        (folder / "a.py").touch()
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "second")
    (repo / "project" / "output.csv").touch()
    (repo / "project" / "a.py").write_text("a = 3")
    (repo / "project" / "src2").mkdir()
    (repo / "project" / "src2" / "x").touch()
    assert git_state(repo)["dirty"] is True
    clean = git_state(repo / "project", looked_at)
    assert (clean["dirty"], clean["diff_hash"]) == (False, None)
    hashes = set()
    for file in (code / "new.py", code / "a.py", odd / "a.py", repo / "conf" / "x"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("1")
        hashes.add(git_state(repo / "project", looked_at)["diff_hash"])
    assert None not in hashes
    assert len(hashes) == 4
    assert git_state(repo, looked_at)["diff_hash"] in hashes
    (code / "a.py").unlink()
    assert git_state(repo / "project", (code / "a.py",))["dirty"] is True


def test_paths_outside_the_repository(repo, tmp_path) -> None:
    """They are left out; where nothing is left, commit and branch are known, and nothing is said of changes."""
    outside = tmp_path / "conf"
    outside.mkdir()
    change(repo)
    both = git_state(repo / "project", (outside, repo / "project"))
    assert both["diff_hash"] == git_state(repo)["diff_hash"]
    assert git_state(repo / "project", (repo / ".gitignore", outside))["dirty"] is False
    assert git_state(repo / "project", (outside,)) == {"commit": git(repo, "rev-parse", "HEAD"), "branch": "trunk"}


def test_paths_through_a_link(repo, tmp_path) -> None:
    """A project that is opened by another name of its folder is looked at all the same."""
    (tmp_path / "link").symlink_to(repo / "project")
    link = tmp_path / "link"
    change(repo)
    assert git_state(link, (link / "a.py",)) == git_state(repo)
    change_outside(repo)
    dotted = git_state(repo / "project", (repo / "project" / ".." / ".gitignore",))
    assert dotted["diff_hash"]
    assert dotted == git_state(repo, (repo / ".gitignore",))
    assert git_state(repo / "project", (repo / "project" / ".." / ".." / "x", repo / "project"))["dirty"] is True


def test_what_links_lead_to(repo) -> None:
    """A link within the repository counts, and so does what it leads to; paths below one are where they really are."""
    (repo / "shared").mkdir()
    (repo / "shared" / "x.yml").touch()
    (repo / "project" / "conf").symlink_to("../shared")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "second")
    looked_at = ((repo / "project" / "conf",), (repo / "project" / "conf" / "x.yml",))
    assert [git_state(repo / "project", paths)["dirty"] for paths in looked_at] == [False, False]
    (repo / "shared" / "x.yml").write_text("x: 1")
    assert [git_state(repo / "project", paths)["dirty"] for paths in looked_at] == [True, True]
    git(repo, "checkout", "-q", "shared")
    (repo / "project" / "conf").unlink()
    (repo / "project" / "conf").symlink_to("/")
    assert git_state(repo / "project", looked_at[0])["dirty"] is True


def test_settings_of_diffs_do_not_matter(repo) -> None:
    """The user's taste in diffs, external tools included, changes no hash."""
    change(repo)
    before = git_state(repo)
    for name, value in {
        "diff.external": "false",
        "diff.noprefix": "true",
        "color.ui": "always",
        "status.short": "true",
    }.items():
        git(repo, "config", name, value)
    assert git_state(repo) == before


def test_detached(repo) -> None:
    """Without a branch there is a commit."""
    git(repo, "checkout", "-q", "--detach")
    facts = git_state(repo)
    assert facts["branch"] is None
    assert facts["commit"] == git(repo, "rev-parse", "HEAD")


def test_no_commits(tmp_path) -> None:
    """A repository without commits has a branch and what was not committed."""
    git(tmp_path, "init", "-q", "-b", "trunk")
    assert git_state(tmp_path) == {"commit": None, "branch": "trunk", "dirty": False, "diff_hash": None}
    (tmp_path / "a").touch()
    assert git_state(tmp_path)["diff_hash"]


def test_worktree(repo, tmp_path) -> None:
    """Another worktree of a repository has its own branch and changes."""
    git(repo, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "new").touch()
    assert (git_state(tmp_path / "side")["branch"], git_state(tmp_path / "side")["dirty"]) == ("side", True)
    assert (git_state(repo)["branch"], git_state(repo)["dirty"]) == ("trunk", False)


def test_submodule(repo, tmp_path) -> None:
    """An edit within a submodule is a change like any other, and each has its hash."""
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo), "sub")
    git(outer, "commit", "-q", "-m", "first")
    assert git_state(outer)["dirty"] is False
    hashes = set()
    for text in ("a = 2", "a = 3"):
        (outer / "sub" / "project" / "a.py").write_text(text)
        hashes.add(git_state(outer)["diff_hash"])
    git(outer / "sub", "commit", "-qam", "second")
    hashes.add(git_state(outer)["diff_hash"])
    assert None not in hashes
    assert len(hashes) == 3


def test_large_files(repo, monkeypatch) -> None:
    """Of a large file, size and time stand for the content."""
    with (repo / "large").open("wb") as file:
        file.truncate(10 * 2**30)  # sparse
    first = git_state(repo)["diff_hash"]
    assert first == git_state(repo)["diff_hash"]
    with (repo / "large").open("r+b") as file:
        file.truncate(9 * 2**30)
    assert git_state(repo)["diff_hash"] != first


def test_pipes_and_unreadable_files(repo) -> None:
    """What can't be read does no harm, and a pipe is never opened."""
    os.mkfifo(repo / "pipe")
    (repo / "project" / "a.py").unlink()
    os.mkfifo(repo / "project" / "a.py")
    assert git_state(repo)["dirty"] is True


def test_no_repository(tmp_path) -> None:
    """Without a repository, or without the folder, nothing is known."""
    assert git_state(tmp_path) == {}
    assert git_state(tmp_path / "gone") == {}


def test_no_git(repo, monkeypatch) -> None:
    """Without git nothing is known."""
    monkeypatch.setenv("PATH", "")
    assert git_state(repo) == {}


def test_bare_repository(repo, tmp_path) -> None:
    """A bare repository has a commit and no tree."""
    git(repo, "clone", "-q", "--bare", str(repo), str(tmp_path / "bare"))
    assert git_state(tmp_path / "bare") == {"commit": git(repo, "rev-parse", "HEAD"), "branch": "trunk"}


@pytest.mark.parametrize("file", ["HEAD", "config", "index", "objects"])
def test_broken_repository(repo, file) -> None:
    """A repository that git refuses does no harm."""
    target = repo / ".git" / file
    if target.is_dir():
        target.rename(repo / ".git" / "lost")
    else:
        target.write_text("[broken")
    assert git_state(repo).get("dirty") is not False


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_owned_by_somebody_else(repo) -> None:
    """A repository that git finds unsafe is not looked at."""
    for path in [repo, *repo.rglob("*")]:
        os.chown(path, 12345, 12345, follow_symlinks=False)
    assert git_state(repo) == {}


def test_nothing_is_started_or_written(repo, tmp_path) -> None:
    """No hook, monitor or prompt of the repository is run, and its index is not written."""
    spy = tmp_path / "spy"
    spy.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    spy.chmod(0o755)
    for name in ("core.fsmonitor", "core.askPass", "core.pager", "diff.external"):
        git(repo, "config", name, str(spy))
    for name in ("post-index-change", "fsmonitor-watchman"):
        (repo / ".git" / "hooks").mkdir(exist_ok=True)
        (repo / ".git" / "hooks" / name).write_bytes(spy.read_bytes())
        (repo / ".git" / "hooks" / name).chmod(0o755)
    change(repo)
    os.utime(repo / ".gitignore", (1, 1))
    index = (repo / ".git" / "index").read_bytes()
    assert git_state(repo)["dirty"] is True
    assert not (tmp_path / "ran").exists()
    assert (repo / ".git" / "index").read_bytes() == index


def test_within_a_git_hook(repo, tmp_path, monkeypatch) -> None:
    """A process that another repository's git started is told of its own project's repository."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "main")
    expected = git_state(repo)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert git_state(repo) == expected


@pytest.fixture
def hanging_git(tmp_path, monkeypatch) -> Path:
    """A git that hangs, with a child of its own, and writes down their pids."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "git"
    script.write_text(f'#!/bin/sh\nsleep 600 &\necho $$ $! >> "{folder}/pids"\nwait\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder / "pids"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_git_that_hangs(repo, hanging_git) -> None:
    """It is killed with all that it started, and nothing is known."""
    assert git_state(repo, timeout=0.4) == {}
    pids = [int(pid) for pid in hanging_git.read_text().split()]
    wait_until(lambda: not any(map(is_alive, pids)))


def test_given_up(repo, hanging_git) -> None:
    """Who stops waiting for a git that hangs gets rid of it, and is told nothing later."""
    told = []
    finding = start_git_state(repo, told.append)
    wait_until(lambda: hanging_git.exists() and hanging_git.read_text())
    assert finding.finish(0.01) is None
    pids = [int(pid) for pid in hanging_git.read_text().split()]
    wait_until(lambda: not any(map(is_alive, pids)))
    assert told == []


def test_in_the_background(repo, tmp_path) -> None:
    """The facts are passed on as they become known, commit and branch first; no facts are not."""
    told = []
    change(repo)
    all_of_it = git_state(repo)
    assert start_git_state(repo, told.append).finish(20) == all_of_it == told[-1]
    assert [list(each) for each in told] == [list(all_of_it)[:count] for count in (2, 3, 4)]
    assert start_git_state(tmp_path, told.append).finish(20) == {}
    assert len(told) == 3


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise ValueError"])
def test_a_process_that_ends_early(repo, hanging_git, ending) -> None:
    """A process that ends in the middle neither hangs nor says a word about it."""
    code = f"import sys; from pathlib import Path; from ipyproject.history.facts.git import start_git_state\nstart_git_state(Path({str(repo)!r}), print)\n{ending}"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == ""
    assert "Exception ignored" not in done.stderr
    if hanging_git.exists():
        for pid in hanging_git.read_text().split():
            if is_alive(int(pid)):
                os.kill(int(pid), signal.SIGKILL)
