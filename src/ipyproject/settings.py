"""What ``<package>/settings.py`` may say: validated once, frozen, passed in."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from ipyproject.errors import SettingsError, did_you_mean, format_error
from ipyproject.importing import import_project_module

if TYPE_CHECKING:
    from ipyproject.project import Project

KEEP = "RELOAD_KEEP"
_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ConfigSettings:
    """The ``CONFIG`` mapping.

    Attributes:
        base_env: The folder under the conf source that every environment builds on.
        default_env: The environment where none is asked for.
        patterns: Kind of configuration -> the file patterns that replace its default ones.
        resolvers: Name -> function for ``${name:...}`` references.
    """

    base_env: str = "base"
    default_env: str = "local"
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)
    resolvers: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that ``settings.py`` decides.

    Attributes:
        hooks: Objects with hook implementations (``HOOKS``).
        disable_hooks_for_plugins: Names of installed distributions whose hooks stay out
            (``DISABLE_HOOKS_FOR_PLUGINS``).
        conf_source: Where the configuration lies, relative to the project's root (``CONF_SOURCE``).
        config: How it is read (``CONFIG``).
        session_store: Path or URL of the session store (``SESSION_STORE``), which ``pyproject.toml`` may say instead.
        session_environment: Names and patterns (``AWS_*``) of environment variables that sessions record beside
            ``IPYPROJECT_*`` (``SESSION_ENVIRONMENT``).
        runner: The runner's name or its class (``RUNNER``).
        reload_keep: Modules that a reload leaves as they are, whatever happens, with those below them
            (``RELOAD_KEEP``).
    """

    hooks: tuple[object, ...] = ()
    disable_hooks_for_plugins: tuple[str, ...] = ()
    conf_source: str | None = None
    config: ConfigSettings = field(default_factory=ConfigSettings)
    session_store: str | None = None
    session_environment: tuple[str, ...] = ()
    runner: str | type = "sequential"
    reload_keep: tuple[str, ...] = ()


def load_settings(project: Project) -> Settings:
    """Read the settings of a project; those of a project without ``settings.py`` are the defaults.

    Raises:
        SettingsError: An upper-case name is unknown, has a value of the wrong type, or says something else than
            ``pyproject.toml``.
        ProjectCodeError: The module does not compile or raises.
    """
    name = f"{project.package_name}.settings"
    module = import_project_module(name, project, optional=True)
    if module is None:
        return Settings()
    where = getattr(module, "__file__", None) or name
    if Path(where).is_relative_to(project.root):
        where = Path(where).relative_to(project.root).as_posix()
    values: dict[str, Any] = {}
    for key, value in vars(module).items():
        if not key.isupper() or key.startswith("_"):
            continue
        if key not in _READERS:
            if callable(value) or isinstance(value, ModuleType):
                continue  # a class or a module with a name like SQL was imported or defined, not set
            raise SettingsError(f"{where}: unknown setting {key}.", did_you_mean(key, _READERS, "Known settings"))
        values[key.lower()] = _READERS[key](value, f"{where}: {key}")
    if project.session_store not in {None, values.get("session_store", project.session_store)}:
        raise SettingsError(
            f"{where}: SESSION_STORE is another store than session_store in pyproject.toml.", "Keep one of them."
        )
    return Settings(**values)


def reload_keep(project: Project) -> tuple[str, ...]:
    """Return what ``RELOAD_KEEP`` says, before ``settings.py`` is executed: by then it is too late to keep a module.

    It is read where it is written as a tuple or a list of texts. Anything else counts as it was when the settings were
    executed last.
    """
    file = project.package_dir / "settings.py"
    try:
        source = file.read_bytes()
        tree = ast.parse(source) if KEEP.encode() in source else None
    except (OSError, SyntaxError, ValueError):
        tree = None
    for statement in reversed(tree.body) if tree is not None else ():
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == KEEP for target in targets):
            try:
                return _texts(ast.literal_eval(getattr(statement, "value")), KEEP)  # noqa: B009 - either kind has it
            except (ValueError, TypeError, SettingsError):
                return _texts(getattr(sys.modules.get(f"{project.package_name}.settings"), KEEP, ()), KEEP)
    return ()


def _text(value: object, where: str) -> str:
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{where} must be a text, not {value!r}.", "Mend the value.")
    return value


def _hooks(value: object, where: str) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise SettingsError(f"{where} must be a tuple of hook objects, not {value!r}.", "Write (MyHooks(),).")
    try:
        hooks = tuple(value)
    except Exception as error:  # a generator of the project's own
        raise SettingsError(f"{where} can't be read: {format_error(error)}", "Mend the value.") from error
    for hook in hooks:
        if isinstance(hook, type):
            raise SettingsError(
                f"{where} holds the class {hook.__name__}, not an instance of it.", f"Write {hook.__name__}()."
            )
    return hooks


def _texts(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise SettingsError(f"{where} must be a list of texts, not {value!r}.", 'Write ["..."].')
    return tuple(_text(item, where) for item in value)


def _runner(value: object, where: str) -> str | type:
    return value if isinstance(value, type) else _text(value, where)


def _config(value: object, where: str) -> ConfigSettings:
    values = _mapping(value, where)
    readers: dict[str, Callable[[object, str], Any]] = {
        "base_env": _folder,
        "default_env": _folder,
        "patterns": _patterns,
        "resolvers": _resolvers,
    }
    for key in values:
        if key not in readers:
            raise SettingsError(f"{where} has an unknown key {key!r}.", did_you_mean(str(key), readers, "Known keys"))
    return ConfigSettings(**{key: readers[key](item, f"{where}[{key!r}]") for key, item in values.items()})


def _folder(value: object, where: str) -> str:
    name = _text(value, where)
    if name.startswith(".") or set(name) & set("/\\\0"):
        raise SettingsError(f"{where} must be the name of a folder under conf/, not {value!r}.", "Mend the value.")
    return name


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be a mapping, not {value!r}.", "Write {...}.")
    return value


def _patterns(value: object, where: str) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({key: _texts(item, f"{where}[{key!r}]") for key, item in _mapping(value, where).items()})


def _resolvers(value: object, where: str) -> Mapping[str, Callable[..., Any]]:
    resolvers = dict(_mapping(value, where))
    for key, item in resolvers.items():
        if not callable(item):
            raise SettingsError(f"{where}[{key!r}] must be a function, not {item!r}.", "Mend the value.")
    return MappingProxyType(resolvers)


_READERS: dict[str, Callable[[object, str], Any]] = {
    "HOOKS": _hooks,
    "DISABLE_HOOKS_FOR_PLUGINS": _texts,
    "CONF_SOURCE": _text,
    "CONFIG": _config,
    "SESSION_STORE": _text,
    "SESSION_ENVIRONMENT": _texts,
    "RUNNER": _runner,
    KEEP: _texts,
}
