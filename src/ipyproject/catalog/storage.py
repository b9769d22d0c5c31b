"""Where a file lies, through fsspec: reaching it, and replacing it whole or not at all."""

from __future__ import annotations

import os
import re
import stat
import time
from contextlib import closing, contextmanager, suppress
from errno import EACCES, EEXIST, ENOTEMPTY
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from ipyproject.catalog.dataset import reason
from ipyproject.errors import CatalogError, DatasetError
from ipyproject.interrupts import whole_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_HOUR = 3600  # seconds
_MOVING = Lock()
_USER_IN_URL = re.compile(r"://[^/@]*@")


class Storage:
    """A path or URL, and the file system that it belongs to (made when first needed).

    Args:
        filepath: A path (relative to ``root``, ``~`` is the home folder) or a URL that fsspec knows.
        root: The folder of relative paths.
        options: Storage options of the file system; ``open_args_load`` and ``open_args_save`` among them are taken
            out and say how files are opened (``mode``, ``compression``, ``encoding``, ``errors``, ``newline``).

    Raises:
        CatalogError: ``open_args_save`` asks for appending.
    """

    def __init__(self, filepath: str, root: Path, options: Mapping[str, Any]) -> None:
        self._filepath = filepath
        self._root = root
        self._options = dict(options)
        self._read_args = dict(self._options.pop("open_args_load", None) or {})
        self._write_args = dict(self._options.pop("open_args_save", None) or {})
        if set("a+") & set(self._write_args.get("mode", "")):
            raise CatalogError(
                f"{self.display_path}: a file is always written as a whole, "
                f"mode {self._write_args['mode']!r} can't be used.",
                "Remove `mode` from `open_args_save`.",
            )

    @property
    def path(self) -> str:
        """The path as the file system knows it."""
        return self._location[1]

    @property
    def display_path(self) -> str:
        """The path as messages show it: relative to the root, without a password."""
        with suppress(ValueError):
            return Path(self._filepath).relative_to(self._root).as_posix()
        return _USER_IN_URL.sub("://***@", self._filepath)

    def exists(self, path: str) -> bool:
        """Tell whether there is a file or folder."""
        with self._reached():
            return bool(self._fs.exists(path))

    def names(self) -> list[str]:
        """Return the names in the folder at ``path``, not those of saves going on; none if there is no such folder."""
        with self._reached():
            self.forget()
            try:
                entries = self._fs.ls(self.path, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        names = [entry.rstrip("/").rpartition("/")[2] for entry in entries]
        return [name for name in names if not name.startswith(_mark(self.path.rpartition("/")[2]))]

    def forget(self) -> None:
        """Forget what the file system has cached here."""
        if "_location" in self.__dict__:
            self._fs.invalidate_cache(self.path)

    def reading(self, path: str, *, binary: bool) -> Any:
        """Return an ``fsspec.core.OpenFile`` to be opened and closed by the caller."""
        return self._file(path, "rb" if binary else "r", self._read_args)

    @contextmanager
    def replacing(self, path: str, *, binary: bool) -> Iterator[IO[Any]]:
        """Give a file to write; it gets its name only when it is complete, and is removed if anything fails.

        Args:
            path: The file to make or replace.
            binary: Whether bytes or text are written.
        """
        if self._is_local:
            path = Path(path).resolve().as_posix()  # a link stays a link, and the rename stays on one disk
        folder, _, name = path.rpartition("/")
        # The end of the name keeps the suffix, and stays within what file systems take.
        temporary = f"{self._temporary(folder, name)}.{name[-50:]}"
        try:
            with closing(self._file(temporary, "wb" if binary else "w", self._write_args)) as opener:
                file = opener.open()
                if self._is_local:
                    _take_permissions(path, temporary)
                yield file
            if self._is_local:
                Path(temporary).replace(path)
            else:
                self._fs.mv(temporary, path)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(temporary)
            raise

    @contextmanager
    def adding(self, versions: Iterable[str], *, binary: bool) -> Iterator[IO[Any]]:
        """Give a file to write; when it is complete its folder gets the name of the first version that is free.

        The folder appears under that name at once and with the file in it, or not at all: of several that save at once
        no two get one name. In an object store, which has no folders, two processes might.

        Args:
            versions: Names of versions, the preferred one first.
            binary: Whether bytes or text are written.

        Raises:
            FileExistsError: None of them is free.
        """
        folder = Path(self.path).resolve().as_posix() if self._is_local else self.path
        name = self.path.rpartition("/")[2]
        own_folder = self._temporary(folder, name)
        self._fs.makedirs(own_folder, exist_ok=True)
        try:
            with closing(self._file(f"{own_folder}/{name}", "wb" if binary else "w", self._write_args)) as opener:
                yield opener.open()
            move = _move_folder if self._is_local else self._move_file
            if not any(move(own_folder, f"{folder}/{version}", name) for version in versions):
                raise FileExistsError(EEXIST, "taken", folder)
        except BaseException:
            with suppress(Exception):
                self._fs.rm(own_folder, recursive=True)
            raise

    def _move_file(self, old: str, new: str, name: str) -> bool:
        """Move a file into a folder where there is none of its name; return whether that is so."""
        with _MOVING:  # what is in memory is of this process alone
            self.forget()
            if self._fs.exists(f"{new}/{name}"):
                return False
            self._fs.makedirs(new, exist_ok=True)
            self._fs.mv(f"{old}/{name}", f"{new}/{name}")
        with suppress(Exception):
            if self._fs.isdir(old):  # never in an object store, where some would remove more than a folder
                self._fs.rmdir(old)
        return True

    def _temporary(self, folder: str, name: str) -> str:
        """Make sure of a folder, clear what killed saves of a file have left in it, return the beginning of a path."""
        self._fs.makedirs(folder, exist_ok=True)
        if self._is_local:
            _clear(folder, re.compile(rf"{re.escape(_mark(name))}[0-9a-f]{{12}}(?:\..*)?", re.DOTALL))
        return f"{folder}/{_mark(name)}{uuid4().hex[:12]}"

    @cached_property
    def _location(self) -> tuple[Any, str]:
        whole_module("fsspec.implementations.local")
        url_to_fs = whole_module("fsspec.core").url_to_fs
        url = self._filepath
        if "://" not in url:
            url = str(self._root / os.path.expanduser(url))  # noqa: PTH111 - unlike Path's, leaves an unknown ~name alone
        with self._reached():
            fs, path = url_to_fs(url, **self._options)
        return fs, path.rstrip("/")

    @property
    def _fs(self) -> Any:
        return self._location[0]

    @property
    def _is_local(self) -> bool:
        from fsspec.implementations.local import LocalFileSystem

        return isinstance(self._fs, LocalFileSystem)

    def _file(self, path: str, mode: str, args: Mapping[str, Any]) -> Any:
        from fsspec.core import OpenFile

        # Line ends are left alone: what is read is what was written, on every platform.
        defaults = {"mode": mode, "compression": "infer", "encoding": "utf-8", "newline": ""}
        return OpenFile(self._fs, path, **{**defaults, **args})

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except DatasetError:
            raise
        except Exception as error:
            raise DatasetError(
                f"{self.display_path} can't be reached: {reason(error)}", "Check filepath, credentials and fs_args."
            ) from error


def _mark(name: str) -> str:
    """Return what temporary names for a file begin with: those of this name and no other, whatever its end is."""
    return f".{sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}-"


def _move_folder(old: str, new: str, _: str) -> bool:
    """Rename a folder to a name that is free, or that of an empty folder; return whether it was."""
    try:
        Path(old).rename(new)
    except OSError as error:
        if error.errno in {EEXIST, ENOTEMPTY} or (os.name == "nt" and Path(new).exists()):
            return False
        raise
    return True


def _clear(folder: str, pattern: re.Pattern[str]) -> None:
    """Remove this user's files and folders that fit and are older than an hour: of saves that were killed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name):
                with suppress(OSError):
                    inside = list(Path(entry.path).iterdir()) if entry.is_dir(follow_symlinks=False) else []
                    if all(_is_left_over(path) for path in [Path(entry.path), *inside]):
                        for path in inside:
                            path.unlink()
                        remove = os.rmdir if entry.is_dir(follow_symlinks=False) else os.unlink
                        remove(entry.path)


def _is_left_over(path: Path) -> bool:
    found = path.lstat()
    is_own = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return is_own and not stat.S_ISLNK(found.st_mode) and time.time() - found.st_mtime > _HOUR


def _take_permissions(path: str, temporary: str) -> None:
    """Give the new file the old one's permissions before anything is written to it.

    Raises:
        PermissionError: The old file is write-protected; renaming over it would go around that.
    """
    with suppress(FileNotFoundError):
        mode = stat.S_IMODE(Path(path).stat().st_mode)
        if not os.access(path, os.W_OK):
            raise PermissionError(EACCES, "write-protected", path)
        Path(temporary).chmod(mode)
