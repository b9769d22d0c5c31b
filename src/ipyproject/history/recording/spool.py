"""Where events wait while their store can't be written: files of JSON lines, one per session."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING

from ipyproject.history.events import from_line
from ipyproject.history.facts.process import is_gone
from ipyproject.history.stores.folders import make_folder
from ipyproject.history.stores.store import UnknownRecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipyproject.history.events import Event
    from ipyproject.history.stores.store import Store

SUFFIX = ".jsonl"
ORPHAN_SECONDS = 86_400.0  # a file of another machine, or without its beginning, is taken in when it is a day old


def temporary_folder(location: str) -> Path:
    """Return the folder of last resort for a store: the user's own, within the temporary folder."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"ipyproject-spool-{user}" / sha256(location.encode()).hexdigest()[:16]


class Spool:
    """The spooled sessions of one store.

    Args:
        folders: Where files may lie, the preferred one first; made when they are needed.
        shared: Where files may lie, too, that any store may take in; nothing is written there.
    """

    def __init__(self, folders: Sequence[Path], *, shared: Sequence[Path] = ()) -> None:
        self._folders = folders
        self._shared = shared

    def write(self, session_id: str, events: Iterable[Event], *, begun: Path | None = None) -> Path | None:
        """Append events to a session's file.

        Args:
            session_id: Whose events they are.
            events: What happened.
            begun: The file that the earlier events are in.

        Returns:
            The file; None when it could not be written.
        """
        text = "".join(event.as_line() + "\n" for event in events)
        for path in [begun] if begun else [folder / f"{session_id}{SUFFIX}" for folder in self._folders]:
            with suppress(OSError):
                make_folder(path.parent.parent)
                path.parent.mkdir(mode=0o700, exist_ok=True)
                if _is_ours(path.parent):
                    with path.open("a", encoding="ascii") as file:
                        file.write(text)
                    return path
        return None

    def is_waiting(self) -> bool:
        """Return whether there is anything to take in."""
        return bool(self._waiting())

    def take_in(self, store: Store, *, seconds: float = 0.3) -> int:
        """Move what waits into the store: sessions that have ended, each in one transaction, then its file is removed.

        A store's methods may be repeated, so that a crash between the two, or another process that does the same at
        the same time, leaves each record once.

        Args:
            store: Where to.
            seconds: How long; the rest stays for the next session.

        Returns:
            How many files were taken in.

        Raises:
            HistoryError: The store failed; the files stay.
        """
        deadline = monotonic() + seconds
        taken = 0
        for path in self._waiting():
            if monotonic() > deadline:
                break
            try:
                events, last_written = _read(path), path.stat().st_mtime
            except OSError:  # another process took it
                continue
            if not _ended(events, last_written) or (owned := self._owned(path)) is None:
                continue
            with store.batch():
                for event in events:
                    _write_known(event, store)
            owned.unlink(missing_ok=True)
            taken += 1
        return taken

    def _owned(self, path: Path) -> Path | None:
        """Return where a file is once it waits for this store alone; None when another store took it."""
        if path.parent not in self._shared:
            return path
        for folder in self._folders:  # of which one is on the same disk
            with suppress(OSError):
                make_folder(folder.parent)
                folder.mkdir(mode=0o700, exist_ok=True)
                return path.rename(folder / path.name)
        return None

    def _waiting(self) -> list[Path]:
        return sorted(
            path for folder in (*self._folders, *self._shared) if _is_ours(folder) for path in folder.glob(f"*{SUFFIX}")
        )


def _is_ours(folder: Path) -> bool:
    """Return whether the folder is there and belongs to this user; the temporary folder is everybody's."""
    try:
        return folder.is_dir() and (not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid())
    except OSError:
        return False


def _read(path: Path) -> list[Event]:
    events = []
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        try:
            events.append(from_line(line))
        except ValueError:  # the process was killed, or the disk was full, in the middle of this line
            continue
    return events


def _ended(events: Iterable[Event], last_written: float) -> bool:
    """Return whether no more events are to come: the session was closed, or its process is gone."""
    for event in events:
        if event.kind == "session_closed":
            return True
        if event.kind == "session_opened":
            [record] = event.arguments
            if is_gone(record.host, record.pid, record.process):
                return True
    return time() - last_written > ORPHAN_SECONDS


def _write_known(event: Event, store: Store) -> None:
    with suppress(UnknownRecordError):  # its session was deleted, or its beginning was never written
        event.write_to(store)
