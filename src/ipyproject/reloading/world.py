"""Which modules there are, and how packages lead to them: what a reload changes, and puts back if it fails."""

from __future__ import annotations

import builtins
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import resolve_name
from threading import get_ident
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_MISSING = object()


@dataclass(frozen=True, slots=True)
class World:
    """Modules by name, and the attributes by which their packages have them, at one moment.

    Module objects are never emptied: whoever holds one of an old world goes on with it, whole.
    """

    modules: Mapping[str, Any]
    attributes: Mapping[tuple[str, int], tuple[ModuleType, Any]]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Take down how things are for some names, whether they are loaded or not."""
        modules, attributes = {}, {}
        for name in names:
            if name in sys.modules:
                modules[name] = sys.modules[name]
            parent, _, short = name.rpartition(".")
            package = sys.modules.get(parent)
            if isinstance(package, ModuleType):
                attributes[name, id(package)] = package, vars(package).get(short, _MISSING)
        return cls(modules, attributes)

    def put_in_place_of(self, other: World) -> None:
        """Let it be as it was here, for all that is known here or in another world."""
        for name in other.modules.keys() - self.modules.keys():
            sys.modules.pop(name, None)
        for name, module in self.modules.items():
            if sys.modules.get(name, _MISSING) is not module:
                sys.modules[name] = module
        for (name, _), (package, value) in self.attributes.items():
            short = name.rpartition(".")[2]
            if value is _MISSING:
                vars(package).pop(short, None)
            else:
                vars(package)[short] = value


class Bridges:
    """Lets the threads that are at work go on in the old world, while stale modules are imported anew.

    Stale modules leave ``sys.modules`` and packages that stay; threads that were at work before find the old ones
    there, and by imports, until the new ones are ready.

    Args:
        stale: The stale modules by name.
    """

    def __init__(self, stale: Mapping[str, Any]) -> None:
        self._stale = stale
        self._bystanders = sys._current_frames().keys() - {get_ident()}  # noqa: SLF001 - documented
        self._crossed: list[tuple[ModuleType, type[ModuleType]]] = []
        children: dict[str, dict[str, Any]] = {}
        for name, module in stale.items():
            parent, _, short = name.rpartition(".")
            package = sys.modules.get(parent)
            if parent not in stale and isinstance(package, ModuleType) and vars(package).get(short) is module:
                children.setdefault(parent, {})[short] = module
        self._import = builtins.__import__
        if self._bystanders:
            builtins.__import__ = self._import_for_all
        for name, old in children.items():
            package = sys.modules[name]
            kind = type(package)
            with suppress(TypeError):  # a type that can't be changed: to all threads they are gone for that while
                package.__class__ = _bridging(kind, old, self._bystanders)
                self._crossed.append((package, kind))
            for short in old:
                del vars(package)[short]
        for name in stale:
            del sys.modules[name]

    def take_down(self) -> None:
        """Let imports and packages be what they were."""
        if builtins.__import__ == self._import_for_all:
            builtins.__import__ = self._import
        while self._crossed:
            package, kind = self._crossed.pop()
            package.__class__ = kind

    def _import_for_all(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names of the built-in function
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if get_ident() in self._bystanders:
            package = str((globals or {}).get("__package__") or "")
            full = resolve_name("." * level + name, package) if level and package else name
            if full in self._stale:
                return self._stale[full] if fromlist else self._old(full.partition(".")[0])
        return self._import(name, globals, locals, fromlist, level)

    def _old(self, name: str) -> Any:
        return self._stale[name] if name in self._stale else sys.modules[name]


def _bridging(kind: type[ModuleType], old: Mapping[str, Any], bystanders: Collection[int]) -> type[ModuleType]:
    class Bridging(kind):  # type: ignore[valid-type, misc]  # whatever type the module has
        __slots__ = ()
        __bridged__ = kind

        def __getattr__(self, name: str) -> Any:
            """Answer for what is not there."""
            if name in old and get_ident() in bystanders:
                return old[name]
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    return Bridging
