"""How the command line shows that a node failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import click

from ipyproject.errors import ProjectError, format_error
from ipyproject.history.facts.tracebacks import trimmed_traceback
from ipyproject.session.facade import core_of
from ipyproject.visible import visible_lines

if TYPE_CHECKING:
    from types import TracebackType

    from ipyproject.session import Session

LIMIT_LINE = 400  # characters


class nodes_lines_only:  # noqa: N801  (used as a function)
    """Show what a node raises with the project's own lines and not with ours around them; the process exits with 1.

    A class, since a generator's would set attributes on what is raised, which exceptions of the project's may refuse.

    Raises:
        ClickException: Stands for what the node raised.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is None or kind is None or issubclass(kind, (ProjectError, KeyboardInterrupt, SystemExit)):
            return
        if self._session.last_run is not None:  # else no node has run: it is our own bug and keeps its traceback
            raise _NodeFailedError(error, self._session) from None


class _NodeFailedError(click.ClickException):
    """A node failed: shown with the project's own lines, not with ours around them; the process exits with 1."""

    def __init__(self, error: BaseException, session: Session) -> None:
        super().__init__(format_error(error))
        self._error = error
        self._session = session

    def show(self, file: Any = None) -> None:
        """Write what it raised, in a few lines."""
        text = trimmed_traceback(self._error, limit_line=LIMIT_LINE, mask=core_of(self._session).masked)
        click.echo(visible_lines(text), file=file, err=True)
