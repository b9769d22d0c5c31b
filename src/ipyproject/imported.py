"""Which names of a namespace were imported, and from where, by evidence: by what they are bound to.

A file of its own and below everything else, since the notebook's extension needs it in every kernel, project or not.
"""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MISSING: Any = object()

_POSSIBLE, _LIKELY, _PROVEN = 1, 2, 3

# Values that are shared by whoever writes them down: that a name is bound to one does not say where it came from.
SHARED = (int, float, complex, str, bytes, bool, type(None), tuple, frozenset, type(...), type(NotImplemented))


class Import(NamedTuple):
    """One name that an import statement binds.

    Attributes:
        name: The name; ``*`` for all that the module gives.
        module: The module that it comes from.
        attribute: What of it: an attribute, ``*``, or nothing for the module itself.
        is_certain: It was executed, for all that its place tells: it stands in no branch or loop.
    """

    name: str
    module: str
    attribute: str = ""
    is_certain: bool = True

    def weight(self, value: Any) -> int:
        """How much speaks for a value's having come from here."""
        given, is_computed = _given(self.module, self.attribute)
        if given is value:
            return (_LIKELY if self.is_certain else _POSSIBLE) if issubclass(type(value), SHARED) else _PROVEN
        return _LIKELY if is_computed and self.is_certain else 0


class Store(NamedTuple):
    """One name that is bound by other means, or deleted.

    Attributes:
        name: The name; with a dot before it, an attribute of anything.
        constant: What it is bound to, where a number, a text or the like is written there.
    """

    name: str
    constant: Any = MISSING

    def may_give(self, value: Any) -> bool:
        """Whether a value can have come from here."""
        constant = self.constant
        return constant is MISSING or (type(constant) is type(value) and constant == value)

    def weight(self, value: Any) -> int:
        """How much speaks for a value's having come from here."""
        return _LIKELY if self.may_give(value) else 0


class Identity:
    """Remembers an object by its identity, without keeping it alive.

    Attributes:
        is_proof: What is found to be the same is the same; otherwise it may be another one at the same address.
    """

    __slots__ = ("_id", "_reference", "is_proof")

    def __init__(self, value: Any) -> None:
        self._id = id(value)
        try:
            self._reference: Callable[[], Any] | None = weakref.ref(value)
        except TypeError:
            self._reference = None
        self.is_proof = self._reference is not None

    def of(self, value: Any) -> bool:
        """Whether this is the object."""
        if self._reference is None:
            return id(value) == self._id
        return value is not None and self._reference() is value  # None is also what is left of an object that is gone


@dataclass(slots=True)
class _Noted:
    at: int
    module: str
    attribute: str
    identity: Identity


class ImportedNames:
    """Where names were imported from: noted when the import is seen to have happened, followed while it holds.

    Nothing that a name is bound to is kept alive.

    Args:
        stored: Tells when a name was last bound otherwise, by code that can have given it its value: a count as in
            :meth:`note`, 0 for never. A name that begins with a dot is an attribute of anything.

    Attributes:
        modules: All modules that were imported.
    """

    def __init__(self, stored: Callable[[str, Any], int] = lambda *_: 0) -> None:
        self._stored = stored
        self._noted: dict[str, _Noted] = {}
        self._stars: dict[str, frozenset[str]] = {}
        self.modules: set[str] = set()

    def note(
        self,
        names: Mapping[str, Any],
        found: Sequence[Import | Store],
        at: int,
        before: Mapping[str, int] | None = None,
    ) -> None:
        """Take note of what code that has just been executed imported.

        A name counts if it is bound to what the import gives.

        Args:
            names: What is bound now.
            found: What the code imports and binds, in order.
            at: A count that grows from one piece of code to the next, from 1.
            before: What was bound when the code began, as of :func:`shared_values`, if that is known: what is bound to
                another value since was bound by this code.
        """
        seen: dict[str, tuple[int, Import | Store]] = {}
        stars: dict[Import, list[str]] = {}
        for each in found:
            one_by_one = [each]
            if isinstance(each, Import):
                self.modules |= {each.module, f"{each.module}.{each.attribute}"}
                if each.attribute == "*":
                    stars[each] = exported_names(sys.modules.get(each.module))
                    one_by_one = [each._replace(name=name, attribute=name) for name in stars[each]]
            for one in one_by_one:
                weight = one.weight(names[one.name]) if one.name in names else 0
                known, _ = seen.get(one.name, (0, one))
                if weight >= max(known, _LIKELY) or (weight > known and self._is_new(one.name, names, before)):
                    seen[one.name] = weight, one
        imported = {name: one for name, (_, one) in seen.items() if isinstance(one, Import)}
        for name, one in imported.items():
            self._noted[name] = _Noted(at, one.module, one.attribute, Identity(names[name]))
        for star, exported in stars.items():
            if star.is_certain or (exported and imported.keys() >= set(exported)):
                self._stars.pop(star.module, None)  # the last one is to come last
                self._stars[star.module] = frozenset(exported)

    def _is_new(self, name: str, names: Mapping[str, Any], before: Mapping[str, int] | None) -> bool:
        """Whether a name was bound by this code, for all that is known."""
        if before is not None:
            return before.get(name) != id(names[name])
        return self.source(name, names[name]) is None and not self.is_own(name, names[name])

    def source(self, name: str, value: Any) -> tuple[str, str] | None:
        """Return the module and the attribute that a name was imported from; None if it is no longer what that gave.

        Args:
            name: The name.
            value: What it is bound to.
        """
        noted = self._noted.get(name)
        if noted is None or not noted.identity.of(value):
            return None
        if not noted.identity.is_proof and self._stored(name, value) > noted.at:
            return None
        return noted.module, noted.attribute

    def is_own(self, name: str, value: Any) -> bool:
        """Whether code was seen that bound a name otherwise than by an import, and can have given it this value."""
        return self._stored(name, value) > 0

    def is_patched(self, attribute: str) -> bool:
        """Whether code was seen that bound an attribute of that name, of whatever object."""
        return self._stored(f".{attribute}", MISSING) > 0

    def stars(self) -> list[tuple[str, frozenset[str]]]:
        """Return the modules that were imported with a star, the last one first, and the names that they gave."""
        return list(reversed(self._stars.items()))

    def follow(self, name: str, value: Any, source: tuple[str, str] | None = None) -> None:
        """Take note that a name was bound to what its import gives now.

        Args:
            name: The name.
            value: What it is bound to.
            source: The module and attribute, if they are others, or it was not noted so far.
        """
        noted = self._noted.get(name)
        if source is not None:
            self._noted[name] = _Noted(noted.at if noted is not None else 0, *source, Identity(value))
        elif noted is not None:
            noted.identity = Identity(value)

    def follow_star(self, module: str, exported: frozenset[str]) -> None:
        """Take note of what a module gives to a star now."""
        self._stars[module] = exported


def shared_values(names: Mapping[str, Any]) -> dict[str, int]:
    """Return the names that are bound to values which many share, with the values' identities."""
    return {name: id(value) for name, value in list(names.items()) if issubclass(type(value), SHARED)}


def exported_names(module: Any) -> list[str]:
    """Return the names that a star imports from a module object."""
    namespace = namespace_of(module)
    public = namespace.get("__all__")
    if isinstance(public, (list, tuple)):
        return [name for name in public if isinstance(name, str)]
    return [name for name in list(namespace) if isinstance(name, str) and not name.startswith("_")]


def namespace_of(module: Any) -> Mapping[str, Any]:
    """Return what a module object holds; it may be any object that lies in ``sys.modules``."""
    try:
        namespace = object.__getattribute__(module, "__dict__")
    except Exception:  # noqa: BLE001  (a class of the user's)
        return MappingProxyType({})
    return namespace if isinstance(namespace, dict) else MappingProxyType({})


def attribute_of(module: Any, attribute: str) -> Any:
    """Return an attribute of a module object as an import gives it, also by its ``__getattr__``; `MISSING` for none."""
    if not attribute:
        return module
    value = namespace_of(module).get(attribute, MISSING)
    if value is not MISSING:
        return value
    value = module
    for name in attribute.split("."):
        try:
            value = getattr(value, name)
        except Exception:  # noqa: BLE001  (it is code of the user's)
            return MISSING
    return value


def _given(module: str, attribute: str) -> tuple[Any, bool]:
    """Return what an import gives now, and whether it is made when it is asked for; nothing is imported for it."""
    owner = sys.modules.get(module)
    if owner is None:
        return MISSING, False
    if not attribute or attribute in namespace_of(owner):
        return attribute_of(owner, attribute), False
    submodule = sys.modules.get(f"{module}.{attribute}")
    if submodule is not None:
        return submodule, False
    value = attribute_of(owner, attribute)
    return value, value is not MISSING
