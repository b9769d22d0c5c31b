"""The catalog: a mutable mapping from names to datasets, shared by a session's runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ipyproject.catalog.dataset import Dataset, MemoryDataset, is_dataset, reason, require_data
from ipyproject.catalog.definitions import MEMORY, DefinitionReader, changed_names
from ipyproject.catalog.files import FileDataset, require_versioned, sharing
from ipyproject.catalog.parameters import Parameters, is_parameter
from ipyproject.errors import CatalogError, DatasetError, DatasetNotFoundError, did_you_mean
from ipyproject.forks import fork_safe_lock

if TYPE_CHECKING:
    from ipyproject.catalog.definitions import Definition


class Shared(NamedTuple):
    """What a run's view of a catalog shares with it.

    Attributes:
        parameters: The run's parameters.
        definitions: The run's definitions.
        changed: Those of them that are not the catalog's.
        reader: What checked them.
    """

    parameters: Parameters
    definitions: Mapping[str, Definition]
    changed: Mapping[str, Definition]
    reader: DefinitionReader


class Catalog(MutableMapping[str, Dataset]):
    """Datasets by name; parameters appear as ``parameters`` and ``params:a.b``.

    A dataset is built from its definition when it is first used. Iteration gives the datasets in the order in which
    they were defined or added, then the parameters.

    Args:
        datasets: Name -> dataset, or data to be kept in memory.
        params: Nested parameters.
        definitions: Name -> checked definition of a dataset that is built when first used (see ``from_config``).
        reader: What checked them, and will check those of runs and reloads.
    """

    def __init__(
        self,
        datasets: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        definitions: Mapping[str, Definition] | None = None,
        reader: DefinitionReader | None = None,
    ) -> None:
        self._reader = reader or DefinitionReader(Path.cwd())
        self._definitions = definitions or {}
        self._entries: Mapping[str, Any] | None = None  # what all definitions were read from, where that is known
        self._parameters = Parameters(params or {})
        self._datasets: dict[str, Dataset] = {}
        self._built: dict[str, Dataset] = {}  # those of them that were made from definitions
        self._lock = fork_safe_lock()
        self._is_opening = False
        self._of_opening: dict[str, Dataset] = {}
        self.update(datasets or {})

    @classmethod
    def from_config(
        cls,
        definitions: Mapping[str, Mapping[str, Any]],
        *,
        project_root: Path,
        credentials: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        origins: Mapping[str, str] | None = None,
    ) -> Catalog:
        """Return the catalog that configuration describes; nothing is imported or opened yet.

        Args:
            definitions: Name -> entry of ``catalog.yml``.
            project_root: The folder of relative paths.
            credentials: Entries that definitions may refer to by name.
            params: Nested parameters.
            origins: Name -> the file that defines it, for messages.

        All of these are kept as they are, so don't change them: another catalog made from this one takes over what it
        finds to be the same objects.

        Raises:
            CatalogError: A definition is not understood.
        """
        reader = DefinitionReader(project_root, credentials, origins)
        catalog = cls(params=params, definitions=reader.read(definitions), reader=reader)
        catalog._entries = definitions
        return catalog

    # -- the mapping

    def __getitem__(self, name: str) -> Dataset:
        """Return the dataset, building it if this is its first use.

        Raises:
            DatasetNotFoundError: No such dataset or parameter.
            CatalogError: The dataset can't be built from its definition.
        """
        dataset = self._datasets.get(name)
        if dataset is not None:
            return dataset
        if is_parameter(name):
            return self._parameters[name]
        with self._lock:
            dataset = self._datasets.get(name)
            if dataset is None:
                dataset = self._datasets[name] = self._built[name] = self._make(name)
        return dataset

    def __setitem__(self, name: str, value: Any) -> None:
        """Add or replace a dataset; data that is no dataset is kept in memory.

        Raises:
            CatalogError: The name belongs to a parameter.
        """
        if is_parameter(name):
            raise CatalogError(f"{name!r} is a parameter and can't be set.", "Give it in conf or as extra_params.")
        is_one = issubclass(type(value), (MemoryDataset, FileDataset)) or is_dataset(value)
        dataset = self._datasets[name] = value if is_one else MemoryDataset(value)
        if self._is_opening:
            self._of_opening[name] = dataset

    def __delitem__(self, name: str) -> None:
        """Take a dataset out of the catalog; its file stays.

        Raises:
            DatasetNotFoundError: No such dataset.
        """
        with self._lock:
            if name not in self._datasets and name not in self._definitions:
                raise self._not_found(name)
            self._datasets.pop(name, None)
            self._built.pop(name, None)
            self._definitions = {other: kept for other, kept in self._definitions.items() if other != name}
            self._entries = None

    def __contains__(self, name: object) -> bool:
        return name in self._datasets or name in self._definitions or name in self._parameters

    def __iter__(self) -> Iterator[str]:
        yield from self.dataset_names()
        yield from self._parameters

    def __len__(self) -> int:
        return len(self.dataset_names()) + len(self._parameters)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self.dataset_names())} datasets, {len(self._parameters)} parameters>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    # -- data

    def load(self, name: str, version: str | None = None) -> Any:
        """Return the data of a dataset, or a copy of a parameter.

        Args:
            name: The dataset's name.
            version: The version of a versioned dataset; the newest when not given.

        Raises:
            DatasetNotFoundError: No such dataset or parameter.
            DatasetError: The data is not there or can't be read.
        """
        dataset = self._datasets.get(name)
        if dataset is None:
            dataset = self[name]
        try:
            return dataset.load() if version is None else require_versioned(dataset).load(version)
        except Exception as error:  # noqa: BLE001 - raised again with the dataset's name
            self._raise_named("load", name, error)

    def save(self, name: str, data: Any) -> None:
        """Save the data.

        Raises:
            DatasetNotFoundError: No such dataset.
            DatasetError: The data is None or can't be written.
        """
        dataset = self._datasets.get(name)
        if dataset is None:
            dataset = self[name]
        try:
            require_data(data)
            dataset.save(data)
        except Exception as error:  # noqa: BLE001 - raised again with the dataset's name
            self._raise_named("save", name, error)

    def exists(self, name: str) -> bool:
        """Tell whether a dataset has data; one that is unknown or can't tell has none.

        Raises:
            DatasetError: The data can't be looked for.
        """
        if name not in self:
            return False
        ask = getattr(self[name], "exists", None)
        try:
            return bool(ask()) if ask else False
        except Exception as error:  # noqa: BLE001 - raised again with the dataset's name
            self._raise_named("look for", name, error)

    def release(self, name: str | None = None) -> None:
        """Let a dataset, or all that were used, forget what they hold in memory.

        Raises:
            DatasetNotFoundError: No such dataset.
            DatasetError: The dataset's own ``release()`` failed.
        """
        if name is not None and name not in self:
            raise self._not_found(name)
        for one in list(self._datasets) if name is None else [name]:
            release = getattr(self._datasets.get(one), "release", None)
            try:
                if release is not None:
                    release()
            except Exception as error:  # noqa: BLE001 - raised again with the dataset's name
                self._raise_named("release", one, error)

    # -- what is in it

    @property
    def params(self) -> dict[str, Any]:
        """A copy of all parameters."""
        return deepcopy(dict(self._parameters.values))

    @property
    def definitions(self) -> Mapping[str, Mapping[str, Any]]:
        """The entries as written, read-only, without the values of credentials."""
        return MappingProxyType(self._public(self._definitions))

    def is_in_memory(self, name: str) -> bool:
        """Tell whether what is saved under this name is kept in memory; nothing is built to find out."""
        if is_parameter(name):
            return False
        dataset, definition = self._datasets.get(name), self._definitions.get(name)
        if dataset is not None:
            return isinstance(dataset, MemoryDataset)
        return definition is None or definition.type_name == MEMORY

    def dataset_names(self) -> list[str]:
        """Return the names of the datasets, without the parameters."""
        return list(dict.fromkeys([*self._definitions, *self._datasets]))

    def in_memory(self) -> dict[str, Any]:
        """Return name -> the data itself, not a copy, of each dataset that holds any in memory."""
        with self._lock:
            held = [(name, each) for name, each in self._datasets.items() if isinstance(each, MemoryDataset)]
        return {name: each.held for name, each in held if each.exists()}

    def replace_in_memory(self, name: str, data: Any) -> None:
        """Let a dataset hold other data, as it is, in place of what it holds in memory.

        Raises:
            DatasetNotFoundError: No dataset of that name holds anything in memory.
        """
        dataset = self._datasets.get(name)
        if not isinstance(dataset, MemoryDataset):
            raise self._not_found(name)
        dataset.replace(data)

    # -- other catalogs made from this one

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Let what is put in during the block belong to the opening: a catalog made from this one does not keep it.

        For the hooks that are called then: they are called again on the next opening, if they are still there.
        """
        self._is_opening = True
        try:
            yield
        finally:
            self._is_opening = False

    def with_definitions(
        self,
        definitions: Mapping[str, Mapping[str, Any]],
        *,
        credentials: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        origins: Mapping[str, str] | None = None,
        replaced_modules: Collection[str] = (),
    ) -> Catalog:
        """Return a new catalog that keeps the data in memory of datasets whose definition is the same.

        The data is kept, not the dataset: each is made anew, from its definition or, where it is in memory, around the
        same data, so that whatever happens to one of the catalogs leaves the other as it is. What was put in by hand is
        kept as well: as the object that it is, where it is of another class. That class must not stand in one of
        `replaced_modules`: it is another one now. What was put in while this one was opened is not kept.

        Raises:
            CatalogError: A definition is not understood.
        """
        reader = DefinitionReader(self._reader.project_root, credentials, origins)
        new = self._read_again(definitions, reader)
        changed = changed_names(self._definitions, new)
        with self._lock:
            kept = {
                name: sharing(dataset)
                for name, dataset in self._datasets.items()
                if name not in changed
                and (isinstance(dataset, MemoryDataset) or self._built.get(name) is not dataset)
                and type(dataset).__module__ not in replaced_modules
                and self._of_opening.get(name) is not dataset
            }
        catalog = Catalog(kept, params=params, definitions=new, reader=reader)
        catalog._entries = definitions
        if params is self._parameters.values:
            catalog._parameters = self._parameters
        return catalog

    def shared(
        self, *, params: Mapping[str, Any] | None = None, definitions: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Shared:
        """Return what a run's view of this catalog shares with it (see `run_catalog.for_run`).

        Args:
            params: All parameters of the run, if they are not this catalog's.
            definitions: All definitions of the run, if they are not this catalog's. They may change any key but the
                types: a parameter given at run time never chooses which class is imported.

        Raises:
            CatalogError: A definition is not understood or has another type.
        """
        changed = {} if definitions is None else self._reader.read_for_run(definitions, self._definitions)
        return Shared(
            parameters=self._parameters if params is None else Parameters(params),
            definitions={**self._definitions, **changed} if changed else self._definitions,
            changed=changed,
            reader=self._reader,
        )

    def for_use_in_run(self, name: str) -> Dataset:
        """Return a dataset as a run begins to use it: without what it has cached of what was there before.

        Of a dataset in memory, or one that was put in by hand, that would be the data itself.

        Raises:
            DatasetNotFoundError: No such dataset or parameter.
            DatasetError: Its own ``release()`` failed.
        """
        dataset = self[name]
        if self._built.get(name) is dataset and not isinstance(dataset, MemoryDataset):
            self.release(name)
        return dataset

    def _read_again(self, entries: Mapping[str, Any], reader: DefinitionReader) -> Mapping[str, Definition]:
        """Read entries with another reader; what it would read as it stands here is taken over."""
        if not reader.reads_like(self._reader):
            return reader.read(entries)
        if entries is self._entries and reader.has_origins_of(self._reader):
            return self._definitions
        return reader.read(entries, self._definitions)

    def changed_definitions(self, before: Catalog) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the entries, as :attr:`definitions` has them, that differ from a catalog before: old, new."""
        names = changed_names(before._definitions, self._definitions)
        return before._public(names), self._public(names)

    def _public(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: self._definitions[name].public() for name in names if name in self._definitions}

    # -- inside

    def _make(self, name: str) -> Dataset:
        definition = self._definitions.get(name)
        if definition is None:
            raise self._not_found(name)
        return definition.build()

    def _not_found(self, name: str) -> DatasetNotFoundError:
        return DatasetNotFoundError(
            f"The catalog has no dataset {name!r}.", did_you_mean(name, self.dataset_names(), "Known datasets")
        )

    def _raise_named(self, doing: str, name: str, error: Exception) -> NoReturn:
        """Raise the error of a dataset again, with its name and the file that defines it."""
        definition = self._definitions.get(name)
        origin = f" ({definition.origin})" if definition and definition.origin else ""
        message = f"Can't {doing} dataset {name!r}{origin}: "
        if isinstance(error, DatasetError):
            raise DatasetError(message + error.message, error.hint) from error.__cause__
        kind = f"{definition.type_name}: " if definition else ""
        raise DatasetError(f"{message}{kind}{reason(error)}", "Mend the dataset's class, or its definition.") from error
