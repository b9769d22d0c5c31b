"""How the command line shows that a node failed."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ipyproject.errors import ProjectError, format_error
from ipyproject.session.facade import core_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipyproject.session import Session

_OWN_FOLDER = str(Path(__file__).parent.parent)


@contextmanager
def nodes_lines_only(session: Session) -> Iterator[None]:
    """Show what a node raises with the project's own lines and not with ours around them; the process exits with 1.

    Raises:
        ClickException: Stands for what the node raised.
    """
    try:
        yield
    except ProjectError:
        raise
    except Exception as error:
        if session.last_run is None:  # no node has run: it is our own bug and keeps its traceback
            raise
        raise _NodeFailedError(error, session) from error


class _NodeFailedError(click.ClickException):
    """A node failed: shown with the project's own lines, not with ours around them; the process exits with 1."""

    def __init__(self, error: Exception, session: Session) -> None:
        super().__init__(format_error(error))
        self._error = error
        self._session = session

    def show(self, file: Any = None) -> None:
        """Write the traceback from the first frame that is not ours."""
        error = self._error
        first = error.__traceback__
        while first is not None and first.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
            first = first.tb_next
        told = "".join(traceback.format_exception(type(error), error, first))
        click.echo(core_of(self._session).masked(told), file=file, err=True, nl=False)
