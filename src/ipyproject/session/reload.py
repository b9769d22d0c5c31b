"""Open a project anew in a live process: all new, or all as it was."""

from __future__ import annotations

import gc
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipyproject import current
from ipyproject.bootstrap import make_current, unchanged_on_failure
from ipyproject.errors import ProjectError, SessionError
from ipyproject.memo import Memo
from ipyproject.project import find_project, read_project
from ipyproject.reloading import ImportedNames, LoadedCode, ModuleTransaction, Rebinding, Snapshot, held_modules, rebind
from ipyproject.session.changes import Inventory, compare_opened
from ipyproject.session.facade import core_of
from ipyproject.session.opening import Opening, conf_source_of
from ipyproject.session.origin import Origin
from ipyproject.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, MutableMapping
    from pathlib import Path

    from ipyproject.catalog import Catalog
    from ipyproject.project import Project
    from ipyproject.reloading.staleness import Staleness
    from ipyproject.session.core import SessionCore

_logger = logging.getLogger(__name__)


def reload_project(
    project_path: str | Path | None = None,
    save_on_close: bool = True,  # noqa: FBT001, FBT002  (as Session.create)
    env: str | None = None,
    extra_params: Mapping[str, Any] | None = None,
    conf_source: str | Path | None = None,
    *,
    origin: Origin | None = None,
    names: MutableMapping[str, Any] | None = None,
    imported: ImportedNames | None = None,
    full: bool = False,
) -> Session:
    """Open a session on a project as its files are now; then close those that were open.

    Code is executed as far as it is stale: modules whose files have changed since the last reload, what imports them,
    and what they may have changed. Whatever is not stale is what executing it again would give.

    Args:
        project_path: As for :meth:`Session.create`; by default the project opened last.
        save_on_close: As for :meth:`Session.create`.
        env: As for :meth:`Session.create`.
        extra_params: As for :meth:`Session.create`.
        conf_source: As for :meth:`Session.create`.
        origin: As for :meth:`Session.create`.
        names: A namespace outside the project, such as a notebook's: names in it that are bound to objects of modules
            that are executed anew are bound to their successors.
        imported: Where names in it were imported from.
        full: Start clean: all code is executed. Otherwise only what is stale is, and what the open session's catalog
            holds in memory is kept for datasets whose definition is the same, if project, env and conf source are.

    Returns:
        The new session, its context and pipelines loaded.

    Raises:
        ProjectError: Anything of the project is broken. Modules, ``sys.path``, the current project and the open session
            are as they were.
        SessionError: A run of the open session is still going on.
    """
    __tracebackhide__ = True
    before = _Before.now()
    before.refuse_under_a_run()
    project = before.project_at(project_path)
    opening = Opening(save_on_close, env, extra_params or {}, conf_source, origin or Origin())
    reload = _Reload(before, project, opening, full=full, names=names, imported=imported)
    inventory = before.inventory_of(project)
    with _uncollected():
        core = reload.open()
    core.changes = compare_opened(inventory, Inventory.of(core, reload.code), reload.executed, reload.rebinding)
    return reload.session


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the garbage collector wait: it would look through all of the kernel's objects again and again meanwhile."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Reload:
    """One reload: finds what is stale, executes it, opens the session, and only then closes those before it."""

    def __init__(
        self,
        before: _Before,
        project: Project,
        opening: Opening,
        *,
        full: bool,
        names: MutableMapping[str, Any] | None,
        imported: ImportedNames | None,
    ) -> None:
        self._before = before
        self._project = project
        self._opening = opening
        self._full = full
        self._code = None if full else before.code_of(project)
        # Before anything is executed: an edit that comes later is seen by the next reload.
        self._snapshot = before.snapshot_of(project)
        self._names = names
        self._imported = imported
        self.rebinding = Rebinding(lost=before.lost_names())
        self.executed: dict[str, str] = {}

    def open(self) -> SessionCore:
        """Return the new session; its record is open and those before it are closed."""
        changes = self._code.changes(self._snapshot) if self._code is not None else None
        if self._code is not None and changes is not None and not changes.of_code:
            session, self.code = self._on_the_same_code(self._code), self._code
            self._code.snapshot = self._snapshot
        else:
            session, self.code = self._on_new_code(self._code.stale(changes) if self._code and changes else None)
            self.code.outdated = self._before.outdated(self._project, self._snapshot)
        current.set_loaded_code(self.code)
        session.begin()
        session.snapshot = self._snapshot
        if self.executed:
            self.code.read_ahead()
        return session

    def _on_the_same_code(self, code: LoadedCode) -> SessionCore:
        with unchanged_on_failure(), self._prepared() as session:
            session.adopt(code.pipelines)
            self._load_context(session)
            self._before.refuse_under_a_run()
        self._before.close()
        return session

    def _on_new_code(self, stale: Staleness | None) -> tuple[SessionCore, LoadedCode]:
        modules = stale.modules if stale is not None else None
        with (
            ModuleTransaction(*self._before.projects(self._project), stale=modules) as transaction,
            self._prepared() as session,
        ):
            reusable = self._code.reusable(stale) if self._code is not None and stale is not None else {}
            with transaction.finder.journal.reads.noted(), current.creating_pipelines(reusable) as created:
                pipelines = session.pipelines
            replaced = transaction.replaced
            self._load_context(session, replaced.keys())
            if self._names is None:
                transaction.execute_rest(self._project)
            elif transaction.rest:
                held = held_modules(self._names, replaced, self._imported)
                held |= {module for _, (module, _) in self.rebinding.lost.values()}
                transaction.execute_rest(self._project, held)
            self._before.refuse_under_a_run()  # one may have been started by another thread meanwhile
        self.executed = {name: source.digest.hex() for name, source in transaction.executed.items()}
        if self._names is not None:
            self.rebinding = rebind(self._names, replaced, transaction.modules, self._imported, self.rebinding.lost)
        if self._before.sessions:
            with transaction.as_before():
                self._before.close()
        if self._code is None:
            code = LoadedCode(self._project, self._snapshot, transaction.finder, pipelines)
        else:
            code = self._code.renewed(self._snapshot, transaction.finder, pipelines, replaced.keys())
        code.created = created
        return session, code

    @contextmanager
    def _prepared(self) -> Iterator[SessionCore]:
        """Give the new session; if the block fails, it is closed before all is put back: its hooks have seen it."""
        settings = make_current(self._project)
        conf_source = conf_source_of(self._opening.conf_source, settings, self._project).absolute()
        self._snapshot = self._snapshot.with_conf_source(conf_source)
        memo, files = self._before.memo(self._project, self._snapshot)
        self.session = self._opening.prepare(Session, self._project, settings, memo, files)
        session = core_of(self.session)
        try:
            yield session
        except BaseException:
            session.close()
            raise

    def _load_context(self, session: SessionCore, replaced: Collection[str] = ()) -> None:
        live = None if self._full else self._before.live_catalog(session)
        if live is not None:
            session.inherit(live, replaced)
        session.load_context()


@dataclass(frozen=True, slots=True)
class _Before:
    """What was open in this process when a reload was asked for."""

    sessions: tuple[SessionCore, ...]
    project: Project | None
    code: LoadedCode | None

    @classmethod
    def now(cls) -> _Before:
        project = current.current_project() if current.has_project() else None
        code = current.loaded_code()
        sessions = tuple(map(core_of, current.open_sessions()))
        return cls(sessions, project, code if isinstance(code, LoadedCode) else None)

    def refuse_under_a_run(self) -> None:
        for session in self.sessions:
            if session.is_running:
                raise SessionError(
                    f"Session {session.session_id} is still running; reloading now would change code under it.",
                    "Wait for the run or interrupt it first.",
                )

    def project_at(self, path: str | Path | None) -> Project:
        """Return the project that is meant, its metadata read anew."""
        if path is None and self.project is not None:
            if self.project.source_dir is None:
                return self.project  # an installed project: there is no pyproject.toml to read again
            path = self.project.root
        return read_project(find_project(path))

    def projects(self, new: Project) -> list[Project]:
        """Return the projects whose modules a transaction has to do with."""
        return [new] if self.project in (None, new) else [new, self.project]

    def code_of(self, project: Project) -> LoadedCode | None:
        """Return what is loaded of a project's code, if a reload has loaded it and the next session can use it."""
        code = self.code
        if code is None or not code.project == project == self.project or code.asks_session:
            return None
        return code

    def snapshot_of(self, project: Project) -> Snapshot:
        """Look at a project's files, and at the configuration that was in force last."""
        last = self._last_on(project)
        conf_source = last.conf_source if last is not None else project.conf_source
        if self.code is not None and self.code.project == project:
            return self.code.look(conf_source)
        return Snapshot.take(project, conf_source)

    def memo(self, project: Project, snapshot: Snapshot) -> tuple[Memo, object]:
        """Return what the last session on a project has made, and what stands for the files of the configuration."""
        last = self._last_on(project)
        if last is None or last.project != project:
            return Memo(), object()
        known = last.snapshot
        same = (
            known is not None and known.conf_source == snapshot.conf_source and not snapshot.changes_since(known).conf
        )
        return last.memo, last.files if same and last.files is not None else object()

    def live_catalog(self, new: SessionCore) -> Catalog | None:
        """Return the catalog whose data in memory a new session may keep: that of the last one on the same ground."""
        # One that a reload has opened is the notebook's; others were opened by hand beside it.
        for by_reload in (True, False):
            for session in reversed(self.sessions):
                same = (session.project, session.env, session.conf_source) == (new.project, new.env, new.conf_source)
                if same and session.is_loaded and (session.snapshot is not None) is by_reload:
                    return session.catalog
        return None

    def inventory_of(self, project: Project) -> Inventory | None:
        """Return what the last session on the same project was; None where there is nothing to compare with."""
        last = self._last_on(project)
        if last is None:
            return None
        try:
            return Inventory.of(
                last, self.code if self.code is not None and self.code.project.root == project.root else None
            )
        except ProjectError:  # what it can't load now, it never had
            return None

    def outdated(self, project: Project, snapshot: Snapshot) -> frozenset[str]:
        """Return the compiled modules of a project that are loaded and are no longer what their files hold."""
        if self.code is None or self.code.project.root != project.root:
            return frozenset()
        return self.code.outdated_by(self.code.changes(snapshot))

    def lost_names(self) -> Mapping[str, tuple[Any, tuple[str, str]]]:
        """Return the names in the notebook whose objects earlier reloads have found gone."""
        changes = self.sessions[-1].changes if self.sessions else None
        return changes.names.lost if changes is not None else {}

    def close(self) -> None:
        """Close the sessions, the one opened last first; by now the new one is open, whatever happens."""
        for session in reversed(self.sessions):
            try:
                session.close()
            except KeyboardInterrupt:
                _logger.warning("Closing session %s was interrupted; the new one is open.", session.session_id)

    def _last_on(self, project: Project) -> SessionCore | None:
        return next((each for each in reversed(self.sessions) if each.project.root == project.root), None)
