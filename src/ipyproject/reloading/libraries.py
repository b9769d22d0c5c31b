"""What the modules of installed libraries hold: if a project's module holds it too, it is theirs all the same."""

from __future__ import annotations

import sys
import sysconfig
import types
from typing import Any

from ipyproject.reloading.parts import attributes_of, namespace_of

_PLACES = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
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
        self._seen: set[str] = set()

    def look(self) -> None:
        """Look through the modules that were loaded since the last look."""
        new = sys.modules.keys() - self._seen
        self._seen |= new
        for name in new:
            module: Any = sys.modules.get(name)
            if not issubclass(type(module), types.ModuleType) or not _is_library(namespace_of(module)):
                continue
            for key, value in list(namespace_of(module).items()):
                is_closure = type(value) is types.FunctionType and value.__closure__ is not None
                if (is_closure or not issubclass(type(value), _NO_STATE)) and key != "__builtins__":
                    self._names[id(value)] = name, key

    def have(self, value: Any) -> bool:
        """Whether an object is a library's."""
        known = self._names.get(id(value))
        return known is not None and (attributes_of(sys.modules.get(known[0])) or {}).get(known[1]) is value


def _is_library(namespace: dict[str, Any]) -> bool:
    file = namespace.get("__file__")
    return (
        file.startswith(_PLACES)
        if isinstance(file, str)
        else getattr(namespace.get("__spec__"), "origin", None)
        in {
            "built-in",
            "frozen",
        }
    )
