"""What a project is, and where one is found: pure reading, nothing is imported or changed."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipyproject.errors import MetadataError, ProjectNotFoundError, did_you_mean, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA_FILE = "pyproject.toml"
TABLE = "ipyproject"
CONF_FOLDER = "conf"
_KNOWN_KEYS = ("package_name", "project_name", "source_dir", "session_store")
_BRING_BACK = (
    f"Bring its files back (with at least an __init__.py), or set package_name and source_dir under [tool.{TABLE}]."
)


@dataclass(frozen=True, slots=True)
class Project:
    """A project, as its ``pyproject.toml`` or its installed package tells.

    Attributes:
        root: The project's folder; relative paths in its catalog start here.
        package_name: The importable package with ``settings`` and ``pipeline_registry``.
        project_name: The name shown to people.
        source_dir: The folder on ``sys.path`` that holds the package; None when the package is installed.
        package_dir: The package's own folder.
        conf_source: The folder with ``base`` and the other environments, before ``settings.py`` or an argument
            says otherwise.
        session_store: Path or URL of the session store, where ``pyproject.toml`` says it.
    """

    root: Path
    package_name: str
    project_name: str
    source_dir: Path | None
    package_dir: Path
    conf_source: Path
    session_store: str | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What looking at a project's sessions needs to know of it; its package may be missing or broken.

    Attributes:
        root: The project's folder.
        project_name: The name shown to people; None where only the missing package would tell.
        session_store: As of a `Project`.
    """

    root: Path
    project_name: str | None
    session_store: str | None


def find_project(start: str | Path | None = None) -> Path:
    """Return the root of the project that a folder lies in.

    Args:
        start: A folder (or a file) in the project; the working directory by default.

    Returns:
        The nearest folder, from ``start`` upward, whose ``pyproject.toml`` has a ``[tool.ipyproject]`` table.

    Raises:
        ProjectNotFoundError: There is none; the message names a ``pyproject.toml`` that lacks the table.
        MetadataError: A ``pyproject.toml`` on the way can't be read.
    """
    folder = existing_folder(start)
    without_table: Path | None = None
    for candidate in (folder, *folder.parents):
        file = candidate / METADATA_FILE
        if not file.is_file():
            continue
        if _table(read_toml(file)) is not None:
            return candidate
        without_table = without_table or file
    if without_table is not None:
        raise ProjectNotFoundError(
            f"{without_table} has no [tool.{TABLE}] table, so {folder} is not in a project.",
            f"Add the line [tool.{TABLE}] to it (an empty table is enough), or give the path of a project.",
        )
    raise ProjectNotFoundError(
        f"No project at {folder} or above it.",
        f"Give the path of a folder with a {METADATA_FILE} that has a [tool.{TABLE}] table.",
    )


def working_directory() -> Path:
    """Return the working directory.

    Raises:
        ProjectNotFoundError: It was deleted.
    """
    try:
        return Path.cwd()
    except OSError:
        raise ProjectNotFoundError("The working directory is gone.", "Change into a folder that exists.") from None


def existing_folder(start: str | Path | None) -> Path:
    """Return where a search for a project begins, resolved; the working directory by default.

    Raises:
        ProjectNotFoundError: It is not there.
    """
    if start is None:
        return working_directory()
    try:
        folder = Path(start).expanduser().resolve()
        there = folder.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, nobody's home, a NUL in it
        raise ProjectNotFoundError(
            f"{shortened(str(start), 100)!r} is no folder that can be used: {shortened(str(error), 100)}.",
            "Give the path of a project, or of a folder in it.",
        ) from None
    if not there:
        raise ProjectNotFoundError(f"No such folder: {folder}.", "Give the path of a project, or of a folder in it.")
    return folder


def read_project(root: Path) -> Project:
    """Read a project's metadata.

    Args:
        root: A folder whose ``pyproject.toml`` has a ``[tool.ipyproject]`` table.

    Raises:
        MetadataError: The file is broken, a key is unknown or of the wrong type, or the package can't be told.
    """
    file = root / METADATA_FILE
    table, distribution = _table_and_name(file)
    source_dir = _source_dir(root, table, file)
    package_name = table.get("package_name") or _only_package(source_dir, distribution, file)
    _check_name(package_name, file)
    package = source_dir.joinpath(*package_name.split("."))
    if not (package.is_dir() or package.with_suffix(".py").is_file()):
        raise MetadataError(
            f"{file}: there is no package {package_name!r} in {source_dir}.",
            "Create it, or set package_name (or source_dir) under "
            f"[tool.{TABLE}]. {did_you_mean(package_name, _packages(source_dir), 'Packages there')}",
        )
    if package.is_dir() and not _has_modules(package):
        raise MetadataError(f"{file}: the package folder {package} has no modules.", _BRING_BACK)
    return Project(
        root=root,
        package_name=package_name,
        project_name=table.get("project_name") or distribution or package_name,
        source_dir=source_dir,
        package_dir=package,
        conf_source=root / CONF_FOLDER,
        session_store=table.get("session_store"),
    )


def read_metadata(root: Path) -> Metadata:
    """Read as much of a project's metadata as looking at its sessions needs; nothing is executed.

    Args:
        root: As for `read_project`.

    Raises:
        MetadataError: The file is broken, or a key is unknown or of the wrong type.
    """
    file = root / METADATA_FILE
    table, distribution = _table_and_name(file)
    name = table.get("project_name") or distribution or table.get("package_name")
    if name is None:
        with suppress(MetadataError):
            name = _only_package(_source_dir(root, table, file), distribution, file)
    return Metadata(root, name, table.get("session_store"))


def _table_and_name(file: Path) -> tuple[dict[str, Any], str | None]:
    """Return our table, checked, and the name of the distribution."""
    content = read_toml(file)
    table = _table(content) or {}
    _check_keys(table, file)
    of_project = content.get("project")
    distribution = of_project.get("name") if isinstance(of_project, dict) else None
    return table, str(distribution) if distribution else None


def read_toml(file: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        MetadataError: It can't be read or is not TOML; the message carries the line.
    """
    import tomli

    try:
        return tomli.loads(file.read_text(encoding="utf-8"))
    except tomli.TOMLDecodeError as error:
        raise MetadataError(f"{file}, line {error.lineno}: {error.msg}.", "Mend the file and try again.") from None
    except RecursionError:
        raise MetadataError(f"{file} is nested too deeply.", "Mend the file and try again.") from None
    except (OSError, ValueError) as error:  # no UTF-8, or a number of more digits than Python takes
        raise MetadataError(f"{file} can't be read: {error}.", "Mend the file and try again.") from None


def _table(content: Mapping[str, Any]) -> dict[str, Any] | None:
    tool = content.get("tool")
    table = tool.get(TABLE) if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _check_keys(table: Mapping[str, Any], file: Path) -> None:
    for key, value in table.items():
        if key not in _KNOWN_KEYS:
            raise MetadataError(
                f"{file}: unknown key {key!r} under [tool.{TABLE}].", did_you_mean(key, _KNOWN_KEYS, "Known keys")
            )
        if not isinstance(value, str) or not value:
            raise MetadataError(f"{file}: {key} under [tool.{TABLE}] must be a text, not {value!r}.", "Mend the value.")


def _check_name(package_name: str, file: Path) -> None:
    top = package_name.partition(".")[0]
    if not all(part.isidentifier() for part in package_name.split(".")):
        raise MetadataError(
            f"{file}: package_name {package_name!r} can't be the name of a package.", "Write it as in import a.b."
        )
    if top in sys.stdlib_module_names:
        raise MetadataError(
            f"{file}: the package {package_name!r} has the name of a module of Python's own library.",
            "Rename the package: whoever imports that module would get yours.",
        )


def _source_dir(root: Path, table: Mapping[str, Any], file: Path) -> Path:
    if (named := table.get("source_dir")) is not None:
        folder: Path = root / named
        if "\0" in named or not folder.is_dir():
            raise MetadataError(f"{file}: source_dir {named!r} is no folder in {root}.", "Create it or mend the value.")
        return folder
    return root / "src" if (root / "src").is_dir() else root


def _only_package(source_dir: Path, distribution: str | None, file: Path) -> str:
    packages = _packages(source_dir)
    named_alike = distribution.replace("-", "_").replace(".", "_") if distribution else None
    if named_alike in packages:
        return named_alike
    if len(packages) == 1:
        return packages[0]
    if packages:
        raise MetadataError(
            f"{file}: several packages ({', '.join(packages)}) in {source_dir}.",
            f'Say which one is meant: package_name = "..." under [tool.{TABLE}].',
        )
    if named_alike and (folder := source_dir / named_alike).is_dir():
        what = "has no __init__.py, so it is no package" if _has_modules(folder) else "has no modules"
        raise MetadataError(f"{file}: the folder {folder} {what}.", _BRING_BACK)
    raise MetadataError(
        f"{file}: no package in {source_dir}.",
        f"Create one (a folder with an __init__.py), or set source_dir and package_name under [tool.{TABLE}].",
    )


def _has_modules(package: Path) -> bool:
    """Whether there is anything to import in a folder; what is left of compiled modules does not count."""
    suffixes = (*EXTENSION_SUFFIXES, ".py", ".pyc")
    return any(file.name.endswith(suffixes) and file.parent.name != "__pycache__" for file in package.rglob("*"))


def _packages(source_dir: Path) -> list[str]:
    return sorted(
        folder.name
        for folder in source_dir.iterdir()
        if folder.name.isidentifier() and (folder / "__init__.py").is_file()
    )
