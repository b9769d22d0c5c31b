"""Open a project anew in a live process: all new, or all as it was."""

from __future__ import annotations

import gc
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ipyproject import current
from ipyproject.bootstrap import found_project, make_current, unchanged_on_failure
from ipyproject.errors import Interrupted, ProjectCodeError, ProjectError, SessionError
from ipyproject.imported import ImportedNames
from ipyproject.interrupts import Interrupts
from ipyproject.memo import Memo
from ipyproject.reloading import Holding, Load, LoadedCode, Rebinding, Snapshot, held_modules, plan_rebinding
from ipyproject.reloading.libraries import outside_modules
from ipyproject.session.changes import Inventory, compare_opened
from ipyproject.session.facade import core_of
from ipyproject.session.opening import Opening, conf_source_of
from ipyproject.session.session import Session
from ipyproject.settings import KEEP, reload_keep

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ipyproject.catalog import Catalog
    from ipyproject.project import Project
    from ipyproject.reloading import RebindingPlan
    from ipyproject.reloading.observation import Observation
    from ipyproject.session.core import SessionCore
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
    imported: ImportedNames | None = None,
    publish: Callable[[Session], object] | None = None,
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
        publish: Called with the new session as soon as it is in force, before those before it are closed: whatever
            happens then, an interrupt included, what was handed out is the open session.
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
    interrupts = Interrupts()
    opening = Opening(save_on_close, env, extra_params or {}, conf_source, origin)
    reload: _Reload | None = None
    try:
        with interrupts, _uncollected(), current.only_reload(interrupts.let_through):
            with interrupts.allowed():
                before = _Before.now()
                before.refuse_under_a_run()
                project = found_project(project_path, trust=project_path is not None)
                reload = _Reload(before, project, opening, interrupts, full, names, imported, publish)
            reload.open()
    except KeyboardInterrupt:
        done = reload is not None and reload.is_done
        raise Interrupted(
            "the reload is done; the closing of the session before it was interrupted."
            if done
            else "the reload was interrupted, and all is as it was before."
        ) from None
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


class _TouchedTooLateError(Exception):
    """What modules hold that were not executed was changed, and what others have made from it is as it was."""


@dataclass
class _Reload:
    """One reload: finds what is stale, executes it, opens the session, and only then closes those before it."""

    before: _Before
    project: Project
    opening: Opening
    interrupts: Interrupts
    full: bool
    names: MutableMapping[str, Any] | None
    imported: ImportedNames | None
    publish: Callable[[Session], object] | None
    is_done: bool = False

    def __post_init__(self) -> None:
        # Before anything is executed: an edit that comes later is seen by the next reload.
        self._snapshot = self.before.snapshot_of(self.project)
        self._inventory = self.before.inventory_of(self.project)
        self._outdated: frozenset[str] = frozenset()

    def open(self) -> None:
        """Open the new session, with its record, and close those before it."""
        code = self.before.code_of(self.project)
        if code is None:
            code = LoadedCode(self.project, self._snapshot)
            self._on_new_code(code, None, code.observe({}))
            return
        changes = code.changes(self._snapshot)
        if not (changes.of_code or self.full or code.asks_session):
            self._on_the_same_code(code)
            return
        self._outdated = code.outdated_by(changes)
        is_all = self.full or code.asks_session
        is_done = False
        while not is_done:  # where it is not, all is as it was before, and more is known
            with self.interrupts.allowed():
                observation = code.observe()
                stale = None if is_all else code.stale(changes, observation, self._kept_modules(code))
            is_done = self._on_new_code(code, stale, observation)

    def _on_the_same_code(self, code: LoadedCode) -> None:
        with unchanged_on_failure(self.interrupts), self._prepared() as session, self.interrupts.allowed():
            session.adopt(code.pipelines)
            self._load_context(session)
            self.before.refuse_under_a_run()
        code.snapshot = self._snapshot
        earlier = self.before.rebinding()
        self._finish(session, code, {}, Rebinding(lost=earlier.lost, left=earlier.left))

    def _on_new_code(self, code: LoadedCode, stale: Collection[str] | None, observation: Observation) -> bool:
        """Load new code and open the session on it; False if more must be executed for that: all is as it was."""
        observation.go_on_without(stale)
        replaced = self.before.project if self.before.project != self.project else None
        try:
            with (
                Load(self.project, replaced, code.finder, observation, stale, self._kept_modules(code)) as load,
                self._prepared() as session,
                self.interrupts.allowed(),
            ):
                with observation.reads.noted(), current.creating_pipelines(code.created) as created:
                    pipelines = session.pipelines
                self._load_context(session, load.stale)
                self._execute_rest(load, session)
                plans = self._plan_rebinding(load, session)
                self.before.refuse_under_a_run()  # one may have been started by another thread meanwhile
                touched = observation.touched()
                if code.is_touched_too_late(observation, touched):
                    raise _TouchedTooLateError
        except _TouchedTooLateError:
            return False
        except ProjectCodeError as error:
            _tell_way_out(error, observation.failed, code)
            raise
        code.take(load, touched, self._snapshot, pipelines)
        code.created, code.outdated = created, self._outdated
        current.set_loaded_code(code)
        rebinding, *_ = [plan.apply() for plan in plans]
        executed = {name: source.digest.hex() for name, source in observation.executed.items()}
        self._finish(session, code, executed, rebinding, load.as_before)
        code.read_ahead()
        return True

    def _finish(
        self,
        session: SessionCore,
        code: LoadedCode,
        executed: Mapping[str, str],
        rebinding: Rebinding,
        as_before: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Hand out the new session, close those before it, and open its record."""
        if self.publish is not None:
            self.publish(self.session)
        self.is_done = True
        if self.before.sessions:
            with as_before():
                for earlier in reversed(self.before.sessions):
                    _close(earlier, self.interrupts)
        session.begin()
        session.snapshot = self._snapshot
        changes = compare_opened(self._inventory, _inventory(session, code), executed, rebinding)
        session.changes = replace(changes, doubled=code.doubled())
        code.rebinding = rebinding

    def _execute_rest(self, load: Load, session: SessionCore) -> None:
        """Execute stale modules that no import has reached, if somebody holds them, and those that are there again."""
        if self.names is None:
            load.execute_rest()
        else:
            held = held_modules(self.names, load.stale, self.imported, _in_memory(session)) if load.rest else set()
            load.execute_rest(held | self.before.rebinding().lost_modules)

    def _plan_rebinding(self, load: Load, session: SessionCore) -> list[RebindingPlan]:
        """Plan what names are to be bound to: those of the notebook, then those of modules beside the project.

        Also which instances are to be moved to the classes of now: of the names, and in the catalog's memory.
        """
        names = self.names if self.names is not None else {}
        modules, earlier = load.modules, self.before.rebinding()
        plans = [plan_rebinding(names, load.stale, modules, self.imported, earlier, _in_memory(session))]
        if load.stale:
            is_own = ImportedNames(lambda *_: 1)  # a number there is not followed: nobody saw where it came from
            plans += [
                plan_rebinding(namespace, load.stale, modules, is_own)
                for namespace in outside_modules(modules.keys() | load.stale.keys(), load.stale)
                if namespace is not names
            ]
        return plans

    def _kept_modules(self, code: LoadedCode) -> set[str]:
        """Return the loaded modules that ``RELOAD_KEEP`` names, and those below them."""
        names = reload_keep(self.project)
        if not names:
            return set()
        return {name for name in code.modules() if f"{name}.".startswith(tuple(f"{each}." for each in names))}

    @contextmanager
    def _prepared(self) -> Iterator[SessionCore]:
        """Give the new session; if the block fails, it is closed before all is put back: its hooks have seen it."""
        made: list[SessionCore] = []  # known from the first moment on: an interrupt may come at any

        def make(core: SessionCore) -> Session:
            made.append(core)
            return Session(core)

        try:
            with self.interrupts.allowed():
                settings = make_current(self.project)
                conf_source = conf_source_of(self.opening.conf_source, settings, self.project).absolute()
                self._snapshot = self._snapshot.with_conf_source(conf_source)
                memo, files = self.before.memo(self.project, self._snapshot)
                self.session = self.opening.prepare(make, self.project, settings, memo, files)
            yield made[0]
        except BaseException:
            for session in made:
                _close(session, self.interrupts)
            raise

    def _load_context(self, session: SessionCore, replaced: Collection[str] = ()) -> None:
        session.load_context(None if self.full else self.before.live_catalog(session), replaced)


def _close(session: SessionCore, interrupts: Interrupts) -> None:
    """Close a session; an interrupt ends the hook that goes on, and the rest is done."""
    with suppress(KeyboardInterrupt), interrupts.allowed():
        session.close()
    session.close()  # nothing is left to do, but for an interrupt that came just before


def _in_memory(session: SessionCore) -> list[Holding]:
    """Return what a session's catalog holds in memory, under the names that a report uses."""
    catalog = session.catalog
    return [
        Holding(f"{name} (catalog)", data, partial(catalog.replace_in_memory, name))
        for name, data in catalog.in_memory().items()
    ]


def _inventory(session: SessionCore, code: LoadedCode | None) -> Inventory:
    return Inventory.of(session.load_context(), session.pipelines, code, session.as_recorded)


def _tell_way_out(error: ProjectCodeError, module: str | None, code: LoadedCode) -> None:
    """Say what helps a module that was executed before and fails now, though nobody has changed it."""
    if module is not None and code.is_as_executed(module):
        error.hint = f"{error.hint}\nIf {module} can't be executed twice: {KEEP} = ({module!r},) in settings.py."


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

    def code_of(self, project: Project) -> LoadedCode | None:
        """Return what is loaded of a project's code, if a reload has loaded it."""
        code = self.code
        return code if code is not None and code.project == project == self.project else None

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
                if same and session.loaded_catalog is not None and (session.snapshot is not None) is by_reload:
                    return session.loaded_catalog
        return None

    def inventory_of(self, project: Project) -> Inventory | None:
        """Return what the last session on the same project was; None where there is nothing to compare with."""
        last = self._last_on(project)
        if last is None:
            return None
        code = self.code
        try:
            return _inventory(last, code if code is not None and code.project.root == project.root else None)
        except ProjectError:  # what it can't load now, it never had
            return None

    def rebinding(self) -> Rebinding:
        """Return what the reload before has done to names and instances, and what it has found to be gone."""
        return self.code.rebinding if self.code is not None else Rebinding()

    def _last_on(self, project: Project) -> SessionCore | None:
        return next((each for each in reversed(self.sessions) if each.project.root == project.root), None)
