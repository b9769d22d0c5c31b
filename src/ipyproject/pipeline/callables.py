"""Functions and whatever else can be called: what they are called, where they stand, what they take and give."""

from __future__ import annotations

import inspect
from functools import lru_cache, partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT, _WHOLE = "Let it call asyncio.run(...) inside.", "Let it return the data as a whole."
_Cached = type(lru_cache(lambda: None))
_GIVES_NO_DATA = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR


def name_of(func: Callable[..., Any]) -> str:
    """Return a readable name, whatever kind of callable it is: its own, or that of what is inside where it has none."""
    for func in _unwrapped(func):  # noqa: B020, PLR1704
        # `wraps` finds no name to take over from a partial.
        if not isinstance(func, partial) and not isinstance(getattr(func, "__wrapped__", None), partial):
            name = getattr(func, "__name__", None)
            if isinstance(name, str):
                return name
    return type(func).__name__


def place_of(func: Callable[..., Any]) -> str:
    """Return where a callable is defined, for messages: ``nodes.py, line 12``."""
    *_, func = _unwrapped(func)
    for each in (func, getattr(type(func), "__call__", None)):  # noqa: B004  (its code, not whether it is there)
        code = getattr(each, "__code__", None)
        if isinstance(code, CodeType):
            return f"{code.co_filename}, line {code.co_firstlineno}"
    return f"{getattr(func, '__module__', '?')}.{name_of(func)}"


def _unwrapped(func: Any) -> Iterator[Callable[..., Any]]:
    """Yield a callable, and what is inside partials and wrappers, the innermost last."""
    seen: set[int] = set()
    while callable(func) and id(func) not in seen:
        seen.add(id(func))
        yield func
        func = func.func if isinstance(func, partial) else getattr(func, "__wrapped__", None)


def gives_no_data(func: Callable[..., Any]) -> tuple[str, str] | None:
    """Return what a callable is that gives no data but something to wait for, and what to do; None if it gives data."""
    if _is_plain(func) and not func.__code__.co_flags & _GIVES_NO_DATA:
        return None
    kinds = {
        inspect.iscoroutinefunction: ("an async function", WAIT),
        inspect.isasyncgenfunction: ("an async generator function", _WHOLE),
        inspect.isgeneratorfunction: ("a generator function", _WHOLE),
    }
    for called in _called(func):
        for is_one, told in kinds.items():
            if is_one(called):
                return told
    return None


def _called(func: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yield what a callable calls and hands on the result of, the callable itself first."""
    yield func
    if isinstance(func, partial):
        yield from _called(func.func)
    elif isinstance(func, _Cached):
        yield from _called(func.__wrapped__)
    elif isinstance(func, MethodType):
        yield from _called(func.__func__)
    elif not isinstance(func, type | FunctionType | BuiltinFunctionType):
        yield getattr(type(func), "__call__", func)  # noqa: B004  (a callable object's own)


def signature_of(func: Callable[..., Any]) -> inspect.Signature:
    """Return the signature by which a callable is really called: what wraps a function may take other arguments.

    Raises:
        TypeError, ValueError: It does not tell.
    """
    if isinstance(func, _Cached):  # it tells nothing itself, and hands on all it gets
        return signature_of(func.__wrapped__)
    try:
        return inspect.signature(func, follow_wrapped=False)
    except ValueError:
        return inspect.signature(func)  # a partial of a cached function


def surely_takes(func: Callable[..., Any], inputs: str | list[str] | dict[str, str] | None) -> bool:
    """Tell whether a function can be called with inputs, as far as its code shows; `inspect` takes much longer.

    False means only that `inspect` must be asked.
    """
    if not _is_plain(func):
        return False
    code = func.__code__
    positional, keyword_only = code.co_argcount, code.co_kwonlyargcount
    required = positional - len(func.__defaults__ or ())
    if isinstance(inputs, dict):
        names = code.co_varnames[:positional]
        return not (keyword_only or code.co_posonlyargcount) and {*names[:required]} <= inputs.keys() <= {*names}
    count = len(inputs) if isinstance(inputs, list) else 0 if inputs is None else 1
    return not keyword_only and required <= count <= positional


def _is_plain(func: Callable[..., Any]) -> TypeGuard[FunctionType]:
    """Tell whether a function's code says all about how it is called: nothing wraps or marks it."""
    return type(func) is FunctionType and not vars(func)
