"""Hide secrets in an exception on its way to the user, who meets it in a notebook, a console or a log."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from ipyproject.masking.masker import Masker

MOST = 1000  # exceptions of one chain that are looked at

_TEXTUAL = (str, bytes, bytearray, tuple, list, dict, set, frozenset)
_SLOTS = (MemberDescriptorType, GetSetDescriptorType)


class MaskedErrors:
    """A ``with`` block out of which exceptions come with their secrets hidden; they stay the objects they are.

    Args:
        masker: Knows the secrets.
        params: More parameters whose secrets are to be known before anything can fail with them.
    """

    def __init__(self, masker: Masker, params: Mapping[str, Any] | None = None) -> None:
        self._masker = masker
        self._params = params

    def __enter__(self) -> None:
        if self._params:
            self._masker.learn(self._params)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is not None:
            mask_error(error, self._masker)


def mask_error(error: BaseException, masker: Masker) -> None:
    """Hide the secrets in an exception and in all that led to it: arguments, attributes, notes.

    The exception keeps its type and its identity. Where its text still tells a secret, because it is made of something
    else, it is given a traceback for notebooks in which that is hidden. Never raises, whatever exceptions do.

    Args:
        error: What was raised; changed in place.
        masker: Knows the secrets.
    """
    try:
        chain = list(_chain(error))
        for each in reversed(chain):  # what an exception was made of comes before it
            _mask(each, masker)
        if any(_tells(each, masker) for each in chain):
            import traceback

            lines = masker.text("".join(traceback.format_exception(error))).splitlines()
            error._render_traceback_ = partial(list, lines)  # type: ignore[attr-defined]  # IPython's protocol
    except Exception:  # noqa: BLE001 - the project's own exceptions may do anything; what was raised is what counts
        return


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, its causes and contexts, the members of a group, and exceptions that are arguments."""
    left, seen = [error], {id(error)}
    while left and len(seen) < MOST:
        each = left.pop()
        yield each
        members = _held(each, "exceptions") if issubclass(type(each), BaseExceptionGroup) else ()
        for other in (_held(each, "__cause__"), _held(each, "__context__"), *members, *_held(each, "args")):
            if issubclass(type(other), BaseException) and id(other) not in seen:
                seen.add(id(other))
                left.append(other)


_held = object.__getattribute__  # an exception's own `__getattribute__` may do anything


def _mask(error: BaseException, masker: Masker) -> None:
    for name in _attributes(error):
        with suppress(Exception):
            value = _held(error, name)
            if isinstance(value, _TEXTUAL) and (masked := masker.data(value)) is not value:
                setattr(error, name, masked)


def _attributes(error: BaseException) -> list[str]:
    """Return the names of what an exception holds itself, ``args`` and ``__notes__`` among them."""
    slots = {
        name: None
        for kind in type(error).__mro__
        for name, item in vars(kind).items()
        if isinstance(item, _SLOTS) and not name.startswith("__")
    }
    if issubclass(type(error), UnicodeError):  # start and end count its bytes
        slots.pop("object", None)
    with suppress(AttributeError):
        return [*slots, *_held(error, "__dict__")]
    return [*slots]


def _tells(error: BaseException, masker: Masker) -> bool:
    with suppress(BaseException):  # its text may do anything, exit the process too
        told = str(error)
        return masker.text(told) != told
    return False
