"""What the modules of installed libraries hold: if a project's module holds it too, it is theirs all the same."""

from __future__ import annotations

import sys
import sysconfig
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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
            module = sys.modules.get(name)
            if not isinstance(module, types.ModuleType) or not _is_library(vars(module)):
                continue
            for key, value in list(vars(module).items()):
                if not isinstance(value, _NO_STATE) and key != "__builtins__":
                    self._names[id(value)] = name, key

    def have(self, value: Any) -> bool:
        """Whether an object is a library's."""
        name, key = self._names.get(id(value), ("", ""))
        return name != "" and getattr(sys.modules.get(name), "__dict__", {}).get(key) is value


def outside_modules(own: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield the namespaces of modules that are neither the project's nor a library's: scripts, helpers beside it."""
    for name, module in list(sys.modules.items()):
        if name not in own and isinstance(module, types.ModuleType) and not _is_library(vars(module)):
            yield vars(module)


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
