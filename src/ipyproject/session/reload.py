"""Open a project anew in a live process: all new, or all as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipyproject import current
from ipyproject.errors import ProjectError, SessionError
from ipyproject.importing import project_modules
from ipyproject.project import find_project, read_project
from ipyproject.reloading import ModuleTransaction, Rebinding, Snapshot, rebind
from ipyproject.session.changes import Facts, compare_opened
from ipyproject.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping, Sequence
    from pathlib import Path

    from ipyproject.catalog import Catalog
    from ipyproject.project import Project
    from ipyproject.session.origin import Origin


def reload_project(
    project_path: str | Path | None = None,
    save_on_close: bool = True,  # noqa: FBT001, FBT002  (as Session.create)
    env: str | None = None,
    extra_params: Mapping[str, Any] | None = None,
    conf_source: str | Path | None = None,
    *,
    origin: Origin | None = None,
    names: MutableMapping[str, Any] | None = None,
    imported: Mapping[str, tuple[str, str]] | None = None,
    full: bool = False,
) -> Session:
    """Execute a project's code anew and open a session on it; then close those that were open.

    Args:
        project_path: As for :meth:`Session.create`; by default the project opened last.
        save_on_close: As for :meth:`Session.create`.
        env: As for :meth:`Session.create`.
        extra_params: As for :meth:`Session.create`.
        conf_source: As for :meth:`Session.create`.
        origin: As for :meth:`Session.create`.
        names: A namespace outside the project, such as a notebook's: names in it that are bound to objects of modules
            that are executed anew are bound to their successors.
        imported: Name in it -> module and attribute that it was imported from, for values (numbers, texts) that don't
            tell where they came from.
        full: Start clean. Otherwise code is executed only if a file of it, or beside it, has changed since the session
            before was opened by a reload; and what the open session's catalog holds in memory is kept for datasets
            whose definition is the same, if project, env and conf source are.

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
    facts = _facts_of(previous, project)
    # Before anything is executed: an edit that comes later is seen by the next reload.
    snapshot = Snapshot.take(project, project.conf_source)
    same_code = None if full else _with_the_same_code(previous, project, snapshot)
    executed_projects = [] if same_code is not None else [project, *opened_before]
    with ModuleTransaction(*executed_projects) as transaction:
        session = Session.prepare(
            None if project.source_dir is None else project.root,
            save_on_close,
            env,
            extra_params,
            conf_source,
            origin=origin,
        )
        if same_code is not None:
            session.adopt(same_code.pipelines)
        _ = session.pipelines
        live = None if full else _live_catalog(previous, session)
        if live is not None:
            session.inherit(live, transaction.namespaces_before.keys())
        session.load_context()
        transaction.execute_rest(project)
        _refuse_under_a_run(previous)  # one may have been started by another thread meanwhile
    if previous:
        with transaction.as_before():
            for old in reversed(previous):
                old.close()
    session.begin()
    rebinding = Rebinding()
    if names is not None:
        rebinding = rebind(names, transaction.namespaces_before, transaction.modules, imported or {})
    modules = len(project_modules(project.package_name, project.source_dir))
    session.changes = compare_opened(facts, session, transaction.executed, modules, rebinding)
    session.snapshot = snapshot
    return session


def _with_the_same_code(sessions: Sequence[Session], project: Project, snapshot: Snapshot) -> Session | None:
    """The last open session, if nothing that the project's code could depend on has changed since it was opened."""
    last = sessions[-1] if sessions else None
    if last is None or last.snapshot is None or last.project != project or current.current_project() != project:
        return None
    changes = snapshot.changes_since(last.snapshot)
    return None if changes.code or changes.other or changes.metadata else last


def _live_catalog(sessions: Sequence[Session], new: Session) -> Catalog | None:
    """The catalog whose data in memory the new session may keep: that of the last one on the same ground."""
    for session in reversed(sessions):
        same = (session.project, session.env, session.conf_source) == (new.project, new.env, new.conf_source)
        if session is not new and same and session.is_loaded:
            return session.catalog
    return None


def _facts_of(sessions: Sequence[Session], project: Project) -> Facts | None:
    """What the last open session on the same project was; None where there is nothing to compare with."""
    for session in reversed(sessions):
        if session.project.root == project.root:
            try:
                return Facts.of(session)
            except ProjectError:  # what it can't load now, it never had
                return None
    return None


def _refuse_under_a_run(sessions: Iterable[Session]) -> None:
    for session in sessions:
        if session.is_running:
            raise SessionError(
                f"Session {session.session_id} is still running; reloading now would change code under it.",
                "Wait for the run or interrupt it first.",
            )
