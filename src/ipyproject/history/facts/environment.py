"""What surrounds a session: environment variables that are kept, and the notebook that it runs in."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import TYPE_CHECKING

from ipyproject.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALWAYS_KEPT = "IPYPROJECT_*"
VSCODE_NOTEBOOK = "__vsc_ipynb_file__"
JUPYTER_SESSION = "JPY_SESSION_NAME"


def recorded_environment(names: Iterable[str] = (), *, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables that a record keeps, sorted, with their secrets hidden.

    Args:
        names: Names and patterns (``AWS_*``) of variables to keep, beside ``IPYPROJECT_*``.
        environ: The variables; by default those of this process.
    """
    wanted = (ALWAYS_KEPT, *names)
    variables = sorted((os.environ if environ is None else environ).items())
    kept = {name: value for name, value in variables if any(fnmatchcase(name, pattern) for pattern in wanted)}
    found: dict[str, str] = masked(kept)
    return found


def notebook_name(user_namespace: Mapping[str, object], environ: Mapping[str, str] | None = None) -> str | None:
    """Return the path of the notebook that this kernel was started for, where its frontend tells.

    VS Code assigns it to a name in the namespace; a Jupyter server (from 2.0 on) gives it to the kernel's environment.
    Neither tells of a rename. Others, such as nbclient, don't tell.

    Args:
        user_namespace: The names of the notebook.
        environ: The environment variables; by default those of this process.
    """
    told = user_namespace.get(VSCODE_NOTEBOOK)
    if isinstance(told, str) and told:
        return told
    session = (os.environ if environ is None else environ).get(JUPYTER_SESSION, "")
    return session if PurePath(session).suffix else None  # consoles have sessions, too: `console-1-4f7c...`
