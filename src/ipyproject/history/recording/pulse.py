"""One thread in the background that looks after all recorders of the process, now and then.

What may wait is written a moment later although nothing else happens, and the lease of each open session is renewed
while a node runs for hours. This is the module's one piece of global state; it ends with the process.
"""

from __future__ import annotations

import os
from threading import Event, Lock, Thread
from time import sleep
from typing import Protocol
from weakref import WeakSet

FLUSH_SECONDS = 0.1  # how long what may wait does wait
RENEWAL_SECONDS = 60.0  # how often the lease of an open session is renewed


class Beating(Protocol):
    """What is looked after."""

    def beat(self) -> None:
        """Do what is due."""


class _Pulse:
    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """Begin; a forked process has none of its parent's recorders, nor the thread."""
        self._lock = Lock()
        self._wanted = Event()
        self._looked_after: WeakSet[Beating] = WeakSet()
        self._is_beating = False

    def look_after(self, recorder: Beating) -> None:
        """Let a recorder beat every `RENEWAL_SECONDS` at least, until it is let go of."""
        with self._lock:
            self._looked_after.add(recorder)
            if not self._is_beating:
                self._is_beating = True
                Thread(target=self._beat, args=(self._wanted,), name="ipyproject-record", daemon=True).start()

    def let_go(self, recorder: Beating) -> None:
        """Look after a recorder no longer."""
        with self._lock:
            self._looked_after.discard(recorder)

    def beat_soon(self) -> None:
        """Let all recorders beat `FLUSH_SECONDS` from now."""
        self._wanted.set()

    def _beat(self, wanted: Event) -> None:
        while True:
            if wanted.wait(RENEWAL_SECONDS):
                wanted.clear()
                sleep(FLUSH_SECONDS)
            with self._lock:
                recorders = [*self._looked_after]
                if not recorders and not wanted.is_set():
                    self._is_beating = False
                    return
            while recorders:
                recorders.pop().beat()


pulse = _Pulse()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pulse._begin)  # noqa: SLF001 - its own
