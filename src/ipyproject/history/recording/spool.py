"""Where events wait while their store can't be written: files of JSON lines, one per session and process.

Others may be able to write where these files lie, such as the temporary folder. So nothing is read but regular files
of one's own, without another name, in a folder of one's own, and no link is ever followed.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep, time
from typing import TYPE_CHECKING

from ipyproject.errors import HistoryError
from ipyproject.history.events import Event, NewerEventError, SessionClosed, from_line
from ipyproject.history.facts.process import Liveness, host_name, liveness, process_token
from ipyproject.history.stores.folders import PRIVATE_FOLDER, make_private_folder
from ipyproject.history.stores.locations import sqlite_path, without_any_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ipyproject.history.stores.store import Store

SUFFIX = ".jsonl"
UNREADABLE = ".unreadable"  # is appended, with the time, to the name of a file that has lines which are not ours
ORPHAN_SECONDS = 86_400.0  # a file of a process that can't be seen from here is taken in when it is a day old
LONGEST_TAKING_IN = 0.3  # seconds
LOCK_SECONDS = 0.4  # what a run waits for another process to let go of a file
MOST_BYTES = 2**30  # of one file; a larger one is not ours
_OF_WORKER = re.compile(r".+-[0-9a-f]{6}-\d+")  # a file's name without its suffix
# What odd values raise where they are read or written.
_SENSELESS = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
_FLAGS = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a FIFO would wait for a writer


def spool_of(location: str | Path, *, root: Path | None = None) -> Spool:
    """Return where the events of a store wait while it can't be written: beside it, else in the temporary folder.

    What was to go to a store whose name makes no sense waits for whatever store the project has next.

    Args:
        location: See `open_store`.
        root: The project's; a store of no project takes in only what was meant for it.
    """
    of_project, root = root is not None, root or Path.cwd()
    anybodys = [root / PRIVATE_FOLDER / "spool", temporary_folder(str(root))]
    try:
        path = sqlite_path(location, root=root)
    except HistoryError:
        return Spool(anybodys)
    name = str(path) if path is not None else without_any_password(location)
    if name is None:
        return Spool(anybodys)
    if path is not None:
        beside = path.parent / f"{path.name}-spool"
    else:
        beside = root / PRIVATE_FOLDER / f"spool-{sha256(name.encode()).hexdigest()[:8]}"
    return Spool([beside, temporary_folder(name)], shared=anybodys if of_project else ())


def temporary_folder(location: str) -> Path:
    """Return the folder of last resort for a store: the user's own, within the temporary folder."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    name = sha256(location.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ipyproject-spool-{user}" / name


class Spool:
    """The spooled sessions of one store.

    Args:
        folders: Where files may lie, the preferred one first; made when they are needed.
        shared: Where files may lie, too, that any store may take in; nothing is written there.
    """

    def __init__(self, folders: Sequence[Path], *, shared: Sequence[Path] = ()) -> None:
        self.folders = folders
        self._shared = shared

    def write(
        self, session_id: str, events: Iterable[Event], *, begun: Path | None = None, worker: bool = False
    ) -> Path | None:
        """Append events to a file; never raises.

        Args:
            session_id: Whose events they are.
            events: What happened.
            begun: The file that the earlier events are in.
            worker: The session belongs to another process, of which this one is a worker.

        Returns:
            The file; None when it could not be written.
        """
        text = "".join(event.as_line() + "\n" for event in events)
        name = f"{session_id}-{os.getpid()}{SUFFIX}" if worker else f"{session_id}{SUFFIX}"
        for path in [begun] if begun else [folder / name for folder in self.folders]:
            with suppress(OSError):
                make_private_folder(path.parent)
                if not _is_own(path.parent):  # nobody would look there: some file systems know no owners and modes
                    continue
                with _opened(path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
                    size = os.fstat(file).st_size
                    data = (text if size else f"{_heading()}\n{text}").encode("ascii")
                    try:
                        while data:
                            data = data[os.write(file, data) :]
                    except OSError:  # the disk is full: half a line would spoil the next one
                        os.ftruncate(file, size)
                        if not size:
                            path.unlink()
                        raise
                return path
        return None

    def waiting(self) -> int:
        """Return how many sessions are to be taken in; what their workers have told apart."""
        return sum(not _is_of_worker(path) for path in self._waiting())

    def take_in(self, store: Store, *, seconds: float = LONGEST_TAKING_IN) -> list[str]:
        """Move what waits into the store: files that no more will come to, each in one transaction; then it is removed.

        What a store is told may be repeated, so that a crash between the two, or another process that does the same at
        the same time, leaves each record once. What a newer version wrote waits for it.

        Args:
            store: Where to.
            seconds: How long; the rest stays for the next session.

        Returns:
            What the user should be told.

        Raises:
            HistoryError: The store failed; the files stay.
        """
        return self._take_in(partial(store.write, of_known_only=True), "*", seconds)

    def take_in_workers(self, session_id: str, write: Callable[[Sequence[Event]], object]) -> list[str]:
        """Do the same with what workers have told of a session until now, whether or not more will come.

        Args:
            session_id: The session.
            write: Brings events to the record.

        Returns:
            What the user should be told.
        """
        return self._take_in(write, f"{session_id}-*", LONGEST_TAKING_IN, until_now=True)

    def _take_in(
        self, write: Callable[[Sequence[Event]], object], pattern: str, seconds: float, *, until_now: bool = False
    ) -> list[str]:
        deadline = monotonic() + seconds
        notices = []
        for path in self._waiting(pattern):
            if monotonic() > deadline:
                break
            if not until_now and self._waits_for_session(path):
                continue
            patience = LOCK_SECONDS if until_now else 0.0
            with (
                suppress(OSError),
                _opened(path, os.O_RDWR, patience) as file,
            ):  # else another process took it, or it is not ours
                events, is_newer, is_spoilt, has_ended = _read(file)
                if is_newer or not (has_ended or until_now):
                    continue
                if not _written(events, write) or is_spoilt:
                    aside = path.with_name(f"{path.name}{UNREADABLE}-{time():.6f}")  # another may be there already
                    path.rename(aside)
                    notices.append(f"{path} has lines that are no events; it was set aside as {aside.name}.")
                else:
                    path.unlink()
        return notices

    def _waiting(self, pattern: str = "*") -> Iterator[Path]:
        for folder in (*self.folders, *self._shared):
            if _is_own(folder):
                found = sorted(folder.glob(f"{pattern}{SUFFIX}"))
                yield from sorted(found, key=_is_of_worker)  # their sessions first

    def _waits_for_session(self, path: Path) -> bool:
        """Return whether a worker's file has to wait until the session's own one has been taken in."""
        name = f"{path.stem.rpartition('-')[0]}{SUFFIX}"
        return _is_of_worker(path) and any(os.path.lexists(folder / name) for folder in (*self.folders, *self._shared))


def _is_of_worker(path: Path) -> bool:
    return _OF_WORKER.fullmatch(path.stem) is not None


def _written(events: Sequence[Event], write: Callable[[Sequence[Event]], object]) -> bool:
    """Bring events to the store; return whether all of them make sense to it.

    Raises:
        HistoryError: The store failed.
    """
    try:
        write(events)
    except _SENSELESS:  # one event holds up none of the others
        return len(events) > 1 and not sum(not _written([event], write) for event in events)
    return True


def _is_own(folder: Path) -> bool:
    """Return whether this is a folder, no link to one, of this user alone."""
    try:
        about = folder.lstat()
    except (OSError, ValueError):
        return False
    mine = not hasattr(os, "getuid") or (about.st_uid == os.getuid() and not about.st_mode & 0o077)
    return stat.S_ISDIR(about.st_mode) and mine


@contextmanager
def _opened(path: Path, flags: int, seconds: float = LOCK_SECONDS) -> Iterator[int]:
    """Open a regular file of one's own, and keep others of us from it, who are waited for so long.

    Raises:
        OSError: It is something else, is gone, or is kept by somebody else, who may be stopped.
    """
    file = os.open(path, flags | _FLAGS, 0o600)
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1 or about.st_size > MOST_BYTES:
            raise OSError("no file of ours")
        if hasattr(os, "getuid"):
            import fcntl

            if about.st_uid != os.getuid():
                raise OSError("a file of somebody else")
            deadline = monotonic() + seconds
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if monotonic() > deadline:
                        raise
                    sleep(0.002)
        if not os.path.samestat(os.fstat(file), path.lstat()):  # it was taken in while it was waited for
            raise OSError("gone")
        yield file
    finally:
        os.close(file)


def _heading() -> str:
    """Return the line that a file begins with: whose process writes it."""
    pid = os.getpid()
    return json.dumps({"host": host_name(), "pid": pid, "process": process_token(pid)})


def _read(file: int) -> tuple[list[Event], bool, bool, bool]:
    """Return a file's events, whether a newer version wrote some, whether it has other lines, and whether it is done.

    A last line without its end is one that a killed process was writing.
    """
    with open(os.dup(file), "rb") as stream:  # noqa: PTH123 - no path
        stream.seek(0)
        heading, *lines = stream.read().decode("ascii", "replace").split("\n")[:-1] or [""]
    if heading.startswith("["):  # earlier versions began with the session itself
        lines = [heading, *lines]
    events = []
    is_newer = is_spoilt = False
    for line in lines:
        try:
            events.append(from_line(line))
        except NewerEventError:
            is_newer = True
        except ValueError:
            is_spoilt = True
    try:
        about = json.loads(heading)
        about = about[1] if isinstance(about, list) else about
        is_over = liveness(about["host"], about["pid"], about["process"]) is Liveness.GONE
    except _SENSELESS:  # or it is empty: somebody is about to begin it
        is_over = is_spoilt = heading != ""
    is_over |= any(isinstance(event, SessionClosed) for event in events)
    return events, is_newer, is_spoilt, is_over or time() - os.fstat(file).st_mtime > ORPHAN_SECONDS
