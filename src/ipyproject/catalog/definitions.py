"""From an entry of ``catalog.yml`` to a dataset: checked when it is read, built when it is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.catalog.dataset import COPY_MODES, Dataset, MemoryDataset, reason
from ipyproject.catalog.files import FileDataset
from ipyproject.catalog.formats import FORMATS
from ipyproject.catalog.parameters import is_parameter
from ipyproject.errors import CatalogError, did_you_mean
from ipyproject.masking import HIDDEN, masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MEMORY = "MemoryDataset"

_CREDENTIALS = "credentials"
_Kind = tuple[type | tuple[type, ...], str]
_TEXT, _MAPPING, _FREE = (str, "text"), ((dict, Mapping), "a mapping"), (object, "anything")
_KEYS_OF_FILES: dict[str, _Kind] = {
    "filepath": _TEXT,
    "load_args": _MAPPING,
    "save_args": _MAPPING,
    "versioned": (bool, "true or false"),
    _CREDENTIALS: _MAPPING,
    "fs_args": _MAPPING,
    "metadata": _FREE,
}
_KEYS_OF_MEMORY: dict[str, _Kind] = {"copy_mode": _TEXT, "metadata": _FREE}
_FAMILIES = {name.partition(".")[0] for name in FORMATS}
_FOREIGN = "kedro_datasets"
# The arguments of foreign classes that hold paths by the field's convention.
_PATHS = ("filepath", "path", "filename")


class _Where(NamedTuple):
    """The entry that a message is about."""

    name: object
    origin: str | None

    def mistake(self, problem: str, hint: str | None) -> CatalogError:
        return CatalogError(f"Dataset {self.name!r}{f' in {self.origin}' if self.origin else ''}: {problem}", hint)


@dataclass(frozen=True, slots=True)
class Definition:
    """One checked entry; see :meth:`makes_the_same_as`.

    Args:
        name: The dataset's name.
        type_name: A name of the format table, ``MemoryDataset``, or the dotted path of a class.
        arguments: The other keys, credentials filled in.
        root: The folder of relative paths.
        origin: The file the entry was read from, for messages.
        entry: The entry itself.
    """

    name: str
    type_name: str
    arguments: Mapping[str, Any] = field(repr=False)
    root: Path
    origin: str | None = field(default=None, compare=False)
    entry: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def build(self) -> Dataset:
        """Make the dataset.

        Raises:
            CatalogError: The class can't be imported or does not take these arguments.
        """
        where = _Where(self.name, self.origin)
        arguments = deepcopy(dict(self.arguments))  # whatever the dataset does to them, the definition stays what it is
        if self.type_name in FORMATS:
            try:
                return FileDataset(self.type_name, root=self.root, **arguments)
            except CatalogError as error:
                raise where.mistake(error.message, error.hint) from None
        if self.type_name == MEMORY:
            return MemoryDataset(**arguments)
        dataset_class = self._import_class(where)
        arguments |= {key: self._absolute(arguments[key]) for key in _PATHS if isinstance(arguments.get(key), str)}
        try:
            dataset: Dataset = dataset_class(**arguments)
        except Exception as error:
            raise where.mistake(
                f"{self.type_name} can't be made: {reason(error)}", "Check the keys of its definition."
            ) from error
        return dataset

    def makes_the_same_as(self, other: Definition) -> bool:
        """Tell whether both make interchangeable datasets: all is equal, in type and in the order of keys as well."""
        # Equal dicts may differ in their order, which a class may go by, and 1 equals True.
        return self is other or (self == other and repr(self.arguments) == repr(other.arguments))

    def type_names(self) -> list[str]:
        """Return every class this entry names, also for datasets inside the dataset."""
        return [self.type_name, *_nested_types(self.arguments)]

    def public(self) -> dict[str, Any]:
        """Return the entry as written, without the values of credentials and other secrets."""
        shown: dict[str, Any] = masked(_with_credentials(self.arguments, lambda _: HIDDEN))
        return {"type": self.type_name, **shown}

    def _absolute(self, path: str) -> str:
        return path if "://" in path else str(self.root / os.path.expanduser(path))  # noqa: PTH111 - as for our files

    def _import_class(self, where: _Where) -> Callable[..., Dataset]:
        family = self.type_name.partition(".")[0] in _FAMILIES
        paths = [f"{_FOREIGN}.{self.type_name}"] if family else [self.type_name, f"{_FOREIGN}.{self.type_name}"]
        for path in paths:
            try:
                found = _find(path)
            except Exception as error:
                raise where.mistake(
                    f"type {self.type_name!r} can't be imported: {reason(error)}", "Mend or install what it imports."
                ) from error
            if isinstance(found, type) and hasattr(found, "load") and hasattr(found, "save"):
                return found
            if found is not None:
                raise where.mistake(
                    f"type {self.type_name!r} is no dataset.", "A dataset is a class with load() and save(data)."
                )
        raise where.mistake(f"type {self.type_name!r} does not exist.", _closest_type(self.type_name))


class DefinitionReader:
    """Checks entries without importing what they name: cheap, and linear in their number.

    Args:
        project_root: The folder of relative paths.
        credentials: Entries that definitions may refer to by name.
        origins: Dataset name -> the file that defines it, for messages.

    All of these are kept as they are, so don't change them.
    """

    def __init__(
        self,
        project_root: Path,
        credentials: Mapping[str, Any] | None = None,
        origins: Mapping[str, str] | None = None,
    ) -> None:
        self.project_root = project_root
        self._credentials = credentials or {}
        self._origins = origins or {}
        self._installed: dict[str, bool] = {}

    def reads_like(self, other: DefinitionReader) -> bool:
        """Tell whether this reader would read any entry as another one does."""
        same_credentials = self._credentials is other._credentials or not (self._credentials or other._credentials)
        return (
            same_credentials
            and self.project_root == other.project_root
            and all(self._is_installed(root) is found for root, found in other._installed.items())
        )

    def has_origins_of(self, other: DefinitionReader) -> bool:
        """Tell whether this reader was told of the same files as another one."""
        return self._origins is other._origins or self._origins == other._origins

    def read(
        self, definitions: Mapping[str, Any], known: Mapping[str, Definition] | None = None
    ) -> dict[str, Definition]:
        """Return the checked entries; names that begin with ``_`` (YAML anchors) are left out.

        Args:
            definitions: Name -> entry; kept as they are, so don't change them.
            known: What a reader that reads like this one has made: it is taken over where the entry is the same object.

        Raises:
            CatalogError: The first entry that is not understood.
        """
        read: dict[str, Definition] = {}
        for name, entry in definitions.items():
            if str(name).startswith("_"):
                continue
            before = known.get(name) if known else None
            if before is None or before.entry is not entry or before.origin != self._origins.get(name):
                before = self._read(name, entry)
            read[name] = before
        return read

    def read_for_run(self, definitions: Mapping[str, Any], known: Mapping[str, Definition]) -> dict[str, Definition]:
        """Return the checked entries of a run that differ from those that are known.

        Raises:
            CatalogError: An entry is not understood, or has another type than the known one.
        """
        new = self.read(definitions, known)
        changed = {name: new[name] for name in changed_names(known, new) if name in new and name in known}
        for name, definition in changed.items():
            if definition.type_names() != known[name].type_names():
                raise CatalogError(
                    f"Dataset {name!r}: parameters of a run can't change its type to {definition.type_name!r}.",
                    "Change the type in the catalog's files.",
                )
        return changed

    def _read(self, name: str, entry: Any) -> Definition:
        where = _Where(name, self._origins.get(name))
        if not isinstance(name, str) or is_parameter(name):
            raise where.mistake("a dataset can't have this name.", "Names are text; `params:` belongs to parameters.")
        if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
            raise where.mistake(
                "it has no `type`.", "Write a mapping such as {type: pandas.CSVDataset, filepath: ...}."
            )
        type_name = entry["type"]
        self._check_type(where, type_name)
        arguments = _with_credentials(entry, lambda given: self._credentials_of(where, given))
        del arguments["type"]
        if type_name in FORMATS:
            _check_keys(where, arguments, _KEYS_OF_FILES)
            if not arguments.get("filepath"):
                raise where.mistake("it has no `filepath`.", "Add one, such as `filepath: data/01_raw/companies.csv`.")
        elif type_name == MEMORY:
            _check_keys(where, arguments, _KEYS_OF_MEMORY)
            if (mode := arguments.get("copy_mode")) is not None and mode not in COPY_MODES:
                raise where.mistake(f"unknown copy_mode {mode!r}.", did_you_mean(mode, COPY_MODES))
        elif arguments.pop("versioned", False):
            hint = f"Remove it, or use one of: {', '.join(sorted(FORMATS))}."
            raise where.mistake(f"`versioned` is not supported yet for {type_name}.", hint)
        return Definition(name, type_name, arguments, self.project_root, where.origin, entry)

    def _check_type(self, where: _Where, type_name: str) -> None:
        if type_name in FORMATS or type_name == MEMORY:
            return
        root, dot, _ = type_name.partition(".")
        known = dot and ((root not in _FAMILIES and self._is_installed(root)) or self._is_installed(_FOREIGN))
        if not known:
            raise where.mistake(f"unknown type {type_name!r}.", _closest_type(type_name))

    def _is_installed(self, root: str) -> bool:
        """Tell whether a top-level package can be found, without importing it."""
        if root not in self._installed:
            try:
                self._installed[root] = root in sys.modules or find_spec(root) is not None
            except (ImportError, ValueError):
                self._installed[root] = False
        return self._installed[root]

    def _credentials_of(self, where: _Where, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        if given not in self._credentials:
            hint = did_you_mean(given, self._credentials, "Known credentials")
            raise where.mistake(f"there are no credentials {given!r}.", hint)
        return self._credentials[given]


def changed_names(old: Mapping[str, Definition], new: Mapping[str, Definition]) -> set[str]:
    """Return the names whose definition is not the same here and there."""
    if new is old:
        return set()
    found = set(old.keys() - new.keys())
    for name, definition in new.items():
        before = old.get(name)
        if before is None or not before.makes_the_same_as(definition):
            found.add(name)
    return found


def _check_keys(where: _Where, arguments: Mapping[str, Any], keys: Mapping[str, _Kind]) -> None:
    for key, value in arguments.items():
        if key not in keys:
            raise where.mistake(f"unknown key {key!r}.", did_you_mean(str(key), [*keys, "type"], "Known keys"))
        kind, spoken = keys[key]
        if value is not None and not isinstance(value, kind):
            raise where.mistake(f"`{key}` must be {spoken}, not a {type(value).__name__}.", "Correct its definition.")


def _with_credentials(entry: Mapping[str, Any], replace: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a copy in which the value of every ``credentials`` key, at any depth, is replaced."""
    return {
        key: replace(value)
        if key == _CREDENTIALS and value is not None
        else _with_credentials(value, replace)
        if isinstance(value, dict)
        else _copied(value)
        for key, value in entry.items()
    }


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def _nested_types(value: Any) -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if key in ("type", "dataset") and isinstance(inner, str):
            yield inner
        yield from _nested_types(inner)


def _find(path: str) -> Any:
    """Return what a dotted path names, or None if there is no such module or attribute."""
    module_path, _, attribute = path.rpartition(".")
    try:
        module = import_module(module_path)
    except ModuleNotFoundError as error:
        if error.name and f"{module_path}.".startswith(f"{error.name}."):
            return None
        raise  # the module exists, and something it imports does not
    return getattr(module, attribute, None)


def _closest_type(type_name: str) -> str:
    return did_you_mean(type_name, [*FORMATS, MEMORY], "Known types")
