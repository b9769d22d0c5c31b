"""Locks that a forked process finds free: who held one in its parent is not there to let go of it."""

from __future__ import annotations

import os
from threading import RLock
from typing import Any
from weakref import WeakSet

_locks: WeakSet[Any] = WeakSet()


def fork_safe_lock() -> RLock:
    """Return a new lock that is free in every process forked from this one, unless the forking thread holds it."""
    lock = RLock()
    _locks.add(lock)
    return lock


def _free_locks() -> None:
    for lock in _locks:
        if lock.acquire(blocking=False):  # nobody held it, or this very thread does
            lock.release()
        else:
            lock._at_fork_reinit()  # noqa: SLF001 - as the standard library does with its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks)
