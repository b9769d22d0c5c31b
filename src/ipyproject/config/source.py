"""Where configuration files come from: a folder, or an archive of one."""

from __future__ import annotations

import io
import os
import stat
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from ipyproject.config.documents import SUFFIXES, too_large
from ipyproject.config.limits import MAX_ARCHIVE, MAX_ENTRIES, MAX_FILE
from ipyproject.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ARCHIVES = (".zip", ".tar.gz")


class ConfFile(NamedTuple):
    """A configuration file: its path below its env's folder, its name in messages, and how to read its bytes."""

    path: str
    name: str
    read: Callable[[], bytes]


class ConfSource(Protocol):
    """What the loader needs of a place that holds configuration. A hidden file or folder is never part of it."""

    def folders(self) -> list[str]:
        """Return the names of the folders at its top: the base and the envs, sorted."""

    def files(self, folder: str) -> list[ConfFile]:
        """Return the configuration files at every depth of one of these folders, sorted by path."""


def open_source(path: Path, base_env: str) -> ConfSource:
    """Open a conf source.

    Args:
        path: A folder, or a ``.zip`` or ``.tar.gz`` of one.
        base_env: The folder that must be there; in an archive it may also be one level down, as in ``conf/base``.

    Raises:
        ConfigError: Nothing is there, it can't be read, or it has no base folder.
    """
    source: ConfSource
    if path.is_dir():
        source = FolderSource(path)
    elif not path.exists():
        raise ConfigError(f"No configuration at {path}.", "Make that folder, or name another with --conf-source.")
    elif path.name.endswith(ARCHIVES):
        source = ArchiveSource(path, base_env)
    else:
        raise ConfigError(
            f"The conf source {path} is neither a folder nor an archive ({', '.join(ARCHIVES)}).",
            "Give the path of one that is there.",
        )
    if base_env not in source.folders():
        raise ConfigError(f"The conf source {path} has no folder {base_env!r}.", f"Make {path.name}/{base_env}.")
    return source


class FolderSource:
    """A conf folder on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def folders(self) -> list[str]:
        """Return the names of the folders at its top."""
        return [entry.name for entry in _visible_entries(self._path) if entry.is_dir()]

    def files(self, folder: str) -> list[ConfFile]:
        """Return the configuration files at every depth of `folder`."""
        found = _walk(str(self._path / folder), "", frozenset())
        label = f"{self._path.name}/{folder}"
        files = [ConfFile(path, f"{label}/{path}", partial(_read, file, f"{label}/{path}")) for path, file in found]
        return sorted(files, key=lambda file: file.path)


def _visible_entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise ConfigError(f"The folder {folder} can't be read: {error.strerror}.", "Check its permissions.") from None


def _walk(folder: str, prefix: str, above: frozenset[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Yield the path below the top folder and the real path of each file; links that lead back up are not followed."""
    stat = os.stat(folder)  # noqa: PTH116 - a Path per folder would be the walk's main cost
    here = (stat.st_dev, stat.st_ino)
    if here in above:
        return
    for entry in _visible_entries(folder):
        if entry.is_dir():
            yield from _walk(entry.path, f"{prefix}{entry.name}/", above | {here})
        elif entry.name.endswith(SUFFIXES) and entry.is_file():
            yield f"{prefix}{entry.name}", entry.path


def _read(file: str, name: str) -> bytes:
    try:
        with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 - a Path and a buffer would be half of the time
            if os.fstat(opened.fileno()).st_size > MAX_FILE:
                raise too_large(name)
            return opened.readall()
    except OSError as error:
        raise ConfigError(f"{name} can't be read: {error.strerror}.", "Check the file and its permissions.") from None


class ArchiveSource:
    """A conf folder packed as ``.zip`` or ``.tar.gz``; read once, never unpacked to disk.

    Only plain files and folders in it are read: a link or a device, and a name that leads out of it, are passed over.

    Raises:
        ConfigError: It can't be read, or is larger than a conf folder may be.
    """

    def __init__(self, path: Path, base_env: str) -> None:
        self._label = path.name
        try:
            members = dict(_zip_members(path) if path.suffix == ".zip" else _tar_members(path))
        except _TooMuchError as error:
            raise ConfigError(
                f"The archive {path} holds more than {error}.", "Pack the conf folder alone, without data."
            ) from None
        except _damage() as error:
            raise ConfigError(f"The archive {path} can't be read: {error}.", "Pack the conf folder again.") from None
        visible = {name: content for name, content in members.items() if _is_visible(name)}
        self._prefix = _prefix(visible, base_env)
        self._members = {
            name.removeprefix(self._prefix): content
            for name, content in visible.items()
            if name.startswith(self._prefix)
        }

    def folders(self) -> list[str]:
        """Return the names of the folders at the top."""
        return sorted({name.partition("/")[0] for name in self._members if "/" in name})

    def files(self, folder: str) -> list[ConfFile]:
        """Return the configuration files at every depth of `folder`."""
        return [
            ConfFile(name.removeprefix(f"{folder}/"), f"{self._label}/{self._prefix}{name}", partial(bytes, content))
            for name, content in sorted(self._members.items())
            if name.startswith(f"{folder}/") and name.endswith(SUFFIXES)
        ]


def _is_visible(name: str) -> bool:
    return not any(part.startswith(".") for part in name.split("/"))


def _prefix(names: Iterable[str], base_env: str) -> str:
    """Return what stands before the base folder: nothing, or the one folder that all was packed in."""
    tops = {name.partition("/")[0] for name in names}
    if base_env in tops:
        return ""
    inside = sorted({name.partition("/")[0] for name in names if name.split("/")[1:2] == [base_env]})
    return f"{inside[0]}/" if inside else ""


class _TooMuchError(Exception):
    """An archive that holds too much; the message says of what."""


class _Measured:
    """What is read of an archive, as it comes out of its packing, never more than is allowed.

    Sizes that an archive states of itself prove nothing, so the bytes are counted; what is passed over counts, too.
    """

    def __init__(self, file: IO[bytes], most: int, what: str) -> None:
        self._file = file
        self._left = most
        self._what = what

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes, or all.

        Raises:
            _TooMuchError: More is there than is allowed.
        """
        content = self._file.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise _TooMuchError(self._what)
        return content


_UNPACKED = f"{MAX_ARCHIVE // 10**6} MB, unpacked"
_IN_NUMBER = f"{MAX_ENTRIES:,} files and folders"
_IN_ONE = f"{MAX_FILE // 10**6} MB in the file {{}}"


class _ZipFile(io.FileIO):
    """A zip file whose directory, which is read and taken apart as a whole, is not longer than entries need."""

    is_listed = False

    def read(self, size: int | None = -1) -> bytes:
        """Read at most `size` bytes, or all.

        Raises:
            _TooMuchError: The directory is longer.
        """
        if not self.is_listed and (size or 0) > MAX_ENTRIES * 250:  # 46 bytes, a name, times and rights
            raise _TooMuchError(_IN_NUMBER)
        return super().read(size) or b""


def _zip_members(path: Path) -> Iterator[tuple[str, bytes]]:
    from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

    left = MAX_ARCHIVE
    with _ZipFile(path) as file, ZipFile(file) as archive:
        file.is_listed = True
        if len(archive.infolist()) > MAX_ENTRIES:
            raise _TooMuchError(_IN_NUMBER)
        for member in archive.infolist():
            if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:  # the others unpack all before they give any
                raise NotImplementedError("it is packed by another method than deflate")
            name = _inside(member.filename, is_folder=member.is_dir())
            if name is None or stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                continue
            content = b""
            if name.endswith(SUFFIXES):
                with archive.open(member) as opened:
                    most, what = (MAX_FILE, _IN_ONE.format(name)) if left > MAX_FILE else (left, _UNPACKED)
                    content = _Measured(opened, most, what).read()
                left -= len(content)
            yield name, content


def _tar_members(path: Path) -> Iterator[tuple[str, bytes]]:
    import gzip
    import tarfile

    with gzip.open(path) as unpacked:
        # Read as a stream, forwards only: so all that is read passes by once.
        measured: IO[bytes] = _Measured(unpacked, MAX_ARCHIVE, _UNPACKED)  # type: ignore[assignment,arg-type]
        with tarfile.open(fileobj=measured, mode="r|") as archive:
            for count, member in enumerate(archive):
                if count == MAX_ENTRIES:
                    raise _TooMuchError(_IN_NUMBER)
                name = _inside(member.name, is_folder=member.isdir())
                if name is None or not (member.isreg() or member.isdir()):
                    continue
                opened = archive.extractfile(member) if name.endswith(SUFFIXES) else None
                if opened and member.size > MAX_FILE:
                    raise _TooMuchError(_IN_ONE.format(name))
                yield name, opened.read() if opened else b""


def _inside(name: str, *, is_folder: bool) -> str | None:
    """Return the plain form of a member's name, a folder's with a ``/`` behind it; None if it leads out."""
    # PurePosixPath drops the "./" that `tar -C conf .` writes before each name.
    plain = PurePosixPath(name)
    return None if plain.is_absolute() or ".." in plain.parts else f"{plain}{'/' * is_folder}"


def _damage() -> tuple[type[Exception], ...]:
    """Return what the archive readers raise for a file that is damaged, locked by a password or no archive."""
    import tarfile
    import zipfile
    import zlib

    return (OSError, EOFError, RuntimeError, NotImplementedError, tarfile.TarError, zipfile.BadZipFile, zlib.error)
