"""What the openings of a project have made, for those after them: nothing is made again of the very same input."""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

T = TypeVar("T")


class _Made(NamedTuple):
    """What was made, and the keys of what was asked for meanwhile: these are remembered as long as it is."""

    value: Any
    parts: tuple[Hashable, ...]


class Memo:
    """Remembers what was made, by what it was made of: a file's digest, or the very objects. Safe with threads.

    What neither of the last two openings has asked for is forgotten, so that it does not grow with their number.
    """

    def __init__(self) -> None:
        self._now: dict[Hashable, _Made] = {}
        self._before: dict[Hashable, _Made] = {}
        self._making = local()  # its `parts`: the keys that are asked for while something is made in this thread

    def begin(self) -> None:
        """Begin an opening: what the one before last has left, and the last one has not asked for, is forgotten."""
        self._before, self._now = self._now, {}

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
        found = self._now.get(key) or self._taken_along(key)
        if found is None:
            return None
        self._note(key)
        return found.value

    def put(self, key: Hashable, made: T, parts: Iterable[Hashable] = ()) -> T:
        """Remember something in place of what was under its key, which is let go, and return it.

        Args:
            key: Its key.
            made: What to remember.
            parts: Keys of what it was made of: remembered as long as it is.
        """
        self._now[key] = _Made(made, tuple(parts))
        self._before.pop(key, None)
        self._note(key)
        return made

    def apart(self) -> Memo:
        """Return a memo that knows what this one knows now, and of which this one learns nothing."""
        other = Memo()
        other._before = {**self._before, **self._now}
        return other

    def _note(self, key: Hashable) -> None:
        parts = getattr(self._making, "parts", None)
        if parts is not None:
            parts.append(key)

    def _taken_along(self, key: Hashable) -> _Made | None:
        """Take what the opening before has asked for into this one, with its parts."""
        found = self._before.pop(key, None)
        if found is not None:
            self._now[key] = found
            for part in found.parts:
                if part not in self._now:
                    self._taken_along(part)
        return found
