"""Names outside the project, in a notebook, that were bound to objects of modules which were executed anew."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

# Values that are shared by whoever writes them down: that a name is bound to one does not say where it came from.
_ATOMS = (int, float, complex, str, bytes, bool, type(None), tuple, frozenset, type(...), type(NotImplemented))

_DEFINED = (type, FunctionType, BuiltinFunctionType)  # their ``__module__`` is where they were defined


@dataclass(frozen=True, slots=True)
class Rebinding:
    """What was done to names.

    Attributes:
        rebound: Names that are bound to the successor of what they were bound to.
        gone: Names whose object has no successor: they are bound to the old one still.
        old_instances: Names bound to instances of classes that were executed anew: left alone.
        lost: Every name so far whose object was gone -> that object, and the module and attribute that it was.
    """

    rebound: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    old_instances: tuple[str, ...] = ()
    lost: Mapping[str, tuple[Any, tuple[str, str]]] = field(default_factory=dict, repr=False, compare=False)


class ImportedNames:
    """Where names of a notebook were imported from, the last binding of each counting.

    Attributes:
        modules: All modules that its import statements name.
    """

    def __init__(self) -> None:
        self._count = 0
        self._sources: dict[str, tuple[int, tuple[tuple[str, str], ...]]] = {}
        self._stars: list[tuple[int, str]] = []
        self.modules: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was imported yet."""
        return not self._count

    def take_import(self, module: str, attribute: str, name: str, *, is_choice: bool = False) -> None:
        """Take note of ``from module import attribute as name``; the attribute may be ``*``.

        Args:
            module: The module.
            attribute: What of it.
            name: What is bound.
            is_choice: It stands in a branch: what was taken note of before may be the one that was executed.
        """
        self._count += 1
        self.modules |= {module, f"{module}.{attribute}"}
        if attribute == "*":
            self._stars.append((self._count, module))
        else:
            before = self._sources.get(name, (0, ()))[1] if is_choice else ()
            self._sources[name] = (self._count, ((module, attribute), *before))

    def take_binding(self, name: str) -> None:
        """Take note that a name was bound otherwise: it is the user's now."""
        if self._count:
            self._count += 1
            self._sources[name] = (self._count, ())

    def starred(self) -> list[str]:
        """Return the modules that were imported with a star, in order."""
        return [module for _, module in self._stars]

    def sources(self, name: str, exports: Callable[[str, str], bool]) -> list[tuple[str, str]]:
        """Return the modules and attributes that a name may have been imported from, the last import first.

        Args:
            name: The name.
            exports: Whether a module gives a name to who imports all of it.
        """
        at, sources = self._sources.get(name, (0, ()))
        for since, module in reversed(self._stars):
            if since < at:
                break
            if exports(module, name):
                return [(module, name)]
        return list(sources)


def held_modules(
    names: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]], imported: ImportedNames | None = None
) -> set[str]:
    """Return the modules of which a notebook, or a module outside the project, holds something.

    Args:
        names: The names of the notebook.
        before: Module -> its namespace before it was executed anew.
        imported: What the names were imported from.
    """
    homes = _Homes(before, {}, imported or ImportedNames())
    held = set(imported.modules if imported is not None else ())
    for name, value in list(names.items()):
        if not name.startswith("_") or homes.is_imported(name):
            held.update(module for module, _ in homes.of(name, value))
    for name, module in list(sys.modules.items()):
        if name not in before and issubclass(type(module), ModuleType) and not name.startswith("shop"):
            for value in list(vars(module).values()):
                held.update(home for home, _ in homes.of("", value))
    return held


def rebind(
    names: MutableMapping[str, Any],
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, ModuleType],
    imported: ImportedNames | None = None,
    lost: Mapping[str, tuple[Any, tuple[str, str]]] | None = None,
) -> Rebinding:
    """Bind names to the successors of the objects that they are bound to.

    A name that was imported is bound to what importing it again would give. Any other is bound to an object of a module
    if it is that very object; for values that many share, such as numbers and texts, that says nothing, and a function
    or a class that comes from elsewhere is nobody's here.

    Args:
        names: The names, changed in place; those that begin with ``_`` are left alone, if they were not imported.
        before: Module -> its namespace before it was executed anew.
        after: Module -> the module now; without those that are gone.
        imported: What the names were imported from.
        lost: What earlier reloads could not rebind (:attr:`Rebinding.lost`): it may have come back.
    """
    homes = _Homes(before, after, imported or ImportedNames())
    rebound, gone, old_instances = [], [], []
    still_lost = {}
    for name, value in list(names.items()):
        if name.startswith("_") and not homes.is_imported(name):
            continue
        found = homes.of(name, value)
        known = (lost or {}).get(name)
        was_lost = not found and known is not None and known[0] is value
        if was_lost and known is not None:
            found = [known[1]]
        if not found:
            if _is_old_instance(value, before):
                old_instances.append(name)
            continue
        successor = next((new for home in found if (new := _successor(home, after)) is not None), None)
        if successor is None:
            still_lost[name] = (value, found[0])
            if not was_lost:
                gone.append(name)
        elif successor[0] is not value:
            names[name] = successor[0]
            rebound.append(name)
    rebound += homes.bind_new_names(names)
    return Rebinding(tuple(rebound), tuple(gone), tuple(old_instances), still_lost)


class _Homes:
    """Tells which modules and attributes an object was before."""

    def __init__(
        self, before: Mapping[str, Mapping[str, Any]], after: Mapping[str, ModuleType], imported: ImportedNames
    ) -> None:
        self._before = before
        self._after = after
        self._imported = imported
        self._by_id: dict[int, list[tuple[str, str]]] = {}
        for defining in (True, False):  # the module that defines it counts first
            for module, namespace in before.items():
                self._take(module, namespace, defining=defining)

    def of(self, name: str, value: Any) -> list[tuple[str, str]]:
        """Return the modules and attributes that a name's value was, the likeliest first; none for what is no one's."""
        sources = self._imported.sources(name, self._exports)
        named = [each for each in sources if self._before.get(each[0], {}).get(each[1], _MISSING) is value]
        return [*named, *self._without_name(value)]

    def bind_new_names(self, names: MutableMapping[str, Any]) -> list[str]:
        """Bind, and return, names that modules imported with a star have only now."""
        bound = []
        for module in self._imported.starred():
            namespace = getattr(self._after.get(module), "__dict__", {})
            for name in list(namespace) if module in self._before else ():
                is_new = name not in self._before[module] and name not in names
                if is_new and self._imported.sources(name, self._exports_now) == [(module, name)]:
                    names[name] = namespace[name]
                    bound.append(name)
        return bound

    def is_imported(self, name: str) -> bool:
        """Whether a name was imported, and is not bound otherwise since."""
        return bool(self._imported.sources(name, lambda *_: False))

    def _without_name(self, value: Any) -> list[tuple[str, str]]:
        if issubclass(type(value), ModuleType):
            name = vars(value).get("__name__")
            return [(name, "")] if isinstance(name, str) and name in self._before else []
        return [] if issubclass(type(value), _ATOMS) else self._by_id.get(id(value), [])

    def _take(self, module: str, namespace: Mapping[str, Any], *, defining: bool) -> None:
        for attribute, value in namespace.items():
            # By type(), not by isinstance(): a proxy answers for something else, or raises.
            kind = type(value)
            if issubclass(kind, (ModuleType, *_ATOMS)) or (attribute.startswith("__") and attribute.endswith("__")):
                continue
            origin = getattr(value, "__module__", None) if issubclass(kind, _DEFINED) else None
            is_from_elsewhere = issubclass(kind, _DEFINED) and not (origin in self._before or origin in self._after)
            if (origin == module) is defining and not is_from_elsewhere:
                self._by_id.setdefault(id(value), []).append((module, attribute))

    def _exports(self, module: str, name: str) -> bool:
        return _is_public(name, self._before.get(module) or getattr(self._after.get(module), "__dict__", {}))

    def _exports_now(self, module: str, name: str) -> bool:
        return _is_public(name, getattr(self._after.get(module), "__dict__", {}))


def _is_public(name: str, namespace: Mapping[str, Any]) -> bool:
    public = namespace.get("__all__")
    if isinstance(public, (list, tuple)):
        return name in public
    return name in namespace and not name.startswith("_")


def _successor(home: tuple[str, str], after: Mapping[str, ModuleType]) -> tuple[Any] | None:
    module = after.get(home[0])
    if module is None:
        return None
    if not home[1]:
        return (module,)
    value = vars(module).get(home[1], _MISSING) if issubclass(type(module), ModuleType) else _MISSING
    return None if value is _MISSING else (value,)


def _is_old_instance(value: Any, before: Mapping[str, Mapping[str, Any]]) -> bool:
    kind = type(value)
    module = kind.__dict__.get("__module__")
    return isinstance(module, str) and before.get(module, {}).get(kind.__qualname__) is kind


_MISSING = object()
