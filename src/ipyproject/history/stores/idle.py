"""The store that this process used last, left open for its next session.

Opening and closing a SQLite file costs more than all that a session writes into it. This is the module's one piece of
global state; `close_idle_store` resets it, and the end of the process does so by itself.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING

from ipyproject.forks import fork_safe_lock

if TYPE_CHECKING:
    from ipyproject.history.stores.store import Store


class _Idle:
    """At most one store that nobody uses."""

    def __init__(self) -> None:
        self._lock = fork_safe_lock()
        self._pid = os.getpid()
        self._name = ""
        self._store: Store | None = None
        self._of_the_parent: list[object] = []  # a connection that came with a fork is not touched, nor collected

    def take(self, name: str) -> Store | None:
        """Return the store called `name` where it is here and as good as one newly opened; it is the caller's then."""
        with self._lock:
            if self._store is None or self._pid != os.getpid() or self._name != name:
                return None
            store, self._store = self._store, None
        if store.is_current():
            return store
        store.close()
        return None

    def keep(self, name: str, store: Store | None) -> None:
        """Keep a store that its user is done with, instead of the one that is here."""
        with self._lock:
            previous, self._store, self._name = self._store, store, name
            if self._pid != os.getpid():
                self._of_the_parent.append(previous)
                previous, self._pid = None, os.getpid()
        if previous is not None:
            previous.close()


_idle = _Idle()
take_idle_store = _idle.take
keep_idle_store = _idle.keep


@atexit.register
def close_idle_store() -> None:
    """Close the store that was left open, if there is one."""
    _idle.keep("", None)
