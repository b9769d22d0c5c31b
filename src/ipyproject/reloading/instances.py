"""Instances of classes that were executed anew: moved to the class as it is now, where Python allows it."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.imported import MISSING, Identity, attribute_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST = 1_000_000  # how many values of one container are looked at

# Past a ``__class__`` or ``__setattr__`` of the class's own, as a frozen dataclass has.
_CLASS = vars(object)["__class__"]
_CONTAINERS: tuple[Any, ...] = (dict, list, tuple, set, frozenset, deque)


class Holding(NamedTuple):
    """An object that may be an instance of a class of the project, or hold some.

    Attributes:
        label: What a report calls it.
        value: The object.
        put: Puts another in its place, where that is possible.
    """

    label: str
    value: Any
    put: Callable[[Any], None] | None = None


class LeftBehind(NamedTuple):
    """A class of which there are instances still, that had no successor, or none that they could be moved to.

    Attributes:
        module: Where it was defined.
        identity: Which class it is.
    """

    module: str
    identity: Identity


class _Move(NamedTuple):
    label: str
    instance: Any
    kind: type


@dataclass(slots=True)
class Moves:
    """What is to be done to instances: found out first, then done in one step that can't fail.

    Attributes:
        known: What earlier reloads have left behind, by the id of the class: it may have a successor now.
        left: What this one leaves behind.
        modules: The modules whose classes they are instances of.
    """

    known: Mapping[int, LeftBehind] = field(default_factory=dict)
    left: dict[int, LeftBehind] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    _moves: list[_Move] = field(default_factory=list)
    _members: list[tuple[Holding, Any]] = field(default_factory=list)
    _old: list[str] = field(default_factory=list)

    def apply(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Move the instances; return the labels of those that were moved, and of those that are old still."""
        moved, old = [], list(self._old)
        for holding, member in self._members:
            if holding.put is not None:
                holding.put(member)
                moved.append(holding.label)
        for label, instance, kind in self._moves:
            try:
                _CLASS.__set__(instance, kind)
            except (TypeError, AttributeError):  # what they are made of is laid out otherwise in memory
                old += self._leave(label, type(instance))
            else:
                moved.append(label)
        return tuple(dict.fromkeys(moved)), tuple(dict.fromkeys(old))

    def take(self, holding: Holding, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Plan for an object, and for what it holds."""
        kinds = _Kinds(before, after, self.known)
        self._take_one(holding, kinds, in_set=False)
        for value, in_set in _values(holding.value, kinds):
            self._take_one(Holding(holding.label, value), kinds, in_set=in_set)

    def _take_one(self, holding: Holding, kinds: _Kinds, *, in_set: bool) -> None:
        kind = type(holding.value)
        if not kinds.is_old(kind):
            return
        self.modules.add(kind.__module__)
        new = kinds.successor(kind)
        if new is not None and issubclass(kind, enum.Enum):
            member = _member(new, holding.value)
            if member is not None and holding.put is not None:
                self._members.append((holding, member))
                return
        elif new is not None and _fits(holding.value, kind, new) and not (in_set and _hash_differs(holding.value, new)):
            self._moves.append(_Move(holding.label, holding.value, new))
            return
        self._old += self._leave(holding.label, kind)

    def _leave(self, label: str, kind: type) -> list[str]:
        """Take note of a class that is left behind; return what is to be reported, which is done once."""
        is_known = id(kind) in self.known and self.known[id(kind)].identity.of(kind)
        self.left[id(kind)] = LeftBehind(kind.__module__, Identity(kind))
        return [] if is_known else [label]


def plan_moves(
    held: Iterable[Holding],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    known: Mapping[int, LeftBehind] = MappingProxyType({}),
) -> Moves:
    """Find the instances of classes that were executed anew, in objects and one level into their containers.

    Args:
        held: The objects.
        before: Module that was executed again or dropped -> what ``sys.modules`` held for it before.
        after: Module -> what it holds now.
        known: What earlier reloads have left behind.
    """
    moves = Moves(known)
    if before or known:
        for holding in held:
            moves.take(holding, before, after)
    return moves


class _Kinds:
    """Tells which classes were executed anew, and what they are now."""

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any], known: Mapping[int, LeftBehind]) -> None:
        self._before = before
        self._after = after
        self._known = known

    def is_old(self, kind: type) -> bool:
        known = self._known.get(id(kind))
        if known is not None and known.identity.of(kind):
            return True
        module = kind.__dict__.get("__module__")
        return (
            isinstance(module, str)
            and module in self._before
            and attribute_of(self._before[module], kind.__qualname__) is kind
        )

    def successor(self, kind: type) -> type | None:
        new = attribute_of(self._after.get(kind.__module__, MISSING), kind.__qualname__)
        return new if isinstance(new, type) and new is not kind else None


def _values(value: Any, kinds: _Kinds) -> list[tuple[Any, bool]]:
    """Return the instances of old classes in a container, keys of a dict included, and whether hashes find them."""
    container = type(value)
    base = next((each for each in _CONTAINERS if issubclass(container, each)), None)
    if base is None:
        return []

    # Not by a method of a class of the user's.
    hashed = base in {dict, set, frozenset}
    parts = [(base.__iter__, hashed), *([(dict.values, False)] if base is dict else [])]
    found = []
    try:
        for part, by_hash in parts:
            old = {kind for kind in set(map(type, islice(part(value), MOST))) if kinds.is_old(kind)}
            if old:
                found += [(each, by_hash) for each in islice(part(value), MOST) if type(each) in old]
    except RuntimeError:  # a thread changes it meanwhile
        pass
    return found


def _member(new: type, old: enum.Enum) -> Any:
    """Return the member of an enumeration that has an old one's name; for a combination of flags, theirs."""
    if not issubclass(new, enum.Enum):
        return None
    members = new.__members__
    if old.name in members:
        return members[old.name]
    if not isinstance(old, enum.Flag) or not issubclass(new, enum.Flag):
        return None
    parts = [members.get(part.name or "") for part in old]
    if any(part is None for part in parts):
        return None
    combined: Any = new(0)
    for part in parts:
        combined |= part
    return combined


def _fits(value: Any, kind: type, new: type) -> bool:
    """Whether an instance would be a sound one of the new class: that of a named tuple has its fields by position."""
    if issubclass(new, enum.Enum):
        return False
    return not isinstance(value, tuple) or getattr(kind, "_fields", None) == getattr(new, "_fields", None)


def _hash_differs(value: Any, new: type) -> bool:
    try:
        hashed: Any = new.__hash__
        return bool(hashed(value) != hash(value))
    except Exception:  # noqa: BLE001  (code of the user's; None where it can't be hashed any more)
        return True
