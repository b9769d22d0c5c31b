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
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from ipyproject.history.facts.background import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from subprocess import Popen

TIMEOUT_SECONDS = 10.0
MAX_FILE = 4 * 2**20  # bytes; of larger files, and once MAX_BYTES are read, size and time stand for the content
MAX_BYTES = 64 * 2**20
POLL_SECONDS = 0.05
MAX_NESTED = 3

# Of the environment git gets nothing that points it at another repository (a hook that runs us sets these).
_POINTING = frozenset(
    {
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    }
)  # fmt: skip
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",  # never ask for credentials
    "GIT_OPTIONAL_LOCKS": "0",  # never write the index, nor keep another git from it
    "GIT_NO_LAZY_FETCH": "1",  # never fetch what a partial clone lacks ...
    "GIT_ALLOW_PROTOCOL": "none",  # ... nor anything else
    "LC_ALL": "C",
}
_OPTIONS = (
    "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "gc.auto=0", "--no-pager",
    "--literal-pathspecs",
)  # fmt: skip
_STATUS = (
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--untracked-files=all",
    "--no-renames",
    "--ignore-submodules=none",
)
_TOP = ("rev-parse", "--show-toplevel")
_HEAD = ("rev-parse", "HEAD", "--abbrev-ref", "HEAD")


class GitState(TypedDict, total=False):
    """What is known; all of it is missing where there is no repository, or git can't or may not look at it.

    Attributes:
        commit: The commit's hash; None before the first.
        branch: The branch's name; None when HEAD is detached.
        dirty: Whether anything of what is looked at differs from the commit, untracked files that are not ignored
            included. Missing when that took too long, or when nothing of it lies in the repository.
        diff_hash: The SHA-256 of the difference: equal trees have equal hashes. None where nothing differs.
    """

    commit: str | None
    branch: str | None
    dirty: bool
    diff_hash: str | None


def start_git_state(
    root: Path,
    then: Callable[[GitState], object] | None = None,
    *,
    paths: Sequence[Path] = (),
    timeout: float = TIMEOUT_SECONDS,
) -> Finding[GitState]:
    """Ask git beside the main path; the arguments are those of `git_state`.

    Args:
        root: A folder.
        then: Called in a thread with the state, unless there are none.
        paths: What is looked at.
        timeout: Seconds.
    """

    def tell(state: GitState) -> None:
        if state and then is not None:
            then(state)

    return Finding(lambda given_up: git_state(root, paths, timeout=timeout, given_up=given_up, early=tell), tell)


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
        paths: The files and folders that are looked at for changes; those that are not there, or not in the
            repository, don't matter. Without any, the repository as a whole, also when the folder is only a part of it.
        timeout: Seconds; a git that takes longer is killed, with all that it started.
        given_up: When this is set, git is killed at once.
        early: Called with commit, branch and whether anything differs, before what differs is looked into.
    """
    try:
        return _Git(timeout, given_up or Event(), early).state(root, paths)
    except Exception:  # noqa: BLE001 - whatever a repository is like, a session opens in it
        return {}


class _Change(NamedTuple):
    """A path that differs (relative to the repository), and mode and hash of what the commit has there, if anything."""

    path: str
    committed: str


# Kind of an entry in git's status -> number of the fields before its path, and those that tell what is committed.
_ENTRIES = {"1": (8, slice(3, 7, 3)), "u": (10, slice(3, 10)), "?": (1, slice(0, 0))}


def _changes(fields: list[str]) -> Iterator[_Change]:
    for field in fields:
        if field[:1] in _ENTRIES:
            count, committed = _ENTRIES[field[0]]
            *about, path = field.split(" ", count)
            was = " ".join(about[committed])
            yield _Change(path, was if was.strip("0 ") else "")


class _Git:
    """Asks git, for a limited time.

    Args:
        timeout: Seconds for all that is asked.
        given_up: Set when nobody waits any longer.
        early: Called with what is known before the changes are looked into.
    """

    def __init__(self, timeout: float, given_up: Event, early: Callable[[GitState], object] | None = None) -> None:
        self._early = early
        self._deadline = monotonic() + timeout
        self._reserve = min(1.0, timeout / 4)  # seconds kept to ask for the commit alone
        self._given_up = given_up
        self._left = MAX_BYTES

    def state(self, root: Path, paths: Sequence[Path] = (), depth: int = 0) -> GitState:
        until = self._deadline - self._reserve
        known = self._known(root, paths)
        if paths and not known:
            return self._head(root)
        output = self._run(root, *_STATUS, "--", *known, until=until)
        if output is None:
            return self._head(root)
        fields = output.decode("utf-8", "surrogateescape").split("\0")
        about = dict(field[2:].split(" ", 1) for field in fields if field.startswith("# branch."))
        oid, head = about["branch.oid"], about["branch.head"]
        state: GitState = {
            "commit": None if oid == "(initial)" else oid,
            "branch": None if head == "(detached)" else head,
        }
        changes = list(_changes(fields))
        state["dirty"] = bool(changes)
        if changes and self._early is not None and not self._given_up.is_set():
            self._early({**state})  # hashing many files may take longer than anybody waits
        state["diff_hash"] = None
        if changes and (top := self._top(root)):
            state["diff_hash"] = self._hash(top, changes, depth)
        return state

    def _known(self, root: Path, paths: Sequence[Path]) -> list[str]:
        """Return those paths that lie in the repository: git would refuse the others, and with them all."""
        below = [path for path in paths if path.is_relative_to(root) and os.pardir not in path.parts]
        known = [str(path.relative_to(root)) for path in below]
        if len(known) < len(paths) and (top := self._top(root)) is not None:
            elsewhere = [path.resolve() for path in paths if path not in below]
            known += [str(path) for path in elsewhere if path.is_relative_to(top)]
        return known

    def _top(self, root: Path) -> Path | None:
        top = self._run(root, *_TOP, until=self._deadline)
        return None if top is None else Path(os.fsdecode(top.removesuffix(b"\n")))

    def _head(self, root: Path) -> GitState:
        """Return what is known at once, where the status failed or took too long."""
        output = self._run(root, *_HEAD, until=self._deadline)
        if output is None:
            return {}
        commit, branch = output.decode("utf-8", "surrogateescape").split()
        return {"commit": commit, "branch": None if branch == "HEAD" else branch}

    def _hash(self, top: Path, changes: list[_Change], depth: int) -> str:
        digest = sha256()
        for change in sorted(changes):
            content = self._content(top / change.path, depth)
            digest.update(repr((change, content)).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def _content(self, path: Path, depth: int) -> str:
        """Return what stands for the content of a file, a link, or a repository within the repository."""
        try:
            about = path.lstat()
            if stat.S_ISLNK(about.st_mode):
                return f"link {path.readlink()}"
            if stat.S_ISDIR(about.st_mode):
                nested = depth < MAX_NESTED and (path / ".git").exists()
                return f"folder {self.state(path, depth=depth + 1) if nested else ''}"
            executable = bool(about.st_mode & stat.S_IXUSR)
            if not stat.S_ISREG(about.st_mode) or about.st_size > min(MAX_FILE, self._left) or self._is_over():
                return f"large {executable} {about.st_size} {about.st_mtime_ns}"
            self._left -= about.st_size
            return f"file {executable} {sha256(path.read_bytes()).hexdigest()}"
        except OSError as error:
            return f"none {error.errno}"

    def _is_over(self) -> bool:
        return self._given_up.is_set() or monotonic() > self._deadline

    def _run(self, folder: Path, *arguments: str, until: float) -> bytes | None:
        """Return what git prints; None when it is missing, fails, or takes too long."""
        import subprocess

        if self._is_over():
            return None
        environment = {name: value for name, value in os.environ.items() if name not in _POINTING} | _QUIET
        try:
            process = subprocess.Popen(  # noqa: S603 - git, with constant arguments
                ["git", *_OPTIONS, *arguments],  # noqa: S607 - the user's own git
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # no terminal to ask on, no Ctrl-C, and a group that can be killed whole
            )
        except OSError:
            return None
        while True:
            try:
                output, _ = process.communicate(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if self._given_up.is_set() or monotonic() > until:
                    _kill(process)
                    return None
            else:
                return output if process.returncode == 0 else None


def _kill(process: Popen[bytes]) -> None:
    from subprocess import TimeoutExpired

    if hasattr(os, "killpg"):
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    if process.stdout is not None:
        process.stdout.close()
    with suppress(TimeoutExpired):  # a file system that hangs can keep it alive
        process.wait(1)
