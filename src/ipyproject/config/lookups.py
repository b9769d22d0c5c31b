"""The references that reach beyond a kind's own files: ``${globals:...}`` and ``${runtime_params:...}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ipyproject.config.paths import KeyPath, follow, key_paths, split_path
from ipyproject.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_REFERENCE = re.compile(r"(?<!\\)(\\*)\$\{")
_NO_DEFAULT: Any = object()
# Keys of a dataset's definition whose value is imported; `dataset` is the short form that partitioned datasets take.
_CLASS_KEYS = frozenset({"type", "dataset"})


class GlobalsLookup:
    """Answers ``${globals:a.b}`` and ``${globals:a.b,default}``.

    Args:
        read: Returns the globals, when first needed.
    """

    def __init__(self, read: Callable[[], Mapping[Any, Any]]) -> None:
        self._read = read

    def __call__(self, key: Any, default: Any = _NO_DEFAULT) -> Any:
        """Return the value at a dotted path, or the default."""
        values = self._read()
        found = follow(values, split_path(str(key)))
        if found.complete:
            return _literal(found.value)
        if default is not _NO_DEFAULT:
            return default
        raise ConfigError(
            f"${{globals:{key}}} is not in the globals", did_you_mean(str(key), key_paths(values), "Known globals")
        )


class RuntimeLookup:
    """Answers ``${runtime_params:a.b}`` and ``${runtime_params:a.b,default}``, and remembers that it was asked.

    Args:
        extra_params: The parameters given for the run; None where they can't be used (in globals).
    """

    def __init__(self, extra_params: Mapping[str, Any] | None) -> None:
        self._extra_params = extra_params
        self._asked = False

    def __call__(self, key: Any, default: Any = _NO_DEFAULT) -> Any:
        """Return the value at a dotted path, or the default."""
        if self._extra_params is None:
            raise ConfigError(
                "globals can't depend on the parameters of a run", "Refer to runtime_params where needed."
            )
        found = follow(self._extra_params, split_path(str(key)))
        if found.complete:
            self._asked = True
            return _literal(found.value)
        if default is not _NO_DEFAULT:
            return default
        raise ConfigError(
            f"${{runtime_params:{key}}} was not given for this run",
            f"Give it with --params {key}=..., or write a default: ${{runtime_params:{key},default}}.",
        )

    def refuse_class(self, path: KeyPath, value: Any) -> None:
        """Refuse a resolved value of a dataset's definition that lets a run's parameters choose what is imported.

        Args:
            path: Where the value stands in the catalog.
            value: What the reference gave, its own references not yet resolved.

        Raises:
            ConfigError: A run's parameter is, or holds, a dataset's ``type``.
        """
        if not self._asked:
            return
        self._asked = False
        inside_entry = len(path) > 1
        if (inside_entry and path[-1] in _CLASS_KEYS) or _holds_class(_to_container(value)):
            raise ConfigError(
                "parameters given at run time can't choose a dataset's type",
                "Write the type in the catalog, in conf/<env> where it differs.",
            )


def _literal(value: Any) -> Any:
    """Return what OmegaConf takes for `value` itself: a node, so that ``${a.b}`` can reach into it, ``${`` escaped."""
    if not isinstance(value, (dict, list)):
        return value
    from omegaconf import OmegaConf

    return OmegaConf.create(_escaped(value), flags={"allow_objects": True})


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return _REFERENCE.sub(r"\1\1\\${", value) if isinstance(value, str) else value


def _to_container(value: Any) -> Any:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _holds_class(value: Any) -> bool:
    if isinstance(value, dict):
        return not _CLASS_KEYS.isdisjoint(value) or any(_holds_class(inner) for inner in value.values())
    return isinstance(value, list) and any(_holds_class(inner) for inner in value)
