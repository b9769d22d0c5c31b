"""What ties the session that users hold to what reload, replay and display work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipyproject.current import SessionInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipyproject.session.core import SessionCore
    from ipyproject.session.worker import HandedOver


class Facade(SessionInfo):
    """The base of :class:`~ipyproject.session.Session`: users see what they call, the rest is its core.

    Args:
        core: What it is made of.
    """

    def __init__(self, core: SessionCore) -> None:
        self._core = core

    def __reduce__(self) -> tuple[Callable[..., SessionInfo], tuple[HandedOver]]:
        """Hand the session over to another process, which can log with it."""
        from ipyproject.session.worker import HandedOver, joined

        return joined, (HandedOver(self._core.pid, self.session_id, self._core.book.for_worker()),)


def core_of(session: object) -> SessionCore:
    """Return what a session is made of: for reload, replay and display.

    Args:
        session: A session, such as one of :func:`ipyproject.current.open_sessions`.
    """
    if not isinstance(session, Facade):
        raise TypeError(f"{session!r} is no session.")
    return session._core  # noqa: SLF001 - of the class above
