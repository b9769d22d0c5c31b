"""What the openings of a project have made, for those after them: nothing is made again of the very same input."""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

T = TypeVar("T")


class _Made:
    """What was made, and the keys of what was asked for meanwhile: these are remembered as long as it is."""

    __slots__ = ("opening", "parts", "value")

    def __init__(self, value: Any, parts: tuple[Hashable, ...], opening: int) -> None:
        self.value = value
        self.parts = parts
        self.opening = opening  # the last one that has asked for it


class Memo:
    """Remembers what was made, by what it was made of: a file's digest, or the very objects. Safe with threads.

    What neither of the last two openings has asked for is forgotten, so that it does not grow with their number.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, _Made] = {}
        self._opening = 0
        self._to_sweep = 0  # openings after which something may be left that nobody has asked for
        self._making = local()  # its `parts`: the keys that are asked for while something is made in this thread

    def begin(self) -> None:
        """Begin an opening: what the one before last has left, and the last one has not asked for, is forgotten."""
        if self._to_sweep:
            self._to_sweep -= 1
            made = dict(self._made)
            pending = [key for key, each in made.items() if each.opening == self._opening]
            kept: dict[Hashable, _Made] = {}
            while pending:
                key = pending.pop()
                if key in made and key not in kept:
                    kept[key] = made[key]
                    pending += made[key].parts
            self._made = kept
        self._opening += 1

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made under a key, or make it.

        Args:
            key: Names the input: an equal key means that the same would be made. Ids of objects may be part of it if
                what is made keeps these objects.
            make: Makes it; anything but None.
        """
        found: T | None = self.last(key)
        if found is not None:
            return found
        outer = getattr(self._making, "parts", None)
        parts: list[Hashable] = []
        self._making.parts = parts
        try:
            made = make()
        finally:
            self._making.parts = outer
        return self.put(key, made, parts)

    def of(self, kind: Hashable, source: object, make: Callable[[], T]) -> T:
        """Return what was made of an object, the very same one and never changed, or make it.

        Args:
            kind: What is made of it.
            source: The object.
            make: Makes it.
        """
        made: tuple[object, T] = self.get((kind, id(source)), lambda: (source, make()))
        return made[1]

    def last(self, key: Hashable) -> Any:
        """Return what was put under a key last; None where nothing was, or it is forgotten."""
        found = self._made.get(key)
        if found is None:
            return None
        found.opening = self._opening
        self._note(key)
        return found.value

    def put(self, key: Hashable, made: T, parts: Iterable[Hashable] = ()) -> T:
        """Remember something in place of what was under its key, which is let go, and return it.

        Args:
            key: Its key.
            made: What to remember.
            parts: Keys of what it was made of: remembered as long as it is.
        """
        before, now = self._made.get(key), _Made(made, tuple(parts), self._opening)
        if before is None or before.parts != now.parts:
            self._to_sweep = 2
        self._made[key] = now
        self._note(key)
        return made

    def apart(self) -> Memo:
        """Return a memo that knows what this one knows now, and of which this one learns nothing."""
        other = Memo()
        other._made = {key: _Made(each.value, each.parts, 0) for key, each in self._made.items()}
        return other

    def _note(self, key: Hashable) -> None:
        parts = getattr(self._making, "parts", None)
        if parts is not None:
            parts.append(key)
