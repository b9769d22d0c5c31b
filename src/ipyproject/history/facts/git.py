"""What git says about a project: commit, branch, and whether and how the tree differs from the commit."""

from __future__ import annotations

import os
import signal
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, TypedDict

from ipyproject.history.facts.background import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TIMEOUT_SECONDS = 10.0
MAX_FILE = 4 * 2**20  # bytes; of larger files, size and time stand for the content
POLL_SECONDS = 0.05

# What points git at another repository (a hook that runs us has it in its environment).
_POINTING = {f"GIT_{name}" for name in ("DIR", "WORK_TREE", "INDEX_FILE", "PREFIX", "COMMON_DIR", "NAMESPACE")}
_POINTING |= {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"}
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",  # never ask for credentials
    "GIT_OPTIONAL_LOCKS": "0",  # never write the index, nor keep another git from it
    "GIT_NO_LAZY_FETCH": "1",  # never fetch what a partial clone lacks ...
    "GIT_ALLOW_PROTOCOL": "none",  # ... nor anything else
}
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "--literal-pathspecs")
_HEAD = ("rev-parse", "--revs-only", "--show-prefix", "HEAD", "--abbrev-ref", "HEAD")
_STATUS = (
    *("status", "--porcelain=v2", "--branch", "-z"),
    *("--untracked-files=all", "--no-renames", "--ignore-submodules=none", "--"),
)
_BEFORE_PATH = {"1": 8, "u": 10, "?": 1}  # kind of an entry in the status -> number of the fields before its path


class GitState(TypedDict, total=False):
    """What is known; all of it is missing where there is no repository, or git can't or may not look at it.

    Attributes:
        commit: The commit's hash; None before the first.
        branch: The branch's name; None when HEAD is detached.
        dirty: Whether anything of what is looked at differs from the commit, untracked files that are not ignored
            included. Missing when that took too long, or when nothing of it lies in the repository.
        diff_hash: The SHA-256 of what differs: on one commit, equal trees have equal hashes. None where nothing
            differs; missing when that took too long.
    """

    commit: str | None
    branch: str | None
    dirty: bool
    diff_hash: str | None


def start_git_state(root: Path, then: Callable[[GitState], object], *, paths: Sequence[Path] = ()) -> Finding[GitState]:
    """Ask git beside the main path.

    Args:
        root: A folder, as in `git_state`.
        then: Called in a thread, each time that more is known: first commit and branch, with all of it at last.
        paths: What is looked at, as in `git_state`.
    """

    def tell(state: GitState) -> None:
        if state:
            then(state)

    return Finding(lambda given_up: git_state(root, paths, given_up=given_up, early=tell), tell)


def git_state(
    root: Path,
    paths: Sequence[Path] = (),
    *,
    timeout: float = TIMEOUT_SECONDS,
    given_up: Event | None = None,
    early: Callable[[GitState], object] | None = None,
) -> GitState:
    """Return what git says about the repository that a folder lies in; never raises.

    Nothing is written, asked for, fetched, and no hook, monitor or other helper of the repository is started, but for
    filters of its changed files.

    Args:
        root: The folder.
        paths: The files and folders that are looked at for changes, and what they lead to if they are links; those
            that are not there, or not in the repository, don't matter. Without any, the repository as a whole, also
            when the folder is only a part of it.
        timeout: Seconds; a git that takes longer is killed, with all that it started.
        given_up: When this is set, git is killed at once.
        early: Called with what is known so far, before what takes longer is looked into.
    """
    looking = _Looking(timeout, given_up or Event(), early)
    with suppress(Exception):  # whatever a repository is like, a session opens in it
        looking.at(root, paths)
    return looking.known


class _Looking:
    """Looks at a repository, for a limited time; any failure ends it, and what was known by then stays.

    Args:
        timeout: Seconds for all of it.
        given_up: Set when nobody waits any longer.
        early: Called with what is known so far.
    """

    def __init__(self, timeout: float, given_up: Event, early: Callable[[GitState], object] | None) -> None:
        self.known: GitState = {}
        self._deadline = monotonic() + timeout
        self._given_up = given_up
        self._early = early

    def at(self, root: Path, paths: Sequence[Path]) -> None:
        """Find out what is `known`, the quickest first."""
        prefix, *head = self._ask(root, *_HEAD).split("\n")
        if head[1:]:  # there is a commit
            self.known = {"commit": head[0], "branch": None if head[1] == "HEAD" else head[1]}
            self._tell()
        top = Path(os.path.realpath(root / ("../" * prefix.count("/"))))
        places = [Path(os.path.realpath(path)) for path in paths]
        places += [Path(os.path.realpath(path.parent), path.name) for path in paths]  # a link itself counts, too
        looked_at = {str(place.relative_to(top)) for place in places if place.is_relative_to(top)}
        if paths and not looked_at:
            return
        fields = self._ask(top, *_STATUS, *looked_at).split("\0")
        about = dict(each.split(" ", 2)[1:] for each in fields if each.startswith("# branch."))
        changed = {each.split(" ", count)[count] for each in fields if (count := _BEFORE_PATH.get(each[:1]))}
        self.known = {
            "commit": None if about["branch.oid"] == "(initial)" else about["branch.oid"],
            "branch": None if about["branch.head"] == "(detached)" else about["branch.head"],
            "dirty": bool(changed),
        }
        if changed:
            self._tell()
        self.known["diff_hash"] = self._hash(top, sorted(changed)) if changed else None

    def _tell(self) -> None:
        if self._early is not None and not self._given_up.is_set():
            self._early({**self.known})

    def _hash(self, top: Path, changed: list[str]) -> str:
        digest = sha256()
        for path in changed:
            digest.update(f"{path}\0{self._content(top / path)}\0".encode("utf-8", "surrogateescape"))
            if self._is_over():
                raise TimeoutError
        return digest.hexdigest()

    def _content(self, path: Path) -> str:
        """Return what stands for the content of a file, a link, or a repository within the repository."""
        try:
            about = path.lstat()
            if stat.S_ISLNK(about.st_mode):
                return f"link {path.readlink()}"
            if stat.S_ISDIR(about.st_mode):
                left = self._deadline - monotonic()
                is_repository = (path / ".git").exists()
                return f"folder {git_state(path, timeout=left, given_up=self._given_up) if is_repository else ''}"
            executable = bool(about.st_mode & stat.S_IXUSR)
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE:
                return f"large {executable} {about.st_size} {about.st_mtime_ns}"
            return f"file {executable} {sha256(path.read_bytes()).hexdigest()}"
        except OSError as error:
            return f"none {error.errno}"

    def _is_over(self) -> bool:
        return self._given_up.is_set() or monotonic() > self._deadline

    def _ask(self, folder: Path, *arguments: str) -> str:
        """Return what git prints.

        Raises:
            OSError, subprocess.SubprocessError: It is missing, fails, or takes too long.
        """
        import subprocess

        process = subprocess.Popen(  # noqa: S603 - git, with constant arguments
            [*_GIT, *arguments],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name not in _POINTING} | _QUIET,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # no terminal to ask on, no Ctrl-C, and a group that can be killed whole
        )
        while not self._is_over():
            with suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=POLL_SECONDS)
                if process.returncode:
                    raise subprocess.SubprocessError
                return output.decode("utf-8", "surrogateescape")
        with suppress(OSError, subprocess.TimeoutExpired):  # a file system that hangs can keep it alive
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
            process.wait(1)
        if process.stdout is not None:
            process.stdout.close()
        raise TimeoutError
