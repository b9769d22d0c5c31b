"""What is asked of sessions' parameters, as typed or as values: one meaning for shell, notebook and Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, cast

from ipyproject.errors import HistoryError
from ipyproject.history.stores.search import Comparison
from ipyproject.history.values import flattened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipyproject.history.stores.search import Operator

Conditions: TypeAlias = "Mapping[str, Any] | str | Iterable[str]"


class ParameterFilter(TypedDict):
    """The part of a `SessionFilter` that is about parameters."""

    params: dict[str, Any]
    compare: tuple[Comparison, ...]


def parameter_filter(asked: Conditions) -> ParameterFilter:
    """Return what a filter holds of conditions on parameters.

    Args:
        asked: Values that parameters must have, nested or by dotted names; or conditions as texts, all of which must
            hold: ``["model.test_share>=0.3", "rate=2,name!='x'"]``.

    Raises:
        ConfigError: A text can't be read.
        HistoryError: A parameter must have two values at once, or can't be compared so.
    """
    if isinstance(asked, Mapping):
        return {"params": dict(asked), "compare": ()}
    from ipyproject.config import parse_conditions  # with it comes YAML

    params: dict[str, Any] = {}
    compare: list[Comparison] = []
    for text in [asked] if isinstance(asked, str) else asked:
        for key, sign, value in parse_conditions(text):
            if sign != "=":
                compare.append(Comparison(key, cast("Operator", sign), value))
                continue
            for name, leaf in flattened({key: value}).items():
                if name in params and (type(params[name]), params[name]) != (type(leaf), leaf):
                    raise HistoryError(
                        f"No session fits: {name} is to be {params[name]!r} and {leaf!r}.", "Ask for one of them."
                    )
                params[name] = leaf
    return {"params": params, "compare": tuple(compare)}
