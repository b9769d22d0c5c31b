"""Open the project while a kernel or an IPython shell starts, if its configuration lists the extension."""

from __future__ import annotations

from traceback import format_exception
from typing import TYPE_CHECKING

from traitlets.config import Application

from ipyproject import current
from ipyproject.errors import ProjectError, ProjectNotFoundError, UntrustedProjectError
from ipyproject.project import find_project

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipyproject.notebook.magics import ProjectMagics

EXTENSION = "ipyproject"


def open_at_startup(shell: InteractiveShell, magics: ProjectMagics) -> None:
    """Open the project found upward from the working directory, before the first cell runs.

    Where there is none this is silent. A project that fails to open must not keep the kernel from starting: what is
    wrong is said by the first cell, since output of a starting kernel is lost; so is what was opened.
    """
    if not is_starting(shell) or current.current_session() is not None:
        return
    try:
        find_project()
    except ProjectNotFoundError:
        return
    except ProjectError as error:
        magics.announce(error.full_message())
        return
    try:
        magics.announce(str(magics.open_and_describe("")))
    except UntrustedProjectError as error:
        magics.announce(f"Not opened by itself: {error.message} If you trust them: %reload_project --trust")
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001
        # Whatever it is, the kernel must start, and the user must see it.
        told = error.full_message() if isinstance(error, ProjectError) else "".join(format_exception(error))
        magics.announce(f"{type(error).__name__}: {told}\n%reload_project opens the project once that is mended.")


def is_starting(shell: InteractiveShell) -> bool:
    """Whether the application is loading its configured extensions, and not a person one by hand.

    While extensions are configured no cell has run, and the application lists this one in ``extensions`` (a profile) or
    ``extra_extensions`` (``--ext``).
    """
    if shell.execution_count > 1 or not Application.initialized():
        return False
    app = Application.instance()
    listed = (*getattr(app, "extensions", ()), *getattr(app, "extra_extensions", ()))
    return EXTENSION in listed
