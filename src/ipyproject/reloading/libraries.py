"""What the modules of installed libraries hold: if a project's module holds it too, it is theirs all the same."""

from __future__ import annotations

import sys
import sysconfig
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipyproject.reloading.parts import attributes_of, namespace_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_PLACES = (
    *{sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parents[1]),
)
_NO_STATE = (
    int,
    str,
    bytes,
    float,
    bool,
    type(None),
    tuple,
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
)


class Libraries:
    """Knows the objects under the names of libraries' modules, as ``os.environ`` or ``matplotlib.rcParams``.

    A module is looked through once; of its objects only the names are kept.
    """

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, str]] = {}
        self._seen: dict[str, bool] = {}  # name of a module -> whether it is a library's

    def look(self) -> None:
        """Look through the libraries' modules that were loaded since the last look: often, so from the newest on."""
        for name in list(reversed(sys.modules)):
            if name in self._seen:
                if self._seen[name]:
                    return
                continue
            module: Any = sys.modules.get(name)
            self._seen[name] = issubclass(type(module), types.ModuleType) and _is_library(namespace_of(module))
            if self._seen[name]:
                self._take(name, namespace_of(module))

    def _take(self, name: str, namespace: Mapping[str, Any]) -> None:
        for key, value in list(namespace.items()):
            is_closure = type(value) is types.FunctionType and value.__closure__ is not None
            if (is_closure or not issubclass(type(value), _NO_STATE)) and key != "__builtins__":
                self._names[id(value)] = name, key

    def have(self, value: Any) -> bool:
        """Whether an object is a library's."""
        known = self._names.get(id(value))
        return known is not None and (attributes_of(sys.modules.get(known[0])) or {}).get(known[1]) is value


def outside_modules(own: Collection[str], held: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the namespaces of modules that are neither the project's nor a library's: scripts, helpers beside it.

    Args:
        own: Names of the project's modules.
        held: Modules of which something must be held there.
    """
    namespaces = [vars(module) for module in held.values() if isinstance(module, types.ModuleType)]
    objects = {id(module) for module in held.values()}
    objects |= {
        id(value)
        for namespace in namespaces
        for key, value in list(namespace.items())
        if key != "__builtins__" and _is_of(value, held)
    }
    for name, module in list(sys.modules.items()):
        if name not in own and isinstance(module, types.ModuleType) and not _is_library(vars(module)):
            values = list(vars(module).values())
            if any(id(value) in objects or id(type(value)) in objects for value in values):
                yield vars(module)


def _is_of(value: Any, modules: Mapping[str, Any]) -> bool:
    """Whether an object that a module holds may be its own, and is no value that many share."""
    kind = type(value)
    if issubclass(kind, (type, types.FunctionType)):
        return value.__module__ in modules
    return not issubclass(kind, _NO_STATE)


def _is_library(namespace: dict[str, Any]) -> bool:
    file = namespace.get("__file__")
    if isinstance(file, str):
        return file.startswith(_PLACES)
    return getattr(namespace.get("__spec__"), "origin", None) in {"built-in", "frozen"}
