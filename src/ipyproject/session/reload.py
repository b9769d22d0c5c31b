"""Open a project anew in a live process: all new, or all as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipyproject import current
from ipyproject.errors import SessionError
from ipyproject.project import find_project, read_project
from ipyproject.reloading import ModuleTransaction
from ipyproject.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ipyproject.session.origin import Origin


def reload_project(
    project_path: str | Path | None = None,
    save_on_close: bool = True,  # noqa: FBT001, FBT002  (as Session.create)
    env: str | None = None,
    extra_params: Mapping[str, Any] | None = None,
    conf_source: str | Path | None = None,
    *,
    origin: Origin | None = None,
) -> Session:
    """Execute a project's code anew and open a session on it; then close those that were open.

    The arguments are those of :meth:`Session.create`.

    Returns:
        The new session, its context and pipelines loaded.

    Raises:
        ProjectError: Anything of the project is broken. Modules, ``sys.path``, the current project and the open session
            are as they were.
        SessionError: A run of the open session is still going on.
    """
    __tracebackhide__ = True
    previous = current.open_sessions()
    _refuse_under_a_run(previous)
    opened_before = [current.current_project()] if current.has_project() else []
    if project_path is None and opened_before and opened_before[0].source_dir is None:
        project = opened_before[0]  # an installed project: there is no pyproject.toml to read again
    else:
        if project_path is None and opened_before:
            project_path = opened_before[0].root
        project = read_project(find_project(project_path))
    with ModuleTransaction(project, *opened_before) as transaction:
        session = Session.prepare(
            None if project.source_dir is None else project.root,
            save_on_close,
            env,
            extra_params,
            conf_source,
            origin=origin,
        )
        session.load_context()
        _ = session.pipelines
        transaction.execute_rest(project)
        _refuse_under_a_run(previous)  # one may have been started by another thread meanwhile
    if previous:
        with transaction.as_before():
            for old in reversed(previous):
                old.close()
    session.begin()
    return session


def _refuse_under_a_run(sessions: Iterable[Session]) -> None:
    for session in sessions:
        if session.is_running:
            raise SessionError(
                f"Session {session.session_id} is still running; reloading now would change code under it.",
                "Wait for the run or interrupt it first.",
            )
