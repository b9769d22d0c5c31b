"""The session: opens, loads its context, runs as often as wanted, closes."""

from __future__ import annotations

import atexit
import logging
import sys
from datetime import UTC, datetime
from enum import Enum
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from ipyproject import current
from ipyproject.bootstrap import make_current, unchanged_on_failure
from ipyproject.config import merge_params
from ipyproject.context import Context, FrozenParams, build_catalog
from ipyproject.errors import PipelineError, ProjectError, SessionError, UnknownPipelineError, described, did_you_mean
from ipyproject.history import RunRecord, SessionRecord, new_id
from ipyproject.history.packages import start_installed_packages
from ipyproject.history.values import plain
from ipyproject.hooks import HookManager
from ipyproject.importing import explained
from ipyproject.masking import MaskedErrors, Masker
from ipyproject.pipeline import Node, Pipeline, PipelineRegistry, Selection, load_pipelines
from ipyproject.pipeline.discovery import DEFAULT
from ipyproject.project import find_project, read_project
from ipyproject.runners import Runner, make_runner
from ipyproject.session.changes import Changes
from ipyproject.session.facts import runner_options, start_code_version
from ipyproject.session.opening import Kept, Opening
from ipyproject.session.origin import Origin
from ipyproject.session.running import PlannedRun, recorded_selection
from ipyproject.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path
    from types import TracebackType

    from ipyproject.catalog import Catalog
    from ipyproject.config import ConfigLoader
    from ipyproject.pipeline.selection import Names
    from ipyproject.project import Project
    from ipyproject.reloading import Snapshot
    from ipyproject.session.record import SessionBook
    from ipyproject.session.replay import Replay
    from ipyproject.session.result import RunResult
    from ipyproject.session.running import Pipelines
    from ipyproject.settings import Settings

_logger = logging.getLogger(__name__)


class SessionState(Enum):
    """The life of a session."""

    OPEN = "open"
    CLOSED = "closed"


class Session:
    """A project opened with one environment and one set of extra parameters.

    Made by :meth:`create` (or by ``%reload_project``), closed by :meth:`close` or as a context manager::

        with Session.create(env="local", extra_params={"model": {"test_share": 0.3}}) as session:
            result = session.run(pipeline="modelling")

    Args:
        project: The project.
        settings: Its settings.
        config: Its configuration, extra parameters included.
        book: Where it takes down what it knows.
        masker: Hides secrets in that.
        kept: What there is of the session before.

    Attributes:
        changes: What the reload that opened it found to be different.
        snapshot: The project's files as the reload that opened it found them; None where none did.
    """

    def __init__(
        self,
        project: Project,
        settings: Settings,
        config: ConfigLoader,
        book: SessionBook,
        masker: Masker,
        kept: Kept | None = None,
    ) -> None:
        self._project = project
        self._settings = settings
        self._config = config
        self._masker = masker
        self._book = book
        self._state = SessionState.OPEN
        self._hooks = (
            kept.hooks
            if kept is not None and kept.hooks.serves(settings.hooks, settings.disable_hooks_for_plugins)
            else HookManager(settings.hooks, settings.disable_hooks_for_plugins)
        )
        self._context: Context | None = None
        self._pipelines: PipelineRegistry | None = None
        self._inherited: tuple[Catalog, Collection[str]] | None = None
        self._kept = kept
        self._lock = RLock()
        self.changes = Changes()
        self.snapshot: Snapshot | None = None
        self._closers: list[Callable[[], object]] = []

    @classmethod
    def create(
        cls,
        project_path: str | Path | None = None,
        save_on_close: bool = True,  # noqa: FBT001, FBT002  (the signature that the field knows)
        env: str | None = None,
        extra_params: Mapping[str, Any] | None = None,
        conf_source: str | Path | None = None,
        *,
        origin: Origin | None = None,
    ) -> Self:
        """Open a session.

        Args:
            project_path: A folder in the project. By default the current project, else the one found upward from the
                working directory.
            save_on_close: False leaves no record of the session at all.
            env: A folder of the conf source. By default ``IPYPROJECT_ENV``, then the project's default.
            extra_params: Parameters that are merged over those of the configuration.
            conf_source: A folder, ``.zip`` or ``.tar.gz`` with the configuration, relative to the working directory.
            origin: What opens it, for the record.

        Raises:
            ProjectError: The project, its settings or its configuration can't be used; no session was opened.
        """
        opening = Opening(save_on_close, env, extra_params or {}, conf_source, origin or Origin())
        with unchanged_on_failure():
            if project_path is not None or not current.has_project():
                project = read_project(find_project(project_path))
                settings = make_current(project)
            else:
                project = current.current_project()
                settings = load_settings(project)
            session = cls.prepare(project, settings, opening)
        session.begin()
        return session

    @classmethod
    def prepare(cls, project: Project, settings: Settings, opening: Opening, kept: Kept | None = None) -> Self:
        """Do all that :meth:`create` does on the current project but for the record, which :meth:`begin` opens.

        A reload needs the two apart: the new session must be whole before the previous one is closed.

        Args:
            project: The current project.
            settings: Its settings.
            opening: What is asked for.
            kept: What there is of the session before.
        """
        masker = Masker(previous=kept.masker if kept is not None else None)
        config = opening.config(project, settings, kept)
        session = cls(project, settings, config, opening.book(project, settings, config, masker, kept), masker, kept)
        current.push_session(session)
        session._hooks_while_opening("after_session_created")
        return session

    def begin(self) -> None:
        """Open the session's record; from here on a killed process leaves it behind."""
        self._book.open()
        atexit.register(self._close_at_exit)
        self._closers.append(lambda: atexit.unregister(self._close_at_exit))
        self._git = start_code_version(self._project, self.conf_source, lambda facts: self._book.describe(git=facts))
        self._closers.append(self._git.finish)
        self._packages = start_installed_packages(self._book.packages)
        self._closers.append(self._packages.finish)

    @property
    def session_id(self) -> str:
        """Its id: sortable by time, safe as a file name."""
        return self._book.record.session_id

    @property
    def project(self) -> Project:
        """The project."""
        return self._project

    @property
    def conf_source(self) -> Path:
        """The folder or archive that its configuration comes from."""
        return self._config.conf_source

    @property
    def settings(self) -> Settings:
        """The project's settings."""
        return self._settings

    @property
    def env(self) -> str:
        """The environment in force."""
        return self._config.env

    @property
    def extra_params(self) -> Mapping[str, Any]:
        """Parameters merged over those of the configuration."""
        return self._config.extra_params

    @property
    def state(self) -> SessionState:
        """Open or closed."""
        return self._state

    @property
    def data(self) -> Mapping[str, Any]:
        """Everything known about the session, static and dynamic; read-only, with secrets hidden as in its record."""
        return self._book.data

    def as_recorded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values as a record holds them: secrets hidden, and what JSON can't hold by type and repr."""
        recorded: dict[str, Any] = plain(self._masker.data(dict(values)))
        return recorded

    @classmethod
    def replay(
        cls,
        session_id: str,
        project_path: str | Path | None = None,
        *,
        extra_params: Mapping[str, Any] | None = None,
        strict: bool = False,
        save_on_close: bool = True,
    ) -> Replay:
        """Repeat a recorded session: open one with its env, extra parameters and conf source, and do its runs again.

        Args:
            session_id: Its id, a unique beginning of it, ``latest`` or ``latest~2``.
            project_path: A folder in the project; by default as for :meth:`create`.
            extra_params: Parameters that differ this time, merged over the recorded ones.
            strict: Refuse when the code differs from what was recorded.
            save_on_close: False leaves no record of the new session.

        Returns:
            The new session (still open; leaving a ``with`` block closes it), what differs from then, and the results.

        Raises:
            HistoryError: There is no such session.
            SessionError: It can't be repeated, or not on this code.
            Exception: Whatever a run raises; the new session is closed.
        """
        from ipyproject.session.replay import open_replay

        replay = open_replay(
            cls.create,
            session_id,
            project_path,
            extra_params=extra_params,
            strict=strict,
            save_on_close=save_on_close,
        )
        try:
            return replay.run()
        except BaseException as error:
            replay.session.close(error)
            raise

    @property
    def record(self) -> SessionRecord:
        """The session's record as far as it is known now, with secrets hidden."""
        return self._book.record

    def log(self, **facts: Any) -> None:
        """Add facts to the session's record, under their names; a later value replaces an earlier one.

        What JSON can't hold is kept as its type and repr.
        """
        self._check_open("log facts")
        self._book.log(facts)

    def log_metric(self, name: str, value: float) -> None:
        """Add a value of a metric to the session's record, and to the run going on if there is one.

        Raises:
            SessionError: The value is no number.
        """
        self._check_open("log a metric")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise SessionError(f"The metric {name!r} is no number: {value!r}.", "Log it as a fact: log(...).") from None
        self._book.log_metric(name, number)

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """Records of its runs, oldest first."""
        return self._book.runs

    @property
    def last_run(self) -> RunRecord | None:
        """Record of its last run."""
        runs = self._book.runs
        return runs[-1] if runs else None

    @property
    def is_running(self) -> bool:
        """Whether a run is going on, in whatever thread."""
        return self._book.is_running

    @property
    def pipelines(self) -> PipelineRegistry:
        """Name -> pipeline, ``__default__`` among them; read-only."""
        self._check_open("look at its pipelines")
        with self._lock:
            if self._pipelines is None:
                self._check_current()
                self._pipelines = load_pipelines(self._project)
            return self._pipelines

    @property
    def catalog(self) -> Catalog:
        """The live catalog."""
        return self.load_context().catalog

    @property
    def is_loaded(self) -> bool:
        """Whether its context was loaded."""
        return self._context is not None

    def adopt(self, pipelines: PipelineRegistry) -> None:
        """Take over the pipelines of the session before; for a reload that found the same code."""
        self._pipelines = pipelines

    def inherit(self, catalog: Catalog, replaced_modules: Collection[str]) -> None:
        """Let the context keep what a catalog holds in memory; for a reload, before the context is loaded.

        Args:
            catalog: The live catalog of the session before, on the same project, env and conf source.
            replaced_modules: Modules executed since then.
        """
        self._inherited = (catalog, replaced_modules)

    def load_context(self) -> Context:
        """Return the context: the same object each time.

        Raises:
            ConfigError: Configuration can't be read.
            CatalogError: A dataset's definition is not understood.
        """
        self._check_open("load its context")
        with self._lock:
            if self._context is None:
                self._context = self._new_context()
            return self._context

    def _new_context(self) -> Context:
        params = self._config.resolved("parameters")
        # What is secret must be known before anything can fail with it in its message.
        self._masker.learn(params, fixed=True)
        live, replaced_modules = self._inherited or (None, ())
        catalog = build_catalog(self._config, self._project.root, live=live, replaced_modules=replaced_modules)
        context = Context(self._project, self.env, self._frozen_params(), self._config, catalog)
        self._inherited = self._kept = None  # the old catalog is not kept alive
        with catalog.opening():
            self._hooks_while_opening("after_catalog_created", catalog=catalog)
            self._hooks_while_opening("after_context_created", context=context)
        self._book.parameters(params)
        self._book.describe(
            conf_files={**self._config.file_hashes("parameters"), **self._config.file_hashes("catalog")}
        )
        return context

    def _frozen_params(self) -> FrozenParams:
        kept = self._kept
        if kept is not None and kept.params is not None and self._config.same("parameters", kept.config):
            return kept.params
        return FrozenParams(self._config.resolved("parameters"))

    def kept(self, *, files_unchanged: bool) -> Kept:
        """Return what the next session on the same project need not make again.

        Args:
            files_unchanged: No file of the configuration has changed since this one was opened.
        """
        params = self._context.params if self._context is not None else None
        return Kept(self._config, self._masker, self._hooks, params, files_unchanged, self._book.document)

    def run(
        self,
        pipeline: Pipelines = DEFAULT,
        *,
        tags: Names = None,
        nodes: Names = None,
        from_nodes: Names = None,
        to_nodes: Names = None,
        from_inputs: Names = None,
        to_outputs: Names = None,
        namespaces: Names = None,
        runner: str | type | Runner | None = None,
        load_versions: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        extra_params: Mapping[str, Any] | None = None,
        keep: bool | Collection[str] = True,
    ) -> RunResult:
        """Run a pipeline, or the part of it that is asked for; as often as wanted.

        Args:
            pipeline: A name in ``pipelines``, a pipeline or a node, or a list of these: the sum of them runs.
            tags: Only nodes with one of these tags.
            nodes: Only nodes of these names.
            from_nodes: Only these and what depends on them.
            to_nodes: Only these and what they depend on.
            from_inputs: Only nodes that read these datasets, and what depends on them.
            to_outputs: Only nodes that write these datasets, and what they depend on.
            namespaces: Only nodes in these namespaces.
            runner: A runner, its class or its name; by default what the settings say.
            load_versions: Dataset -> version to load, for versioned ones.
            inputs: Dataset -> data, used instead of what the catalog has.
            extra_params: Parameters for this run alone, merged over the session's.
            keep: Whether intermediate results that live in memory stay in ``catalog``; names keep only these.

        Returns:
            The outputs of the run.

        Raises:
            UnknownPipelineError: No pipeline has that name.
            PipelineError: The selection names what does not exist, or matches nothing.
            DatasetNotFoundError: An input is missing; nothing was run.
            SessionError: The session is closed.
            Exception: Whatever a node raises, as it is.
        """
        __tracebackhide__ = True
        self._check_open("run")
        selection = Selection.of(
            tags=tags,
            nodes=nodes,
            from_nodes=from_nodes,
            to_nodes=to_nodes,
            from_inputs=from_inputs,
            to_outputs=to_outputs,
            namespaces=namespaces,
        )
        chosen = selection.apply(self._pipeline(pipeline))
        used_runner = make_runner(runner if runner is not None else self._settings.runner)
        run_id = new_id()
        planned = PlannedRun(
            record=RunRecord(
                run_id=run_id,
                session_id=self.session_id,
                start=datetime.now(UTC),
                selection=recorded_selection(pipeline, selection, load_versions, inputs, self.pipelines),
                runner=used_runner.import_path(),
                runner_options=runner_options(used_runner),
                extra_params=dict(extra_params or {}),
            ),
            pipeline=chosen,
            catalog=self._run_catalog(run_id, load_versions or {}, inputs or {}, extra_params or {}),
            runner=used_runner,
            keep=keep,
        )
        with MaskedErrors(self._masker, extra_params):
            return planned.execute(self, self._hooks, self._book)

    def close(self, error: BaseException | None = None) -> None:
        """Close the session; closing it again does nothing.

        What was opened last is closed first, and one failure is logged and does not stop the rest.

        Args:
            error: What the session ended with, for its record.

        Raises:
            SessionError: A run is still going on.
        """
        if self._state is SessionState.CLOSED:
            return
        if self.is_running:
            raise SessionError(
                f"Session {self.session_id} is still running in another thread.", "Wait for it or interrupt it first."
            )
        self._close(error)

    def _close(self, error: BaseException | None) -> None:
        closers: list[Callable[[], object]] = [
            lambda: current.drop_session(self),
            lambda: self._book.close(error),
            *self._closers,
            lambda: self._hooks.call("before_session_closed", session=self),
        ]
        for closer in reversed(closers):
            try:
                closer()
            except BaseException as failure:
                # The traceback is that of a hook, through our code: for those who look for it.
                _logger.warning(
                    "Closing session %s: a step failed and the rest went on: %s",
                    self.session_id,
                    self.masked(described(failure)),
                )
                _logger.debug("The failed step:", exc_info=failure)
        self._state = SessionState.CLOSED

    def __enter__(self) -> Self:
        self._check_open("be entered")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(error)

    def __repr__(self) -> str:
        name = self._project.project_name
        return f"Session({self.session_id!r}, project={name!r}, env={self.env!r}, {self._state.value})"

    def _hooks_while_opening(self, name: str, **arguments: Any) -> None:
        try:
            with explained(f"calling the hooks {name}", self._project):
                self._hooks.call(name, session=self, **arguments)
        except ProjectError as error:
            error.message = self.masked(error.message)
            raise

    def masked(self, text: str) -> str:
        """Return a text with the secrets that the session knows of hidden."""
        return self._masker.text(text)

    def _check_open(self, what: str) -> None:
        if self._state is SessionState.CLOSED:
            raise SessionError(
                f"Session {self.session_id} is closed; it can't {what}.",
                "Open a new one: Session.create(), or %reload_project in a notebook.",
            )

    def _check_current(self) -> None:
        if current.current_project() != self._project:
            raise SessionError(
                f"Another project ({current.current_project().root}) was opened since, so the code of "
                f"{self._project.project_name} can't be loaded for session {self.session_id} any more.",
                "Open a new session on it.",
            )

    def _pipeline(self, pipeline: Pipelines) -> Pipeline:
        if isinstance(pipeline, Pipeline):
            return pipeline
        if isinstance(pipeline, Node):
            return Pipeline([pipeline])
        if isinstance(pipeline, (list, tuple)):
            return Pipeline([each if isinstance(each, Node) else self._pipeline(each) for each in pipeline])
        if not isinstance(pipeline, str):
            raise PipelineError(
                f"A {type(pipeline).__name__} can't be run.",
                "Give the name of a pipeline, a pipeline, a node, or a list of these.",
            )
        found = self.pipelines.get(pipeline)
        if found is None:
            raise UnknownPipelineError(
                f"No pipeline is called {pipeline!r}.", did_you_mean(pipeline, self.pipelines, "Pipelines")
            )
        return found

    def _run_catalog(
        self,
        run_id: str,
        load_versions: Mapping[str, str],
        inputs: Mapping[str, Any],
        extra_params: Mapping[str, Any],
    ) -> Any:
        context = self.load_context()
        if not extra_params:
            return context.catalog.for_run(save_version=run_id, load_versions=load_versions, inputs=inputs)
        config = self._config.with_extra_params(merge_params(self.extra_params, extra_params))
        return context.catalog.for_run(
            save_version=run_id,
            load_versions=load_versions,
            inputs=inputs,
            params=config.resolved("parameters"),
            definitions=config.resolved("catalog"),
        )

    def _close_at_exit(self) -> None:
        """Close what was left open; a script that died of an exception is on record as failed."""
        in_notebook = self._book.record.started_by == "notebook"  # there it is the last error of any cell
        self._close(None if in_notebook else getattr(sys, "last_value", None))
