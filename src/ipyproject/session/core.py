"""What a session is made of: what reload, replay and display need, and users don't call."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ipyproject import current
from ipyproject.context import Context, FrozenParams, build_catalog
from ipyproject.errors import SessionError, format_error
from ipyproject.forks import fork_safe_lock
from ipyproject.history.facts.packages import start_installed_packages
from ipyproject.history.facts.tracebacks import trimmed_traceback
from ipyproject.history.questions.project import note_store
from ipyproject.history.values import kept
from ipyproject.hooks import HookManager
from ipyproject.importing import project_code_errors
from ipyproject.interrupts import Interrupts
from ipyproject.pipeline import PipelineRegistry, load_pipelines
from ipyproject.session.at_exit import fatal_error
from ipyproject.session.provenance import start_code_version
from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping
    from pathlib import Path

    from ipyproject.catalog import Catalog
    from ipyproject.config import ConfigLoader
    from ipyproject.current import SessionInfo
    from ipyproject.history.facts.background import Finding
    from ipyproject.masking import Masker
    from ipyproject.memo import Memo
    from ipyproject.project import Project
    from ipyproject.reloading import Snapshot
    from ipyproject.session.changes import Changes
    from ipyproject.session.record import SessionBook
    from ipyproject.settings import Settings

_logger = logging.getLogger(__name__)


@dataclass(eq=False)
class SessionCore:
    """A project opened with one environment: its configuration, hooks, context, pipelines and record.

    Attributes:
        project: The project.
        settings: Its settings.
        config: Its configuration, extra parameters included.
        book: Where the session takes down what it knows.
        masker: Hides secrets in that.
        memo: What sessions before have made; what is the same is not made again.
        files: Stands for the files of the configuration as they are; None where nobody looked.
        hooks: The hooks of its project and of plugins.
        session: What users hold; known once it was introduced.
        is_closed: Whether the session was closed; it is not open before it was introduced.
        changes: What the reload that opened it found to be different; None where none did.
        snapshot: The project's files as the reload that opened it found them; None where none did.
        pid: The process that it was opened in.
    """

    project: Project
    settings: Settings
    config: ConfigLoader
    book: SessionBook
    masker: Masker
    memo: Memo
    files: Hashable = None
    hooks: HookManager = field(init=False)
    session: SessionInfo = field(init=False)
    is_closed: bool = field(default=True, init=False)
    changes: Changes | None = field(default=None, init=False)
    snapshot: Snapshot | None = field(default=None, init=False)
    pid: int = field(default_factory=os.getpid, init=False)

    def __post_init__(self) -> None:
        self.hooks = HookManager.of(self.settings.hooks, self.settings.disable_hooks_for_plugins, self.memo)
        self._context: Context | None = None
        self._pipelines: PipelineRegistry | None = None
        self._asked: tuple[Finding[Any], ...] = ()
        self._lock = fork_safe_lock()
        self._closing = fork_safe_lock()
        self._is_closing = False

    # -- opening

    def introduce(self, session: SessionInfo) -> None:
        """Make the session that users hold the current one, and call the hooks for it.

        Raises:
            ProjectError: A hook failed; the session is not open.
        """
        self.session = session
        try:
            self.is_closed = False
            current.push_session(session, self._close_at_exit, self.masker)
            self.call_hooks("after_session_created")
        except BaseException:
            current.drop_session(session)
            self.is_closed = True
            raise

    def begin(self) -> None:
        """Open the session's record; from here on a killed process leaves it behind."""
        if self.book.is_kept:
            note_store(self.project, self.settings)
        self.book.open()
        git = start_code_version(self.project, self.conf_source, lambda state: self.book.describe(git=state))
        packages = start_installed_packages(self.book.packages)
        self._asked = packages, git

    def call_hooks(self, name: str, **arguments: Any) -> None:
        """Call hooks while the session opens; what they raise is said with the project's line.

        Raises:
            ProjectError: A hook failed.
        """
        with project_code_errors(f"calling the hooks {name}", self.project):
            self.hooks.call(name, session=self.session, **arguments)

    @property
    def is_of_another_process(self) -> bool:
        """Whether this process was forked from the session's own, which runs and closes it."""
        return os.getpid() != self.pid

    # -- what it comes to

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.book.record.session_id

    @property
    def conf_source(self) -> Path:
        """The folder or archive that its configuration comes from."""
        return self.config.conf_source

    @property
    def env(self) -> str:
        """The environment in force."""
        return self.config.env

    @property
    def is_running(self) -> bool:
        """Whether a run is going on, in whatever thread."""
        return self.book.is_running

    @property
    def loaded_catalog(self) -> Catalog | None:
        """The live catalog, if its context was loaded."""
        return self._context.catalog if self._context is not None else None

    @property
    def catalog(self) -> Catalog:
        """The live catalog."""
        return self.load_context().catalog

    @property
    def pipelines(self) -> PipelineRegistry:
        """Name -> pipeline, ``__default__`` among them; read-only."""
        self.check_open("look at its pipelines")
        with self._lock:
            if self._pipelines is None:
                self._check_current()
                self._pipelines = load_pipelines(self.project)
            return self._pipelines

    def load_context(self, live: Catalog | None = None, replaced_modules: Collection[str] = ()) -> Context:
        """Return the context: the same object each time.

        Args:
            live: The catalog of a session before, on the same project, env and conf source: what it holds in memory is
                kept.
            replaced_modules: Modules executed since then.

        Raises:
            ConfigError: Configuration can't be read.
            CatalogError: A dataset's definition is not understood.
        """
        self.check_open("load its context")
        with self._lock:
            if self._context is None:
                self._context = self._new_context(live, replaced_modules)
            return self._context

    def _new_context(self, live: Catalog | None, replaced_modules: Collection[str]) -> Context:
        params = self.config.resolved("parameters")
        # What is secret must be known before anything can fail with it in its message.
        self.masker.learn(params, fixed=True)
        catalog = build_catalog(self.config, self.project.root, live=live, replaced_modules=replaced_modules)
        frozen = self.memo.of("frozen parameters", params, lambda: FrozenParams(params))
        context = Context(self.project, self.env, frozen, self.config, catalog)
        with catalog.opening():
            self.call_hooks("after_catalog_created", catalog=catalog)
            self.call_hooks("after_context_created", context=context)
        self.book.parameters(params)
        self.book.describe(conf_files={**self.config.file_hashes("parameters"), **self.config.file_hashes("catalog")})
        return context

    def adopt(self, pipelines: PipelineRegistry) -> None:
        """Take over the pipelines of the session before; for a reload that found the same code."""
        self._pipelines = pipelines

    # -- masking

    def masked(self, text: str) -> str:
        """Return a text with the secrets that the session knows of hidden."""
        return self.masker.text(text)

    def as_recorded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values as a record gives them back: secrets hidden, and what it can't hold by type and repr."""
        recorded: dict[str, Any] = kept(self.masker.data(values))
        return recorded

    # -- closing

    def close(self, error: BaseException | None = None) -> None:
        """Close the session; closing it again does nothing, and does it once another thread has closed it.

        In a process that was forked from the session's own it is closed there alone: the record and the hooks are not
        touched.

        What was opened last is closed first, and one failure is logged and does not stop the rest.

        Args:
            error: What the session ended with, for its record.

        Raises:
            SessionError: A run is still going on.
            KeyboardInterrupt: The user interrupted a step; the others were done.
        """
        with self._closing:
            if self.is_closed or self._is_closing:  # a hook that is called then closes it, too
                return
            if self.is_running and not self.is_of_another_process:
                raise SessionError(
                    f"Session {self.session_id} is still running in another thread.",
                    "Wait for it or interrupt it first.",
                )
            self._close(error)

    def _close(self, error: BaseException | None) -> None:
        if self.is_of_another_process:
            self.is_closed = True
            current.drop_session(self.session)
            return
        interrupt: KeyboardInterrupt | None = None
        tell_hooks = partial(self.hooks.call, "before_session_closed", session=self.session)
        steps: list[Callable[[], object]] = [tell_hooks, *(asked.finish for asked in self._asked)]
        steps += [partial(self.book.close, error), partial(current.drop_session, self.session)]
        with Interrupts() as interrupts:  # only the project's own hooks can be interrupted: the record is closed whole
            self._is_closing = True
            for step in steps:
                try:
                    if step is tell_hooks:
                        interrupts.let(step)
                    else:
                        step()
                except KeyboardInterrupt as failure:
                    interrupt = interrupt or failure
                except BaseException as failure:  # noqa: BLE001 - the project's own hooks may do anything
                    _logger.warning(
                        "Closing session %s: a step failed and the rest went on: %s",
                        self.session_id,
                        visible(self.masked(format_error(failure))),
                    )
                    # The traceback is that of a hook, through our code: for those who look for it.
                    _logger.debug("The failed step: %s", trimmed_traceback(failure, mask=self.masked))
            self.is_closed = True
            if interrupt is not None:
                raise interrupt

    def _close_at_exit(self) -> None:
        """Close what was left open, whatever still runs; a script that died of an exception is on record as failed."""
        with self._closing:
            if not self.is_closed:
                self._close(fatal_error())

    def check_open(self, what: str) -> None:
        """Refuse what a closed session can't do.

        Args:
            what: As in "it can't run".

        Raises:
            SessionError: The session is closed.
        """
        if self.is_closed:
            raise SessionError(
                f"Session {self.session_id} is closed; it can't {what}.",
                "Open a new one: Session.create(), or %reload_project in a notebook.",
            )

    def check_own(self, what: str) -> None:
        """Refuse what only the session's own process can do.

        Args:
            what: As in "this one can't run it".

        Raises:
            SessionError: This process was forked from it.
        """
        if self.is_of_another_process:
            raise SessionError(
                f"Session {self.session_id} was opened in another process; this one can't {what} it.",
                "Let that process do it, or open a session here: Session.create().",
            )

    def _check_current(self) -> None:
        if current.current_project() != self.project:
            raise SessionError(
                f"Another project ({current.current_project().root}) was opened since, so the code of "
                f"{self.project.project_name} can't be loaded for session {self.session_id} any more.",
                "Open a new session on it.",
            )
