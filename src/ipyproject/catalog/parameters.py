"""Parameters as the catalog shows them: ``parameters``, and ``params:a.b`` for each value inside."""

from __future__ import annotations

from copy import deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ipyproject.errors import DatasetError, DatasetNotFoundError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALL = "parameters"
PREFIX = "params:"


def is_parameter(name: str) -> bool:
    """Tell whether a name in the catalog means parameters."""
    return name.startswith(PREFIX) or name == ALL


class ParameterDataset:
    """One parameter: loading gives a copy, saving is refused."""

    def __init__(self, name: str, value: Any) -> None:
        self._name = name
        self._value = value

    def load(self) -> Any:
        """Return a copy of the value."""
        return deepcopy(self._value)

    def save(self, data: Any) -> None:
        """Refuse.

        Raises:
            DatasetError: Always.
        """
        del data
        raise DatasetError(f"{self._name!r} is a parameter and can't be saved.", "Give it in conf or as extra_params.")

    def exists(self) -> bool:
        """Return True."""
        return True

    def __repr__(self) -> str:
        return f"ParameterDataset({self._name!r})"


class Parameters:
    """The parameters by name; found by one dictionary lookup.

    Args:
        values: Nested parameters; kept as they are, so don't change them.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __getitem__(self, name: str) -> ParameterDataset:
        """Return the parameter as a dataset.

        Raises:
            DatasetNotFoundError: No such parameter.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise DatasetNotFoundError(
                f"No parameter {name!r}.", did_you_mean(name, self._by_name, "Known parameters")
            ) from None

    @cached_property
    def _by_name(self) -> dict[str, ParameterDataset]:
        found: dict[str, ParameterDataset] = {}
        _collect(self.values, PREFIX, found)
        return {ALL: ParameterDataset(ALL, self.values), **found}


def _collect(values: Mapping[str, Any], prefix: str, found: dict[str, ParameterDataset]) -> None:
    # A level's own keys come before the deeper ones: a key that holds a dot wins over a nested key spelled alike.
    for key, value in values.items():
        found.setdefault(f"{prefix}{key}", ParameterDataset(f"{prefix}{key}", value))
    for key, value in values.items():
        if isinstance(value, dict):
            _collect(value, f"{prefix}{key}.", found)
