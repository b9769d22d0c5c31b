"""Find something out beside the main path: in a thread that nobody has to wait for."""

from __future__ import annotations

import logging
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LONGEST_CALL = 1.0  # seconds that `finish` waits for a call of `then` that has begun

_logger = logging.getLogger(__name__)


class Finding(Generic[T]):
    """Something that is being found out, and what is done with it then.

    The thread is a daemon: a process that ends does not wait for it. Neither what `find` nor what `then` raises goes
    further than the debug log.

    Args:
        find: Finds it; called in the thread, with an event that is set once nobody waits any longer.
        then: Is called in the thread with what was found; no call begins after `finish` has returned.
    """

    def __init__(self, find: Callable[[Event], T], then: Callable[[T], object] | None = None) -> None:
        self._find = find
        self._then = then
        self._given_up = Event()
        self._lock = Lock()  # held while `then` runs, so that `finish` can't return in the middle of it
        self._result: T | None = None
        self._thread = Thread(target=self._work, name="ipyproject-finding", daemon=True)
        self._thread.start()

    def wait(self, timeout: float) -> None:
        """Wait a little for all of it to be done; it goes on all the same.

        Args:
            timeout: Seconds.
        """
        self._thread.join(timeout)

    def finish(self, timeout: float = 0.3) -> T | None:
        """Wait for the result a little; if it has not come by then it is given up. Idempotent.

        Args:
            timeout: Seconds.

        Returns:
            What was found; None when it was given up or failed.
        """
        self._thread.join(timeout)
        self._given_up.set()
        if self._lock.acquire(timeout=LONGEST_CALL):  # in a fork of the process nobody may be left to release it
            self._lock.release()
        return self._result

    def _work(self) -> None:
        try:
            found = self._find(self._given_up)
            with self._lock:
                if not self._given_up.is_set():
                    self._result = found
                    if self._then is not None:
                        self._then(found)
        except Exception as error:
            _logger.debug("Finding out failed.", exc_info=error)
