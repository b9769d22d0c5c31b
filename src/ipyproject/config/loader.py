"""The configuration of one env, by kind: ``loader["parameters"]``, ``loader["catalog"]``, ``loader["spark"]``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from ipyproject.config.interpolation import Kind, has_reference, resolve_references
from ipyproject.config.layers import (
    MISSING_MARK,
    REFERENCE_MARK,
    RUNTIME_MARK,
    Layer,
    Layers,
    is_template,
    locate,
    merge_layers,
)
from ipyproject.config.lookups import GlobalsLookup, RuntimeLookup
from ipyproject.config.parameters import merge_params
from ipyproject.config.paths import MISSING_VALUE, KeyPath, copy_data, dotted, leaves
from ipyproject.config.source import open_source
from ipyproject.errors import ConfigError, UnknownEnvError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

STANDARD_KINDS = ("parameters", "catalog", "credentials", "globals")
_KIND_NAME = re.compile(r"\w[\w.-]*")


class ConfigLoader(Mapping[str, dict[Any, Any]]):
    """A mapping from kind to that kind's configuration: ``conf/base``, with ``conf/<env>`` over it, resolved.

    Parameters merge deeply; of every other kind the env's top-level keys replace those of the base whole. Top-level
    keys that begin with ``_`` are templates: references see them, the result does not hold them. Each file is read
    once, when its kind is first asked for. What ``loader[kind]`` returns is a fresh copy, the caller's to change.

    Args:
        conf_source: The conf folder, or a ``.zip`` or ``.tar.gz`` of one.
        env: The folder over the base; `default_env` when None.
        base_env: The folder that is always read.
        default_env: The env in force when none is named; its folder need not exist.
        patterns: File patterns of a kind, in place of ``<kind>*``, ``<kind>*/**`` and ``**/<kind>*``; relative to the
            env folder, without suffix.
        resolvers: Functions behind ``${name:...}`` references, beside OmegaConf's own, `globals` and `runtime_params`.
        extra_params: Merged deeply over the parameters, before references are resolved.

    Raises:
        ConfigError: The conf source or its base folder is not there.
        UnknownEnvError: It has no folder for `env`.
    """

    def __init__(
        self,
        conf_source: Path,
        *,
        env: str | None = None,
        base_env: str = "base",
        default_env: str = "local",
        patterns: Mapping[str, Sequence[str]] | None = None,
        resolvers: Mapping[str, Callable[..., Any]] | None = None,
        extra_params: Mapping[str, Any] | None = None,
    ) -> None:
        self.conf_source = conf_source.absolute()
        self.env = default_env if env is None else env
        self._base_env = base_env
        self._patterns = {kind: tuple(globs) for kind, globs in (patterns or {}).items()}
        self._resolvers = dict(resolvers or {})
        self._extra_params = merge_params({}, extra_params or {})
        self._source = open_source(self.conf_source, base_env)
        self._layers = Layers(self._source, self._folders(default_env), self._patterns)
        self._resolved: dict[str, dict[Any, Any]] = {}

    def _folders(self, default_env: str) -> list[str]:
        there = self._source.folders()
        if self.env in there:
            return list(dict.fromkeys((self._base_env, self.env)))
        if self.env == default_env and _is_folder_name(self.env):
            return [self._base_env]  # a fresh clone has no conf/local
        raise UnknownEnvError(
            f"The conf source {self.conf_source} has no env {self.env!r}.",
            did_you_mean(self.env, {*self.known_envs(), default_env}, "Known envs"),
        )

    def known_envs(self) -> list[str]:
        """Return the names of the envs that have a folder, sorted."""
        return [folder for folder in self._source.folders() if folder != self._base_env]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.conf_source)!r}, env={self.env!r})"

    def __getitem__(self, kind: str) -> dict[Any, Any]:
        """Return a kind's configuration, a fresh copy.

        Raises:
            ConfigError: A file or a reference can't be read, or no file is of that kind.
        """
        return dict(copy_data(self._read(kind)))

    def __contains__(self, kind: object) -> bool:
        """Tell whether the kind is one of the standard ones, or has a file."""
        if not isinstance(kind, str) or not _KIND_NAME.fullmatch(kind):
            return False
        return kind in STANDARD_KINDS or self._layers.has_files(kind)

    def __iter__(self) -> Iterator[str]:
        """Yield the standard kinds, then those of `patterns` that have a file."""
        return (kind for kind in dict.fromkeys((*STANDARD_KINDS, *self._patterns)) if kind in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, kind: str, default: Any = None) -> Any:
        """Return a kind's configuration, or `default` when no file is of that kind."""
        return self[kind] if kind in self else default  # noqa: SIM401 - that would call itself

    def origin(self, kind: str, key: Any) -> str | None:
        """Return the file that gave a top-level key, as in ``conf/local/catalog.yml``; None when no file has it."""
        return locate(self._layers.stack(kind), (key,))

    def file_hashes(self, kind: str) -> dict[str, str]:
        """Return each file of a kind with the beginning of its SHA-256: ``conf/base/parameters.yml`` -> 16 digits.

        Raises:
            ConfigError: A file can't be read.
        """
        return {name: digest for layer in self._layers.stack(kind) for name, digest in layer.hashes.items()}

    @property
    def extra_params(self) -> dict[str, Any]:
        """The parameters merged over those of the files, nested; a fresh copy."""
        return merge_params({}, self._extra_params)

    def with_extra_params(self, extra: Mapping[str, Any]) -> ConfigLoader:
        """Return a loader of the same files, with `extra` merged deeply over this one's extra parameters."""
        other = copy(self)
        other._extra_params = merge_params(self._extra_params, extra)  # noqa: SLF001 - one of this class
        other._resolved = {  # noqa: SLF001
            kind: values
            for kind, values in self._resolved.items()
            if kind != "parameters" and not _marked(self._layers.stack(kind), RUNTIME_MARK)
        }
        return other

    def _read(self, kind: str) -> dict[Any, Any]:
        if kind not in self._resolved:
            if kind not in self:
                looked_for = ", ".join(self._layers.patterns(kind)) if _KIND_NAME.fullmatch(kind) else "nothing"
                raise ConfigError(
                    f"No configuration of the kind {kind!r} in {self.conf_source} (looked for {looked_for}).",
                    "Add such a file (.yml, .yaml, .json, .toml), or its patterns to CONFIG in settings.py.",
                )
            stack = self._layers.stack(kind)
            if kind == "parameters" and self._extra_params:
                stack = [*stack, _runtime_layer(self._extra_params)]
            self._resolved[kind] = self._resolve(kind, stack)
        return self._resolved[kind]

    def _resolve(self, kind: str, stack: Sequence[Layer]) -> dict[Any, Any]:
        def origin(path: KeyPath) -> str:
            # A path through a reference stands in no file; what it begins with does.
            return locate(stack, path) or locate(stack, path[:1]) or kind

        values = merge_layers(stack, deep=kind == "parameters")
        wanted = [key for key in values if not is_template(key)]
        if _marked(stack, MISSING_MARK):
            _refuse_missing({key: values[key] for key in wanted}, origin)
        if not _marked(stack, REFERENCE_MARK):
            return {key: values[key] for key in wanted}
        runtime = RuntimeLookup(None if kind == "globals" else self._extra_params)
        resolvers: dict[str, Callable[..., Any]] = {
            **self._resolvers,
            "globals": GlobalsLookup(lambda: self._globals(kind)),
            "runtime_params": runtime,
        }
        check = runtime.refuse_class if kind == "catalog" else _accept
        return resolve_references(values, Kind(resolvers, origin, check), wanted)

    def _globals(self, asking: str) -> dict[Any, Any]:
        if asking == "globals":
            raise ConfigError("globals refer to each other by ${key}, not ${globals:key}")
        return self._read("globals")


def _is_folder_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and not set(name) & set("/\\\0")


def _runtime_layer(extra_params: Mapping[str, Any]) -> Layer:
    marks = {MISSING_MARK, REFERENCE_MARK} if has_reference(dict(extra_params)) else {MISSING_MARK}
    return Layer(dict(extra_params), dict.fromkeys(extra_params, "the parameters given at run time"), frozenset(marks))


def _marked(stack: Sequence[Layer], mark: bytes) -> bool:
    return any(mark in layer.marks for layer in stack)


def _accept(path: KeyPath, value: Any) -> None:
    """Let every resolved value pass."""


def _refuse_missing(values: Mapping[Any, Any], origin: Callable[[KeyPath], str]) -> None:
    for path, value in leaves(values):
        if isinstance(value, str) and value == MISSING_VALUE:
            raise ConfigError(
                f"{origin(path)}: {dotted(path)} has no value yet ({MISSING_VALUE!r}).",
                "Give it one in a file of the env in force, or, for a parameter, with --params.",
            )
