"""Instances of classes that were executed anew: moved to the class as it is now, where Python allows it."""

from __future__ import annotations

import enum
from collections import deque
from functools import partial
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


class Moves:
    """What is to be done to instances: found out first, then done in one step that can't fail.

    Args:
        before: Module that was executed again or dropped -> what ``sys.modules`` held for it before.
        after: Module -> what it holds now.
        known: What earlier reloads have left behind, by the id of the class: it may have a successor now.

    Attributes:
        left: What this one leaves behind.
        modules: The modules whose classes they are instances of.
    """

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any], known: Mapping[int, LeftBehind]) -> None:
        self.left: dict[int, LeftBehind] = {}
        self.modules: set[str] = set()
        self._before = before
        self._after = after
        self._known = known
        self._moves: list[tuple[str, type, Callable[[], object]]] = []  # label, old class, what moves it
        self._old: list[str] = []

    def apply(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Move the instances; return the labels of those that were moved, and of those that are old still."""
        moved = []
        for label, kind, move in self._moves:
            try:
                move()
            except (TypeError, AttributeError):  # what they are made of is laid out otherwise in memory
                self._leave(label, kind)
            else:
                moved.append(label)
        return tuple(dict.fromkeys(moved)), tuple(dict.fromkeys(self._old))

    def take(self, holding: Holding) -> None:
        """Plan for an object, and for what it holds."""
        if not self._before and not self._known:
            return
        self._take_one(holding, in_set=False)
        for value, in_set in self._values(holding.value):
            self._take_one(Holding(holding.label, value), in_set=in_set)

    def _take_one(self, holding: Holding, *, in_set: bool) -> None:
        label, value, put = holding
        kind = type(value)
        if not self._is_old(kind):
            return
        self.modules.add(kind.__module__)
        new = attribute_of(self._after.get(kind.__module__, MISSING), kind.__qualname__)
        move: Callable[[], object] | None = None
        if isinstance(new, type) and new is not kind:
            if issubclass(kind, enum.Enum):
                member = _member(new, value)
                move = partial(put, member) if member is not None and put is not None else None
            elif _fits(value, kind, new) and not (in_set and _hash_differs(value, new)):
                move = partial(_CLASS.__set__, value, new)
        if move is None:
            self._leave(label, kind)
        else:
            self._moves.append((label, kind, move))

    def _is_old(self, kind: type) -> bool:
        if self._is_known(kind):
            return True
        module = kind.__dict__.get("__module__")
        return (
            isinstance(module, str)
            and module in self._before
            and attribute_of(self._before[module], kind.__qualname__) is kind
        )

    def _is_known(self, kind: type) -> bool:
        known = self._known.get(id(kind))
        return known is not None and known.identity.of(kind)

    def _leave(self, label: str, kind: type) -> None:
        """Take note of a class that is left behind, which is reported once."""
        self.left[id(kind)] = LeftBehind(kind.__module__, Identity(kind))
        if not self._is_known(kind):
            self._old.append(label)

    def _values(self, value: Any) -> list[tuple[Any, bool]]:
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
                old = {kind for kind in set(map(type, islice(part(value), MOST))) if self._is_old(kind)}
                if old:
                    found += [(each, by_hash) for each in islice(part(value), MOST) if type(each) in old]
        except RuntimeError:  # a thread changes it meanwhile
            pass
        return found


def plan_moves(
    held: Iterable[Holding],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    known: Mapping[int, LeftBehind] = MappingProxyType({}),
) -> Moves:
    """Find the instances of classes that were executed anew, in objects and one level into their containers.

    Args:
        held: The objects.
        before: As for `Moves`.
        after: As for `Moves`.
        known: As for `Moves`.
    """
    moves = Moves(before, after, known)
    for holding in held:
        moves.take(holding)
    return moves


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
