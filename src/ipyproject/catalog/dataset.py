"""What a dataset is, and the one that lives in memory."""

from __future__ import annotations

import copy
import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeGuard, get_args

from ipyproject.errors import CatalogError, DatasetError, did_you_mean, message_of, shortened, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

CopyMode = Literal["deepcopy", "copy", "assign"]

COPY_MODES: tuple[CopyMode, ...] = get_args(CopyMode)

# A shallow copy of these holds its own table or array, and is quicker than what deepcopy would do.
_COPIED = {("pandas", "DataFrame"), ("pandas", "Series"), ("numpy", "ndarray")}
# Handles on data that lives elsewhere, or data that can't be changed in place: copying is impossible or wasteful.
_ASSIGNED = {"dask", "duckdb", "ibis", "polars", "pyarrow", "pyspark", "snowflake", "sqlalchemy"}


class Dataset(Protocol):
    """Anything that can load and save one piece of data.

    ``exists() -> bool`` and ``release() -> None`` are used where a dataset has them.
    """

    def load(self) -> Any:
        """Return the data."""

    def save(self, data: Any) -> None:
        """Keep the data."""


class _Missing(Enum):
    """Stands for data never given; an enum member stays itself when copied or pickled."""

    DATA = "no data"


class MemoryDataset:
    """Data kept in memory, copied on the way in and out so that no two users share it by accident.

    Args:
        data: The first value; without it, loading before saving is an error.
        copy_mode: ``"deepcopy"``, ``"copy"`` or ``"assign"`` (no copy). Without it, pandas and numpy objects are
            copied, handles such as Spark, ibis or polars frames are assigned, and all else is deep-copied.
        metadata: Free notes; kept, never read.

    Raises:
        CatalogError: ``copy_mode`` is none of the three.
    """

    def __init__(
        self,
        data: Any = _Missing.DATA,
        *,
        copy_mode: CopyMode | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if copy_mode is not None and copy_mode not in COPY_MODES:
            raise CatalogError(f"Unknown copy_mode {copy_mode!r}.", did_you_mean(str(copy_mode), COPY_MODES))
        self.copy_mode = copy_mode
        self.metadata = metadata
        self._data: Any = _Missing.DATA
        self._mode: CopyMode = "deepcopy"
        if data is not _Missing.DATA:
            self._keep(data)

    def load(self) -> Any:
        """Return a copy of the data.

        Raises:
            DatasetError: Nothing was saved, or the data can't be copied.
        """
        return _copied(self.held, self._mode)

    def save(self, data: Any) -> None:
        """Keep a copy of the data.

        Raises:
            DatasetError: The data is None or can't be copied.
        """
        require_data(data)
        self._keep(data)

    def exists(self) -> bool:
        """Tell whether there is data."""
        return self._data is not _Missing.DATA

    def release(self) -> None:
        """Forget the data."""
        self._data = _Missing.DATA

    @property
    def held(self) -> Any:
        """The data itself, not a copy.

        Raises:
            DatasetError: There is none.
        """
        if self._data is _Missing.DATA:
            raise DatasetError("nothing was saved in memory yet.", "Run the node that makes it, or save it first.")
        return self._data

    def replace(self, data: Any) -> None:
        """Hold other data, as it is."""
        self._data = data
        self._mode = self.copy_mode or _inferred_copy_mode(data)

    def __repr__(self) -> str:
        held = type(self._data).__qualname__ if self.exists() else "empty"
        return f"MemoryDataset({held})"

    def _keep(self, data: Any) -> None:
        mode = self.copy_mode or _inferred_copy_mode(data)
        self._data = _copied(data, mode)
        self._mode = mode


def is_dataset(value: object) -> TypeGuard[Dataset]:
    """Tell a dataset from data that merely has methods of those names, such as a model with ``load(path)``."""
    if issubclass(type(value), type):
        return False
    try:
        load, save = getattr(value, "load", None), getattr(value, "save", None)
        if not callable(load) or not callable(save):
            return False
        inspect.signature(load).bind()
        inspect.signature(save).bind(None)
    except Exception:  # noqa: BLE001  (data of any kind is asked here, and may answer with any)
        return False
    return True


def require_data(data: Any) -> None:
    """Refuse None, which is nearly always a forgotten ``return``.

    Raises:
        DatasetError: The data is None.
    """
    if data is None:
        raise DatasetError("there is nothing to save: the node returned None.", "Return the data from the function.")


def reason(error: BaseException) -> str:
    """Return the first line of what a library said, with the kind of error."""
    first = next((line.strip() for line in message_of(error).splitlines() if line.strip()), "")
    return f"{type_name(error)}: {shortened(first)}" if first else type_name(error)


def _inferred_copy_mode(data: Any) -> CopyMode:
    # By the names of the classes it derives from: nothing has to be imported to recognise it.
    for cls in type(data).__mro__:
        root = cls.__module__.partition(".")[0]
        if (root, cls.__name__) in _COPIED:
            return "copy"
        if root in _ASSIGNED:
            return "assign"
    return "deepcopy"


def _copied(data: Any, mode: CopyMode) -> Any:
    if mode == "assign":
        return data
    try:
        return copy.copy(data) if mode == "copy" else copy.deepcopy(data)
    except Exception as error:
        raise DatasetError(
            f"a {type(data).__qualname__} can't be copied: {reason(error)}",
            "Define the dataset with `type: MemoryDataset` and `copy_mode: assign` to hand it on as it is.",
        ) from error
