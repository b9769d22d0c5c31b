"""Names outside the project, in a notebook, that were bound to objects of modules which were executed anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

# Values that are shared by whoever writes them down: that a name is bound to one does not say where it came from.
_ATOMS = (int, float, complex, str, bytes, bool, type(None), tuple, frozenset, type(...), type(NotImplemented))


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


def rebind(
    names: MutableMapping[str, Any],
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, ModuleType],
    imported: Mapping[str, tuple[str, str]],
    lost: Mapping[str, tuple[Any, tuple[str, str]]] | None = None,
) -> Rebinding:
    """Bind names to the successors of the objects that they are bound to.

    A name is bound to an object of a module if it is bound to that very object. For values that many share, such as
    numbers and texts, that says nothing: those are rebound only where they were imported by name.

    Args:
        names: The names, changed in place; those that begin with ``_`` are left alone.
        before: Module -> its namespace before it was executed anew.
        after: Module -> the module now; without those that are gone.
        imported: Name -> the module and the attribute that it was imported from.
        lost: What earlier reloads could not rebind (:attr:`Rebinding.lost`): it may have come back.
    """
    homes = dict(_homes(before))
    rebound, gone, old_instances = [], [], []
    still_lost = {}
    for name, value in list(names.items()):
        if name.startswith("_"):
            continue
        found = _home(name, value, homes, before, imported)
        known = (lost or {}).get(name)
        was_lost = found is None and known is not None and known[0] is value
        if was_lost and known is not None:
            found = known[1]
        if found is None:
            if _is_old_instance(value, before):
                old_instances.append(name)
            continue
        successor = _successor(found, after)
        if successor is None:
            still_lost[name] = (value, found)
            if not was_lost:
                gone.append(name)
        elif successor[0] is not value:
            names[name] = successor[0]
            rebound.append(name)
    return Rebinding(tuple(rebound), tuple(gone), tuple(old_instances), still_lost)


def _home(
    name: str,
    value: Any,
    homes: Mapping[int, tuple[str, str]],
    before: Mapping[str, Mapping[str, Any]],
    imported: Mapping[str, tuple[str, str]],
) -> tuple[str, str] | None:
    """Return the module and the attribute that a name's value was; None for what is none of theirs."""
    if isinstance(value, ModuleType):
        return _module_home(value, before)
    if isinstance(value, _ATOMS):
        return _import_home(imported.get(name), value, before)
    return homes.get(id(value))


def _homes(before: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield each object's identity and where it stands; the module that defines it comes last and so counts."""
    for defining in (False, True):
        for module, namespace in before.items():
            for attribute, value in namespace.items():
                if isinstance(value, (ModuleType, *_ATOMS)) or (
                    attribute.startswith("__") and attribute.endswith("__")
                ):
                    continue
                if (getattr(value, "__module__", None) == module) is defining:
                    yield id(value), (module, attribute)


def _module_home(value: ModuleType, before: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    name = getattr(value, "__name__", "")
    return (name, "") if name in before else None


def _import_home(
    source: tuple[str, str] | None, value: Any, before: Mapping[str, Mapping[str, Any]]
) -> tuple[str, str] | None:
    if source is None or source[0] not in before:
        return None
    return source if before[source[0]].get(source[1], _MISSING) is value else None


def _successor(home: tuple[str, str], after: Mapping[str, ModuleType]) -> tuple[Any] | None:
    module = after.get(home[0])
    if module is None:
        return None
    if not home[1]:
        return (module,)
    value = vars(module).get(home[1], _MISSING) if isinstance(module, ModuleType) else _MISSING
    return None if value is _MISSING else (value,)


def _is_old_instance(value: Any, before: Mapping[str, Mapping[str, Any]]) -> bool:
    kind = type(value)
    return before.get(kind.__module__, {}).get(kind.__qualname__) is kind


_MISSING = object()
