"""Datasets that are files: anywhere fsspec reaches, replaced whole or not at all, optionally in versions."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing, contextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

from ipyproject.catalog.dataset import Dataset, MemoryDataset, reason, require_data
from ipyproject.catalog.formats import FORMATS
from ipyproject.catalog.storage import Storage
from ipyproject.errors import CatalogError, DatasetError, did_you_mean
from ipyproject.masking import masked_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MISSING_HINT = "Create the file, or run the node that writes it."
_COMPRESSIONS = {".gz", ".bz2", ".xz", ".zip"}


class FileDataset:
    """One file, or one folder of versions of a file.

    Saving writes a temporary file in the same folder and renames it when it is complete, so that a process killed at
    any moment leaves the old file whole. A versioned dataset lies under ``<filepath>/<version>/<name>``.

    Args:
        type_name: A name of the format table, such as ``"pandas.CSVDataset"``.
        filepath: A path (relative to ``root``, ``~`` is the home folder) or a URL that fsspec knows. By its suffix,
            ``.gz``, ``.bz2``, ``.xz`` and ``.zip`` are compressed.
        load_args: Keyword arguments of the format's loader, such as ``pandas.read_csv``.
        save_args: Keyword arguments of the format's saver, such as ``DataFrame.to_csv``.
        versioned: Whether every save makes a new version.
        credentials: Storage options of the file system that are secret.
        fs_args: Other storage options; ``open_args_load`` and ``open_args_save`` among them say how the file is
            opened (``mode``, ``compression``, ``encoding``, ``errors``, ``newline``).
        metadata: Free notes; kept, never read.
        root: The folder of relative paths; the working directory when not given.
        load_version: The version to load; the newest when not given.
        save_version: The version to save; the time of saving when not given.

    Raises:
        CatalogError: The type is not in the table, or a file can't be opened as ``fs_args`` say.
    """

    def __init__(
        self,
        type_name: str,
        filepath: str | os.PathLike[str],
        *,
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        versioned: bool = False,
        credentials: Mapping[str, Any] | None = None,
        fs_args: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        root: Path | None = None,
        load_version: str | None = None,
        save_version: str | None = None,
    ) -> None:
        if type_name not in FORMATS:
            raise CatalogError(f"Unknown dataset type {type_name!r}.", did_you_mean(type_name, FORMATS, "Known types"))
        self.type_name = type_name
        self.filepath = os.fspath(filepath)
        self.versioned = versioned
        self.metadata = metadata
        self.load_version = load_version
        self.save_version = save_version
        self._load_args = dict(load_args or {})
        self._save_args = {**FORMATS[type_name].save_args, **(save_args or {})}
        self._storage = Storage(self.filepath, root or Path.cwd(), {**(fs_args or {}), **(credentials or {})})

    def with_versions(self, *, load: str | None, save: str) -> FileDataset:
        """Return this dataset bound to versions: once it has saved, it loads what it saved."""
        bound = copy(self)
        bound.load_version = load
        bound.save_version = save
        return bound

    def load(self, version: str | None = None) -> Any:
        """Return the data.

        Args:
            version: The version to load instead of the dataset's own choice.

        Raises:
            DatasetError: The file, the version or a library is missing, or the file can't be read.
        """
        form = FORMATS[self.type_name]
        if form.load is None:
            raise DatasetError(
                f"{self.type_name} only saves.", f"Open {self._storage.display_path} itself to look at it."
            )
        path, where = self._path_to_load(version)
        with (
            self._dataset_errors(f"{where} can't be loaded", "Check the file, and `load_args` in its definition."),
            ExitStack() as at_end,
        ):
            opener = at_end.enter_context(closing(self._storage.reading(path, binary=form.binary)))
            try:
                file = opener.open()
            except FileNotFoundError:
                raise DatasetError(f"{where} does not exist.", _MISSING_HINT) from None
            except IsADirectoryError:
                raise DatasetError(f"{where} is a folder.", "Is `versioned: true` missing?") from None
            data = form.load(file, dict(self._load_args))
            if hasattr(data, "__next__"):
                return _chunks(data, at_end.pop_all())
            return data

    def save(self, data: Any, version: str | None = None) -> None:
        """Write the data, whole or not at all.

        Args:
            data: What the format's saver takes; never None.
            version: The version to make instead of the dataset's own choice.

        Raises:
            DatasetError: The version exists already, or the data can't be written.
        """
        require_data(data)
        form, path = FORMATS[self.type_name], self._storage.path
        if self.versioned:
            version = version or self.save_version
            if version and self._storage.exists(self._path_of(version)):
                self._refuse_taken(version)
            writing = self._storage.adding([version] if version else _moments(), binary=form.binary)
        else:
            self._refuse_version(version)
            writing = self._storage.replacing(path, binary=form.binary)
        save_args = dict(self._save_args)
        if form.suffix_argument and (suffix := _suffix(path)):
            save_args.setdefault(form.suffix_argument, suffix)
        with self._dataset_errors(
            f"{self._display_path(version)} can't be saved from a {type(data).__qualname__} as {self.type_name}",
            "Return what this type writes, or change the type or `save_args` in its definition.",
        ):
            try:
                with writing as file:
                    form.save(data, file, save_args)
            except FileExistsError:
                if version and self._storage.exists(self._path_of(version)):  # by another that has saved meanwhile
                    self._refuse_taken(version)
                raise
        if self.save_version is not None:
            self.load_version = self.save_version

    def exists(self) -> bool:
        """Tell whether there is a file to load."""
        if not self.versioned:
            return self._storage.exists(self._storage.path)
        if self.load_version is not None:
            return self._storage.exists(self._path_of(self.load_version))
        return next(self._newest_first(), None) is not None

    def versions(self) -> list[str]:
        """Return the versions that exist, the newest first."""
        return list(self._newest_first())

    def release(self) -> None:
        """Forget what the file system has cached about this file."""
        self._storage.forget()

    def __repr__(self) -> str:
        versioned = ", versioned=True" if self.versioned else ""
        return f"FileDataset({self.type_name!r}, {masked_text(self._storage.display_path)!r}{versioned})"

    def _path_to_load(self, version: str | None) -> tuple[str, str]:
        """Return the path of the file, and how messages show it."""
        if not self.versioned:
            self._refuse_version(version)
            return self._storage.path, self._display_path()
        version = version or self.load_version
        if version is None:
            version = next(self._newest_first(), None)
            if version is None:
                raise DatasetError(f"{self._display_path()} has no version yet.", _MISSING_HINT)
        elif not self._storage.exists(self._path_of(version)):
            raise DatasetError(f"{self._display_path()} has no version {version!r}.", self._newest_few())
        return self._path_of(version), self._display_path(version)

    def _refuse_taken(self, version: str) -> NoReturn:
        raise DatasetError(
            f"{self._display_path()} has a version {version!r} already, and versions are never overwritten.",
            "Save without naming a version to make a new one.",
        ) from None

    def _refuse_version(self, version: str | None) -> None:
        if version is not None:
            raise DatasetError(
                f"{self._display_path()} is not versioned.", "Set `versioned: true`, or ask for no version."
            )

    def _path_of(self, version: str) -> str:
        path = self._storage.path
        return f"{path}/{require_simple(version)}/{path.rpartition('/')[2]}"

    def _newest_first(self) -> Iterator[str]:
        """Yield the versions that hold the file: a crash may have left one that does not."""
        for name in sorted(self._storage.names(), reverse=True):
            if self._storage.exists(self._path_of(name)):
                yield name

    def _newest_few(self, most: int = 5) -> str:
        versions = self.versions()
        more = f" and {len(versions) - most} older" if len(versions) > most else ""
        return f"Newest versions: {', '.join(versions[:most]) or 'none'}{more}."

    def _display_path(self, version: str | None = None) -> str:
        path = self._storage.display_path
        return f"{path}/{version}/{PurePosixPath(path).name}" if version else path

    @contextmanager
    def _dataset_errors(self, what: str, hint: str) -> Iterator[None]:
        """Turn whatever a library raises into one DatasetError."""
        try:
            yield
        except DatasetError:
            raise
        except ImportError as error:
            extra = FORMATS[self.type_name].extra
            hint = f"pip install 'ipyproject[{extra}]'" if extra else hint
            raise DatasetError(f"{what}: {self.type_name} needs a library. {reason(error)}", hint) from error
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:  # from the disk, not about the content
                hint = "Check the path, its permissions and the space left."
            raise DatasetError(f"{what}: {reason(error)}", hint) from error


def sharing(dataset: Dataset) -> Dataset:
    """Return a dataset of the same data that can change without this one; one of another class as it is."""
    return copy(dataset) if isinstance(dataset, (MemoryDataset, FileDataset)) else dataset


def require_versioned(dataset: Dataset) -> FileDataset:
    """Return the dataset if it has versions.

    Raises:
        DatasetError: It has none.
    """
    if isinstance(dataset, FileDataset) and dataset.versioned:
        return dataset
    raise DatasetError("it is not versioned.", "Set `versioned: true` in its definition, or ask for no version.")


def require_simple(version: str) -> str:
    """Return the version if it can be the name of a folder.

    Raises:
        DatasetError: It is empty, a dot, or holds a separator.
    """
    if not version or version in {".", ".."} or set(version) & set("/\\\0"):
        raise DatasetError(f"{version!r} can't be a version.", "A version is a simple name, such as a run id.")
    return version


def _chunks(data: Iterable[Any], at_end: ExitStack) -> Iterator[Any]:
    """Keep the file of a chunked read (``chunksize`` in ``load_args``) open until the last chunk."""
    with at_end:
        yield from data


def _moments() -> Iterator[str]:
    """Yield the names of versions of now, each a moment later: others may save at the same one."""
    moment = datetime.now(UTC)
    while True:
        yield moment.strftime("%Y-%m-%dT%H.%M.%S.%fZ")
        moment += timedelta(microseconds=1)


def _suffix(path: str) -> str:
    suffixes = [suffix for suffix in PurePosixPath(path).suffixes if suffix not in _COMPRESSIONS]
    return suffixes[-1][1:] if suffixes else ""
