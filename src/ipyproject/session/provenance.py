"""Where a session's results come from: code, configuration and process; and what its nodes wrote, in a few words."""

from __future__ import annotations

import sys
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ipyproject.history import SessionRecord, new_id, process_info
from ipyproject.history.facts.environment import recorded_environment
from ipyproject.history.facts.git import git_state, start_git_state
from ipyproject.history.values import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ipyproject.config import ConfigLoader
    from ipyproject.history.facts.background import Finding
    from ipyproject.history.facts.git import GitState
    from ipyproject.project import Project
    from ipyproject.runners import Runner
    from ipyproject.session.origin import Origin
    from ipyproject.settings import Settings


def summarize(data: Any) -> dict[str, Any]:
    """Return the type of some data and, where it tells them cheaply, its shape, length and size in bytes.

    Never raises: data may be anything, and a record is no reason to fail a run.
    """
    found: dict[str, Any] = {"type": type(data).__name__}
    try:
        shape = getattr(data, "shape", None)
        if isinstance(shape, tuple):
            found["shape"] = [int(size) for size in shape]
        elif hasattr(type(data), "__len__"):
            found["length"] = len(data)
        nbytes = getattr(data, "nbytes", None)
        if isinstance(nbytes, int):
            found["bytes"] = nbytes
    except Exception:  # noqa: BLE001 - see above
        return found
    return found


def runner_options(runner: Runner) -> dict[str, Any]:
    """Return the public attributes of a runner, as a record holds them: what it was made with, as far as it tells.

    Never raises, as `summarize`.
    """
    try:
        named = [each.name for each in fields(runner)] if is_dataclass(runner) else vars(runner)
        options: dict[str, Any] = jsonable({name: getattr(runner, name) for name in named if not name.startswith("_")})
    except Exception:  # noqa: BLE001 - a runner of the project's own
        return {}
    return options


def session_record(
    project: Project,
    settings: Settings,
    config: ConfigLoader,
    extra_params: Mapping[str, Any],
    origin: Origin,
) -> SessionRecord:
    """Return what is known of a session as it opens."""
    path = config.conf_source  # recorded relative to the project where it lies in it: it means the same in a clone
    return SessionRecord(
        session_id=new_id(),
        project=project.project_name,
        package_name=project.package_name,
        project_root=str(project.root),
        env=config.env,
        start=datetime.now(UTC),
        conf_source=path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else str(path),
        extra_params=dict(extra_params),
        started_by=origin.started_by,
        invocation=dict(origin.invocation),
        replay_of=origin.replay_of,
        ipyproject_version=installed_version("ipyproject"),
        package_version=installed_version(project.package_name),
        environment=recorded_environment(settings.session_environment),
        **process_info(),
    )


def code_version(project: Project, conf_source: Path) -> GitState:
    """Return what git says of the files that determine a run: code, configuration and ``pyproject.toml``."""
    return git_state(_place_of_code(project), _determining(project, conf_source))


def start_code_version(project: Project, conf_source: Path, then: Callable[[GitState], object]) -> Finding[GitState]:
    """Ask for the `code_version` beside the main path.

    Args:
        project: The project.
        conf_source: Where its configuration comes from.
        then: Called in a thread with what is known.
    """
    return start_git_state(_place_of_code(project), then, paths=_determining(project, conf_source))


def _place_of_code(project: Project) -> Path:
    """The folder whose repository counts: that of the project, unless its code lies elsewhere."""
    source = project.source_dir
    return project.root if source is None or source.is_relative_to(project.root) else source


def _determining(project: Project, conf_source: Path) -> tuple[Path, ...]:
    """What determines a run; what it writes is not among it."""
    return project.source_dir or project.package_dir, conf_source, project.root / "pyproject.toml"


def installed_version(package_name: str) -> str | None:
    """Return the version that a loaded package says it has."""
    said = getattr(sys.modules.get(package_name), "__version__", None)
    return said if isinstance(said, str) else None
