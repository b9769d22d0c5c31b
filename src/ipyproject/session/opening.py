"""Make a session out of a project, its settings and what was asked for."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipyproject.config import ConfigLoader
from ipyproject.errors import ConfigError
from ipyproject.history import NullRecorder, Recorder
from ipyproject.history.environment import kept_environment
from ipyproject.history.project_store import store_location
from ipyproject.session.facts import session_record
from ipyproject.session.origin import Origin
from ipyproject.session.record import SessionBook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipyproject.context import FrozenParams
    from ipyproject.history.values import ParameterDocument
    from ipyproject.hooks import HookManager
    from ipyproject.masking import Masker
    from ipyproject.project import Project
    from ipyproject.settings import Settings

ENV_VARIABLE = "IPYPROJECT_ENV"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a session leaves to the next one on its project, which makes nothing again that is the same.

    Attributes:
        config: Its configuration.
        masker: Knows the secrets of that.
        hooks: Its hooks.
        params: Its context's parameters; None if it has loaded none.
        files_unchanged: No file of the configuration has changed since it was opened.
        document: Its parameters as its record has them.
    """

    config: ConfigLoader
    masker: Masker
    hooks: HookManager
    params: FrozenParams | None
    files_unchanged: bool
    document: ParameterDocument | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """What is asked for when a session is opened; see :meth:`Session.create`."""

    save_on_close: bool = True
    env: str | None = None
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    conf_source: str | Path | None = None
    origin: Origin = field(default_factory=Origin)

    def config(self, project: Project, settings: Settings, kept: Kept | None) -> ConfigLoader:
        """Return the configuration of the project as it is asked for.

        Args:
            project: The project.
            settings: Its settings.
            kept: What there is of the session before.

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
            previous=kept.config if kept is not None else None,
            files_unchanged=kept is not None and kept.files_unchanged,
        )

    def book(
        self, project: Project, settings: Settings, config: ConfigLoader, masker: Masker, kept: Kept | None = None
    ) -> SessionBook:
        """Return where a session takes down what it knows; nothing is written before it is opened."""
        masker.learn(self.extra_params)
        masker.learn({name: os.environ[name] for name in kept_environment(settings.session_environment)})
        with suppress(ConfigError):  # said when the context is loaded; here only secrets are looked for
            masker.learn_credentials(config.resolved("credentials"), fixed=True)
        record = session_record(project, settings, config, self.extra_params, self.origin)
        recorder = Recorder(store_location(settings), root=project.root) if self.save_on_close else NullRecorder()
        return SessionBook(record, recorder, masker, kept.document if kept is not None else None)


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
