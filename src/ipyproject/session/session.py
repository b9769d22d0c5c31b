"""The session: opens, loads its context, runs as often as wanted, closes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

from ipyproject.errors import PipelineError
from ipyproject.session.facade import Facade

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from types import TracebackType

    from ipyproject.catalog import Catalog
    from ipyproject.context import Context
    from ipyproject.history import RunRecord, SessionRecord
    from ipyproject.pipeline import PipelineRegistry
    from ipyproject.pipeline.selection import Names
    from ipyproject.project import Project
    from ipyproject.runners import Runner
    from ipyproject.session.changes import Changes
    from ipyproject.session.origin import Origin
    from ipyproject.session.replay import Replay
    from ipyproject.session.result import RunResult
    from ipyproject.session.running import Pipelines
    from ipyproject.settings import Settings


class SessionState(Enum):
    """The life of a session."""

    OPEN = "open"
    CLOSED = "closed"


class Session(Facade):
    """A project opened with one environment and one set of extra parameters.

    Made by :meth:`create` (or by ``%reload_project``), closed by :meth:`close` or as a context manager::

        with Session.create(env="local", extra_params={"model": {"test_share": 0.3}}) as session:
            result = session.run(pipeline="modelling")
    """

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
            UntrustedProjectError: It was found upward from the working directory, and others can change it.
            ProjectError: The project, its settings or its configuration can't be used; no session was opened.
        """
        # What opening and running need is imported when a session is opened.
        from ipyproject.session.opening import Opening, open_session

        return open_session(cls, Opening(save_on_close, env, extra_params or {}, conf_source, origin), project_path)

    @classmethod
    def replay(
        cls,
        session_id: str,
        project_path: str | Path | None = None,
        *,
        extra_params: Mapping[str, Any] | None = None,
        strict: bool = False,
        save_on_close: bool = True,
    ) -> Replay[Self]:
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
    def session_id(self) -> str:
        """Its id: sortable by time, safe as a file name."""
        return self._core.session_id

    @property
    def project(self) -> Project:
        """The project."""
        return self._core.project

    @property
    def settings(self) -> Settings:
        """The project's settings."""
        return self._core.settings

    @property
    def env(self) -> str:
        """The environment in force."""
        return self._core.env

    @property
    def extra_params(self) -> Mapping[str, Any]:
        """Parameters merged over those of the configuration."""
        return self._core.config.extra_params

    @property
    def state(self) -> SessionState:
        """Open or closed."""
        return SessionState.CLOSED if self._core.is_closed else SessionState.OPEN

    @property
    def data(self) -> Mapping[str, Any]:
        """Everything known about the session, static and dynamic; read-only, with secrets hidden as in its record."""
        return self._core.book.data

    @property
    def record(self) -> SessionRecord:
        """The session's record as far as it is known now, with secrets hidden."""
        return self._core.book.record

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """Records of its runs, oldest first."""
        return self._core.book.runs

    @property
    def last_run(self) -> RunRecord | None:
        """Record of its last run."""
        runs = self.runs
        return runs[-1] if runs else None

    @property
    def changes(self) -> Changes:
        """What the reload that opened it found to be different; nothing where none did."""
        from ipyproject.session.changes import Changes

        return self._core.changes or Changes()

    @property
    def pipelines(self) -> PipelineRegistry:
        """Name -> pipeline, ``__default__`` among them; read-only."""
        return self._core.pipelines

    @property
    def catalog(self) -> Catalog:
        """The live catalog."""
        return self._core.catalog

    def load_context(self) -> Context:
        """Return the context: the same object each time.

        Raises:
            ConfigError: Configuration can't be read.
            CatalogError: A dataset's definition is not understood.
        """
        return self._core.load_context()

    def log(self, **facts: Any) -> None:
        """Add facts to the session's record, under their names; a later value replaces an earlier one.

        What JSON can't hold is kept as its type and repr.
        """
        self._core.check_open("log facts")
        self._core.book.log(facts)

    def log_metric(self, name: str, value: float) -> None:
        """Add a value of a metric to the session's record, and to the run going on if there is one.

        Raises:
            SessionError: The value is no number, or the name no text.
        """
        self._core.check_open("log a metric")
        self._core.book.log_metric(name, value)

    def run(
        self,
        pipeline: Pipelines = "__default__",
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
        from ipyproject.pipeline import Selection
        from ipyproject.session.running import RunRequest

        __tracebackhide__ = True
        self._core.check_open("run")
        self._core.check_own("run")
        selection = Selection.of(
            tags=tags,
            nodes=nodes,
            from_nodes=from_nodes,
            to_nodes=to_nodes,
            from_inputs=from_inputs,
            to_outputs=to_outputs,
            namespaces=namespaces,
        )
        for name, given in {"load_versions": load_versions, "inputs": inputs, "extra_params": extra_params}.items():
            if given is not None and not isinstance(given, Mapping):
                raise PipelineError(f"{name}= takes a mapping of names to values, not {given!r}.", "Write {...}.")
        request = RunRequest(
            pipeline, selection, runner, load_versions or {}, inputs or {}, extra_params or {}, keep=keep
        )
        return request.run(self._core)

    def close(self, error: BaseException | None = None) -> None:
        """Close the session; closing it again does nothing, and threads that close it at once all find it closed.

        What was opened last is closed first, and one failure is logged and does not stop the rest.

        Args:
            error: What the session ended with, for its record.

        Raises:
            SessionError: A run is still going on.
            KeyboardInterrupt: The user interrupted a step; the others were done.
        """
        self._core.close(error)

    def __enter__(self) -> Self:
        self._core.check_open("be entered")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(error)

    def __repr__(self) -> str:
        name = self.project.project_name
        return f"Session({self.session_id!r}, project={name!r}, env={self.env!r}, {self.state.value})"
