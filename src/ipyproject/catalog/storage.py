"""Where a file lies, through fsspec: reaching it, and replacing it whole or not at all."""

from __future__ import annotations

import os
import re
import stat
from contextlib import closing, contextmanager, suppress
from errno import EACCES
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from ipyproject.catalog.dataset import reason
from ipyproject.errors import CatalogError, DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        """Return the names in the folder at ``path``; none if there is no such folder."""
        with self._reached():
            self.forget()
            try:
                entries = self._fs.ls(self.path, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        return [entry.rstrip("/").rpartition("/")[2] for entry in entries]

    def forget(self) -> None:
        """Forget what the file system has cached here."""
        if "_location" in self.__dict__:
            self._fs.invalidate_cache(self.path)

    def reading(self, path: str, *, binary: bool) -> Any:
        """Return an ``fsspec.core.OpenFile`` to be opened and closed by the caller."""
        return self._file(path, "rb" if binary else "r", self._read_args)

    @contextmanager
    def replacing(self, path: str, *, binary: bool, levels_up: int = 1) -> Iterator[IO[Any]]:
        """Give a file to write; it gets its name only when it is complete, and is removed if anything fails.

        Args:
            path: The file to make or replace.
            binary: Whether bytes or text are written.
            levels_up: How far above the file's own name the temporary file lies; 1 is the same folder.
        """
        from fsspec.implementations.local import LocalFileSystem

        local = isinstance(self._fs, LocalFileSystem)
        if local:
            path = Path(path).resolve().as_posix()  # a link stays a link, and the rename stays on one disk
        folder = path.rsplit("/", levels_up)[0]
        # The end of the name keeps the suffix, and stays within what file systems take.
        temporary = f"{folder}/.{uuid4().hex[:12]}.{path.rpartition('/')[2][-50:]}"
        self._fs.makedirs(folder, exist_ok=True)
        try:
            with closing(self._file(temporary, "wb" if binary else "w", self._write_args)) as opener:
                file = opener.open()
                if local:
                    _take_permissions(path, temporary)
                yield file
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            if local:
                Path(temporary).replace(path)
            else:
                self._fs.mv(temporary, path)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(temporary)
            raise

    @cached_property
    def _location(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        url = self._filepath
        if "://" not in url:
            url = str(self._root / os.path.expanduser(url))  # noqa: PTH111 - unlike Path's, leaves an unknown ~name alone
        with self._reached():
            fs, path = url_to_fs(url, **self._options)
        return fs, path.rstrip("/")

    @property
    def _fs(self) -> Any:
        return self._location[0]

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
