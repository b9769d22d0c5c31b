"""Make a session out of a project, its settings and what was asked for."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ipyproject import current
from ipyproject.bootstrap import found_project, make_current, unchanged_on_failure
from ipyproject.config import ConfigLoader
from ipyproject.errors import ConfigError
from ipyproject.history import NullRecorder, Recorder
from ipyproject.history.questions.project import store_location
from ipyproject.masking import Masker
from ipyproject.memo import Memo
from ipyproject.session.core import SessionCore
from ipyproject.session.origin import Origin
from ipyproject.session.provenance import session_record
from ipyproject.session.record import SessionBook
from ipyproject.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping

    from ipyproject.project import Project
    from ipyproject.session.facade import Facade
    from ipyproject.settings import Settings

ENV_VARIABLE = "IPYPROJECT_ENV"

S = TypeVar("S", bound="Facade")


@dataclass(frozen=True, slots=True)
class Opening:
    """What is asked for when a session is opened; see :meth:`Session.create`."""

    save_on_close: bool = True
    env: str | None = None
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    conf_source: str | Path | None = None
    origin: Origin | None = None

    def prepare(
        self,
        make: Callable[[SessionCore], S],
        project: Project,
        settings: Settings,
        memo: Memo,
        files: Hashable = None,
    ) -> S:
        """Make a session on the current project; its record is opened by :meth:`SessionCore.begin`.

        A reload needs the two apart: the new session must be whole before the previous one is closed.

        Args:
            make: Makes the session that users hold, of its core.
            project: The current project.
            settings: Its settings.
            memo: What the sessions before have made.
            files: Stands for the files of the configuration as they are; None where nobody looked.

        Raises:
            ProjectError: The configuration or a hook can't be used; no session is open.
        """
        memo.begin()
        masker = Masker(memo=memo)
        config = self._config(project, settings, memo, files)
        book = self._book(project, settings, config, masker, memo)
        core = SessionCore(project, settings, config, book, masker, memo, files)
        session = make(core)
        core.introduce(session)
        return session

    def _config(self, project: Project, settings: Settings, memo: Memo, files: Hashable) -> ConfigLoader:
        """Return the configuration of the project as it is asked for.

        Raises:
            ConfigError: There is no such conf source or env.
        """
        return ConfigLoader(
            conf_source_of(self.conf_source, settings, project),
            env=self.env or os.environ.get(ENV_VARIABLE) or None,
            base_env=settings.config.base_env,
            default_env=settings.config.default_env,
            patterns=settings.config.patterns,
            resolvers=settings.config.resolvers,
            extra_params=self.extra_params,
            memo=memo,
            files=files,
        )

    def _book(
        self, project: Project, settings: Settings, config: ConfigLoader, masker: Masker, memo: Memo
    ) -> SessionBook:
        """Return where a session takes down what it knows; nothing is written before it is opened."""
        used: Collection[str] = ()
        with suppress(ConfigError):  # said when the context is loaded; here only secrets are looked for
            masker.learn_credentials(config.resolved("credentials"), fixed=True)
            used = config.variables()
        masker.learn_variables(os.environ, used)
        masker.learn(self.extra_params)
        record = session_record(project, settings, config, self.extra_params, self.origin or Origin())
        recorder = (
            Recorder(store_location(project, settings), root=project.root) if self.save_on_close else NullRecorder()
        )
        return SessionBook(record, recorder, masker, memo)


def open_session(make: Callable[[SessionCore], S], opening: Opening, project_path: str | Path | None) -> S:
    """Open a session, as :meth:`ipyproject.Session.create` says.

    Args:
        make: Makes the session that users hold, of its core.
        opening: What is asked for.
        project_path: A folder in the project. By default the current project, else the one found upward from the
            working directory.

    Raises:
        ProjectError: The project, its settings or its configuration can't be used; no session was opened.
    """
    made: list[SessionCore] = []  # known from the first moment on: an interrupt may come at any

    def noted(core: SessionCore) -> S:
        made.append(core)
        return make(core)

    def prepared() -> S:
        interrupts.let_through()
        if project_path is not None or not current.has_project():
            project = found_project(project_path, trust=project_path is not None)
            settings = make_current(project)
        else:
            project = current.current_project()
            settings = load_settings(project)
        return opening.prepare(noted, project, settings, Memo())

    with unchanged_on_failure() as interrupts:
        try:
            session = interrupts.let(prepared)
            made[0].begin()
            interrupts.let_through()
        except BaseException as error:
            for core in made:
                interrupts.let(partial(core.close, error))
            raise
    return session


def conf_source_of(asked_for: str | Path | None, settings: Settings, project: Project) -> Path:
    """Return the folder or archive with the configuration: the one asked for, that of the settings, the project's.

    Raises:
        ConfigError: It is no path.
    """
    try:
        if asked_for is not None:
            return Path(asked_for).expanduser().resolve()
        if settings.conf_source is not None:
            return project.root / Path(settings.conf_source).expanduser()
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"The conf source {str(asked_for or settings.conf_source)!r} can't be used: {error}.", "Give another path."
        ) from None
    return project.conf_source
