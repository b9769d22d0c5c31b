"""What ties the session that users hold to what reload, replay and display work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipyproject.current import SessionInfo

if TYPE_CHECKING:
    from ipyproject.session.core import SessionCore


class Facade(SessionInfo):
    """The base of :class:`~ipyproject.session.Session`: users see what they call, the rest is its core.

    Args:
        core: What it is made of.
    """

    def __init__(self, core: SessionCore) -> None:
        self._core = core


def core_of(session: object) -> SessionCore:
    """Return what a session is made of: for reload, replay and display.

    Args:
        session: A session, such as one of :func:`ipyproject.current.open_sessions`.
    """
    if not isinstance(session, Facade):
        raise TypeError(f"{session!r} is no session.")
    return session._core  # noqa: SLF001 - of the class above
