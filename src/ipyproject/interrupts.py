"""Ctrl-C at the right moment: it waits while something is being changed, and comes through where nothing can break."""

from __future__ import annotations

import signal
import sys
from _thread import start_new_thread
from contextlib import contextmanager
from importlib import import_module
from inspect import currentframe
from threading import current_thread, main_thread
from time import sleep
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

T = TypeVar("T")

MOMENT_SECONDS = 0.001


def whole_module(name: str) -> Any:
    """Import a library's module as a whole: once an interrupt has ended that, many can't be imported again."""
    if name in sys.modules:
        return import_module(name)
    with Interrupts():
        return import_module(name)


class Interrupts:
    """A context in which an interrupt (SIGINT) waits for its end, but for :meth:`let` and for :meth:`allowed` blocks.

    One that comes through ends the ``allowed`` block that it comes in: whatever puts things in order after it is left
    in peace. One that somebody swallowed comes again at the end. In another than the main thread, which no signal ever
    reaches, and where interrupts are ignored, it does nothing.
    """

    def __init__(self) -> None:
        self._is_allowed = False
        self._handler: Callable[[int, FrameType | None], object] | None = None
        self._is_waiting = False
        self._is_raised = False

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let an interrupt come through in the block; one that waits comes at once."""
        outer = self._is_allowed
        self._is_allowed = True
        try:
            self._deliver()
            yield
        finally:
            self._is_allowed = outer and self._is_allowed

    def let(self, do: Callable[[], T]) -> T:
        """Call something that interrupts may end, or that may deal with them itself; one that waits goes on waiting.

        None comes through any more as soon as this has returned or raised: where the main thread is, tells.
        """
        __tracebackhide__ = True
        return do()

    def let_through(self) -> None:
        """Let an interrupt that waits come through now."""
        with self.allowed():
            pass

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._is_waiting = True
        lets = self._lets(frame)
        if lets or self._is_allowed:
            if frame is not None and frame.f_globals.get("__name__") == "contextlib":
                # A block is being left. What a generator puts in order after it would be done when the generator is
                # collected, in the middle of something else; so the interrupt comes a moment later.
                start_new_thread(self._repeat, (number,))
            elif lets and self._handler is not None:
                self._is_waiting = False
                self._handler(number, frame)
            else:
                self._deliver()

    def _repeat(self, number: int) -> None:
        sleep(MOMENT_SECONDS)
        if self._is_waiting:
            if hasattr(signal, "pthread_kill"):  # wakes it from whatever it waits for
                signal.pthread_kill(main_thread().ident or 0, number)
            else:
                signal.raise_signal(number)

    def _lets(self, frame: FrameType | None) -> bool:
        """Whether the main thread is in a call of `let`, or in what that has called."""
        while frame is not None:
            if frame.f_code is Interrupts.let.__code__ and frame.f_locals["self"] is self:
                return True
            frame = frame.f_back
        return False

    def _deliver(self) -> None:
        if not self._is_waiting or self._handler is None:
            return
        self._is_raised, self._is_waiting = True, False
        self._is_allowed = False
        self._handler(signal.SIGINT, currentframe())  # raises, nearly always
        self._is_raised = False
        self._is_allowed = True

    def __enter__(self) -> Self:
        if current_thread() is main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                self._handler = before
                signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._handler is None:
            return
        signal.signal(signal.SIGINT, self._handler)
        is_left, self._is_waiting = self._is_waiting or self._is_raised, False
        if error is None and is_left:
            self._handler(signal.SIGINT, currentframe())
