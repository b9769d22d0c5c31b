"""One run's view of a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipyproject.catalog.catalog import Catalog, Shared
from ipyproject.catalog.dataset import Dataset, MemoryDataset
from ipyproject.catalog.files import FileDataset, require_simple, require_versioned
from ipyproject.catalog.parameters import is_parameter
from ipyproject.errors import DatasetError, DatasetNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunCatalog(Catalog):
    """A catalog that shares everything with the live one but its inputs, parameters and versions.

    What the run keeps in memory becomes part of the live catalog as it is saved. Two runs at a time don't see each
    other's: each loads what it saved itself, and the live catalog has what was saved last. Datasets set on this view
    stay in it. Made by `for_run`, which says what it is given; making it costs nothing that grows with the catalog.
    """

    def __init__(
        self,
        live: Catalog,
        *,
        shared: Shared,
        save_version: str,
        load_versions: Mapping[str, str],
        inputs: Mapping[str, Any],
    ) -> None:
        super().__init__(inputs, definitions=shared.definitions, reader=shared.reader)
        self._parameters = shared.parameters
        self._live = live
        self._changed_definitions = shared.changed
        self._save_version = require_simple(save_version)
        self._load_versions = {name: require_simple(version) for name, version in load_versions.items()}
        self._unpublished: dict[str, MemoryDataset] = {}
        for name in load_versions:
            try:
                require_versioned(self[name])
            except DatasetError as error:
                raise DatasetError(
                    f"No version of dataset {name!r} can be loaded: {error.message}", error.hint
                ) from None

    def save(self, name: str, data: Any) -> None:
        """Save the data; what has no definition is kept in memory, here and in the live catalog.

        Raises:
            DatasetError: The data is None or can't be written.
        """
        if name not in self._datasets and not is_parameter(name):
            self._prepare(name)
        super().save(name, data)
        fresh = self._unpublished.pop(name, None)
        if fresh is not None:
            self._live[name] = fresh

    def __delitem__(self, name: str) -> None:
        """Take an input, or a dataset set on this view, out of it.

        Raises:
            DatasetNotFoundError: The dataset is not this view's own.
        """
        if self._datasets.pop(name, None) is None:
            raise DatasetNotFoundError(
                f"The run has no dataset {name!r} of its own.", "Delete it from the session's catalog."
            )

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (name in self._live and not is_parameter(str(name)))

    def dataset_names(self) -> list[str]:
        """Return the names of the datasets, without the parameters."""
        return list(dict.fromkeys([*self._live.dataset_names(), *self._datasets]))

    def is_in_memory(self, name: str) -> bool:
        """Tell whether what is saved under this name is kept in memory."""
        own = name in self._datasets or name in self._changed_definitions or is_parameter(name)
        return super().is_in_memory(name) if own else self._live.is_in_memory(name)

    def _prepare(self, name: str) -> None:
        """Have an own dataset ready for what is to be kept in memory."""
        with self._lock:
            known = self[name] if name in self else None  # noqa: SIM401 - get() would look for the closest one
            if known is None or isinstance(known, MemoryDataset):
                copy_mode = known.copy_mode if known else None
                self._datasets[name] = self._unpublished[name] = MemoryDataset(copy_mode=copy_mode)

    def _make(self, name: str) -> Dataset:
        changed = self._changed_definitions.get(name)
        dataset = changed.build() if changed else self._live.for_use_in_run(name)
        if isinstance(dataset, FileDataset) and dataset.versioned:
            return dataset.with_versions(load=self._load_versions.get(name), save=self._save_version)
        return dataset


def for_run(
    live: Catalog,
    *,
    save_version: str,
    load_versions: Mapping[str, str] | None = None,
    inputs: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    definitions: Mapping[str, Mapping[str, Any]] | None = None,
) -> RunCatalog:
    """Return the view of a catalog for one run.

    Args:
        live: The catalog.
        save_version: The version that versioned datasets save, and load once they have saved.
        load_versions: Name -> version to load, for versioned datasets.
        inputs: Name -> data (or dataset) that this run uses instead of what the catalog has.
        params: All parameters of this run, if they are not the catalog's.
        definitions: All definitions of this run, if they are not the catalog's. They may change any key but the types:
            a parameter given at run time never chooses which class is imported.

    Raises:
        DatasetNotFoundError: ``load_versions`` names no dataset.
        DatasetError: ``load_versions`` names a dataset that is not versioned, or a version is no simple name.
        CatalogError: A definition is not understood or has another type, or an input has a parameter's name.
    """
    return RunCatalog(
        live,
        shared=live.shared(params=params, definitions=definitions),
        save_version=save_version,
        load_versions=load_versions or {},
        inputs=inputs or {},
    )
