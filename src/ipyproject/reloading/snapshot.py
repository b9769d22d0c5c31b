"""What a project's files hold at one moment, and how two such moments differ.

Taking a snapshot costs one walk with a ``stat`` per file; only files that are new, or whose ``stat`` differs from the
previous snapshot's, are read. A file's content is kept as a digest. Files above 1 MiB (package data, most often) are
never read: their ``stat`` stands for their content, so touching one counts as a change, which is too much at worst.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from ipyproject.config.documents import SUFFIXES
from ipyproject.project import METADATA_FILE
from ipyproject.reloading.code_folders import (
    CODE_SUFFIXES,
    SOURCE_SUFFIX,
    is_environment,
    is_source_folder,
    source_tops,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from ipyproject.project import Project

HASHED_UP_TO = 1 << 20
"""Size in bytes up to which a file's content is compared, not only its ``stat``."""

_NOTEBOOKS = ".ipynb"  # saved every few minutes, and read by no import
_LEFT_BY_EDITORS = (
    ("#", ".#", "._", ".~", ".DS_Store", ".nfs", ".fuse_hidden", ".goutputstream-"),
    ("~", ".swp", _NOTEBOOKS),
)
_VIMS_PROBE = "4913"

# Two writes that close together may leave one and the same time. Kernels count in ticks of up to 16 ms and clocks of
# shared folders differ a little; some file systems keep whole seconds, FAT every other one.
_CLOCK_GRAIN_NS, _COARSE_GRAIN_NS = 500_000_000, 2_500_000_000
_SECOND_NS = 1_000_000_000

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_DIGEST_SIZE = 16


class Layer(StrEnum):
    """What a file is to a project.

    ``CODE``: modules (``*.py``, ``*.so``, ``*.pyd``) under the source folder, and folders there that hold no file: they
    can be imported all the same. ``OTHER``: all else there, which a module may have read while it was imported.
    ``CONF``: the configuration files of every env, folders without any, or the one archive. ``METADATA``:
    ``pyproject.toml``. ``READ``: files and folders elsewhere that its code has read while it was executed.
    """

    CODE = "code"
    OTHER = "other"
    CONF = "conf"
    METADATA = "metadata"
    READ = "read"


class FileState(NamedTuple):
    """A file at the moment of a snapshot.

    Attributes:
        signature: ``(mtime_ns, ctime_ns, size, inode)``. None where an equal one later would prove nothing: the file
            was written so shortly before that the clock can't tell the next write apart, or it could not be read.
        content: Equal for equal contents.
    """

    signature: tuple[int, int, int, int] | None
    content: bytes


_UNREADABLE = FileState(None, b"unreadable")
_FOLDER = FileState(None, b"folder")
_MISSING = FileState(None, b"missing")


class LayerChanges(NamedTuple):
    """How one layer's files differ between two snapshots; false when they don't. Paths are sorted."""

    added: tuple[Path, ...] = ()
    changed: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return any(self)


class FileChanges(NamedTuple):
    """How a project's files differ between two snapshots, by layer; false when they don't."""

    code: LayerChanges
    other: LayerChanges
    conf: LayerChanges
    metadata: LayerChanges
    read: LayerChanges

    def __bool__(self) -> bool:
        return any(self)

    @property
    def of_code(self) -> bool:
        """Whether anything is different that code is made from, or has read."""
        return bool(self.code or self.other or self.metadata or self.read)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a project's files hold at one moment. Made by :meth:`take`.

    Attributes:
        files: The state of each file, by layer and absolute path; links in a path are not resolved.
        conf_source: The configuration that was looked at.
        begun_ns: When the first file was looked at, in nanoseconds since the epoch.
    """

    files: Mapping[Layer, Mapping[str, FileState]]
    conf_source: Path
    begun_ns: int

    @classmethod
    def take(
        cls, project: Project, conf_source: Path, *, previous: Snapshot | None = None, reads: Iterable[str] = ()
    ) -> Self:
        """Look at all files that say what a project is. Nothing that the file system does makes this fail.

        In a source folder of its own (``src``) all is walked but ``__pycache__``, ``node_modules``, ``*.egg-info``,
        environments and hidden folders. Where the project's root is the source folder, its top-level modules count and
        the folders that are packages: those with an ``__init__.py``, those that are imported now, and those that hold
        modules and have no name that says otherwise, such as ``data`` or ``tests``. Links are followed, but not upward.

        Take it before the files are read, so that a write meanwhile is found as a change the next time.

        Args:
            project: The project. Of an installed one its package is looked at.
            conf_source: The configuration in force: a folder or an archive.
            previous: An earlier snapshot; files that are as they were then are not read again.
            reads: What code has read (see :attr:`reads`).
        """
        taking = _Taking(previous.files if previous is not None else {})
        if project.source_dir is not None:
            taking.add_file(Layer.METADATA, str(project.root / METADATA_FILE))
        taking.add_conf(str(conf_source.absolute()))
        for top in source_tops(project, taking.listed):
            taking.add_source(top)
        for path in reads:
            taking.add_read(path)
        return cls(taking.files, conf_source, taking.begun_ns)

    @property
    def reads(self) -> Collection[str]:
        """Paths of the files and folders elsewhere that code has read while it was executed."""
        return self.files[Layer.READ].keys()

    def with_conf_source(self, conf_source: Path) -> Snapshot:
        """Return this snapshot with another configuration, looked at now; the other layers stay as they are."""
        if conf_source == self.conf_source:
            return self
        taking = _Taking({})
        taking.add_conf(str(conf_source.absolute()))
        conf = taking.files[Layer.CONF]
        other = {path: state for path, state in self.files[Layer.OTHER].items() if path not in conf}
        return replace(self, files={**self.files, Layer.CONF: conf, Layer.OTHER: other}, conf_source=conf_source)

    def with_reads(self, paths: Iterable[str], written: Collection[str] = ()) -> Snapshot:
        """Return this snapshot with what code has read since it was taken.

        What was written since then may have been read before or after: it counts as changed the next time.

        Args:
            paths: What was read.
            written: What the code itself has written: it is known as it is now.
        """
        taking = _Taking({})
        known = self.files[Layer.CODE].keys() | self.files[Layer.OTHER].keys()
        for path in paths:
            if path not in known:
                taking.add_read(path, since_ns=None if path in written else self.begun_ns)
        return replace(self, files={**self.files, Layer.READ: {**self.files[Layer.READ], **taking.files[Layer.READ]}})

    def with_contents(self, digests: Mapping[str, bytes]) -> Snapshot:
        """Return this snapshot with what modules were really made from: a file may have been written meanwhile.

        Args:
            digests: Absolute path -> :func:`content_digest` of what was read.
        """
        code = dict(self.files[Layer.CODE])
        for path, digest in digests.items():
            if path in code and code[path].content != digest:
                code[path] = FileState(None, digest)
        return replace(self, files={**self.files, Layer.CODE: code})

    def changes_since(self, older: Snapshot) -> FileChanges:
        """Return what became another since an older snapshot of the same project."""
        return FileChanges(**{layer.value: _compare(older.files[layer], self.files[layer]) for layer in Layer})


def _compare(old: Mapping[str, FileState], new: Mapping[str, FileState]) -> LayerChanges:
    both = new.keys() & old.keys()
    changed = {path for path in both if old[path] is not new[path] and old[path].content != new[path].content}
    return LayerChanges(*map(_sorted_paths, (new.keys() - both, changed, old.keys() - both)))


def _sorted_paths(names: Iterable[str]) -> tuple[Path, ...]:
    return tuple(map(Path, sorted(names)))


class _Taking:
    """A snapshot in the making.

    Args:
        known: The previous snapshot's files.
    """

    def __init__(self, known: Mapping[Layer, Mapping[str, FileState]]) -> None:
        self.files: dict[Layer, dict[str, FileState]] = {layer: {} for layer in Layer}
        self._known = {layer: known.get(layer, {}) for layer in Layer}
        self.begun_ns = time.time_ns()  # before the first stat: an earlier time counts more files as just written

    def add_file(self, layer: Layer, path: str) -> None:
        """Add one file, if it is there."""
        try:
            self._add(layer, path, os.stat(path))  # noqa: PTH116 - text all along: a Path per file would be the main cost
        except OSError as error:
            self._add_unreadable(layer, path, error)
        except ValueError:
            return  # a NUL in the path: there is no such file

    def add_read(self, path: str, *, since_ns: int | None = None) -> None:
        """Add what code has read; also what is not there, since it may come.

        Args:
            path: A file or a folder, of which the names in it count.
            since_ns: What was written after that time is noted as equal to nothing.
        """
        try:
            status = os.stat(path)  # noqa: PTH116 - as above
        except (OSError, ValueError):
            self.files[Layer.READ][path] = _MISSING
            return
        if since_ns is not None and max(status.st_mtime_ns, status.st_ctime_ns) >= since_ns:
            self.files[Layer.READ][path] = FileState(None, f"written at {status.st_ctime_ns}".encode())
        elif stat.S_ISDIR(status.st_mode):
            names = sorted(entry.name for entry in self.listed(path, Layer.READ) or ())
            self.files[Layer.READ][path] = FileState(None, content_digest("\0".join(names).encode("utf-8", "replace")))
        elif not self._add(Layer.READ, path, status):
            self.files[Layer.READ][path] = _UNREADABLE

    def add_conf(self, path: str) -> None:
        """Add the configuration files below a folder, or the archive; hidden ones are none, as for the loader."""
        self._add_below(path, Layer.CONF, _conf_layer, _is_visible)

    def add_source(self, path: str) -> None:
        """Add a module, or all that lies in a folder of the source."""
        self._add_below(path, Layer.CODE, _source_layer, is_source_folder)

    def listed(self, folder: str, layer: Layer = Layer.CODE) -> list[os.DirEntry[str]] | None:
        """Return what lies in a folder of a layer; None where that can't be told, which is noted."""
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except OSError as error:
            self._add_unreadable(layer, folder, error)
            return None

    def _add_below(
        self, top: str, own: Layer, layer_of: Callable[[str], Layer | None], enters: Callable[[str], bool]
    ) -> None:
        """Add the files below a folder, or the one file.

        Args:
            top: The folder or file.
            own: The layer of folders that hold nothing.
            layer_of: Tells a file's layer by its name.
            enters: Tells by a folder's name whether it is walked.
        """
        if not os.path.isdir(top):  # noqa: PTH112 - as above
            self.add_file(own, top)
            return
        pending: list[tuple[str, tuple[str, ...]]] = [(top, ())]
        while pending:
            folder, passed = pending.pop()
            entries = self.listed(folder, own)
            if entries is None or (own is Layer.CODE and folder != top and is_environment(entries)):
                continue
            is_empty = True
            for entry in entries:
                name = entry.name
                try:
                    if not entry.is_dir():
                        if (layer := layer_of(name)) is not None:
                            is_empty &= not self._add(layer, entry.path, entry.stat())
                    elif enters(name) and (links := _passed_links(entry, passed)) is not None:
                        is_empty = False
                        pending.append((entry.path, links))
                except OSError as error:
                    is_empty &= not self._add_unreadable(layer_of(name) or own, entry.path, error)
            if is_empty:
                self.files[own][folder] = _FOLDER

    def _add(self, layer: Layer, path: str, status: os.stat_result) -> bool:
        """Add a file; False if it is none that can be read (a pipe, a device)."""
        if not stat.S_ISREG(status.st_mode):
            return False
        if layer is Layer.OTHER and path in self.files[Layer.CONF]:
            return True  # a conf source inside the package
        signature = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        state = self._known[layer].get(path)
        if state is None or state.signature != signature:
            state = self._examined(path, signature)
        self.files[layer][path] = state
        return True

    def _add_unreadable(self, layer: Layer, path: str, error: OSError) -> bool:
        """Note what can't be looked at; False for what has just vanished, and a link to nothing: it is not there."""
        if error.errno in _GONE:
            return False
        self.files[layer][path] = _UNREADABLE
        return True

    def _examined(self, path: str, signature: tuple[int, int, int, int]) -> FileState:
        mtime, ctime, size, _ = signature
        is_coarse = not (mtime % _SECOND_NS and ctime % _SECOND_NS)
        grain = _COARSE_GRAIN_NS if is_coarse else _CLOCK_GRAIN_NS
        is_settled = max(mtime, ctime) < self.begun_ns - grain
        if size > HASHED_UP_TO and not path.endswith(SOURCE_SUFFIX):  # what was compiled is compared with it
            # What was just written and is not read can't be told from what is written next: equal to nothing.
            content = repr(signature if is_settled else (*signature, self.begun_ns)).encode()
        else:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
                content = content_digest(file.readall())
        return FileState(signature if is_settled else None, content)


def content_digest(content: bytes) -> bytes:
    """Return the digest by which a snapshot knows a file's content."""
    return blake2b(content, digest_size=_DIGEST_SIZE).digest()


def _conf_layer(name: str) -> Layer | None:
    return Layer.CONF if name.endswith(SUFFIXES) and _is_visible(name) else None


def _is_visible(name: str) -> bool:
    return not name.startswith(".")


def _source_layer(name: str) -> Layer | None:
    if name.endswith(CODE_SUFFIXES) and not name.startswith("."):
        return Layer.CODE
    prefixes, suffixes = _LEFT_BY_EDITORS
    return None if name.startswith(prefixes) or name.endswith(suffixes) or name == _VIMS_PROBE else Layer.OTHER


def _passed_links(entry: os.DirEntry[str], passed: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the folders in which links were followed on the way into a folder; None if it lies above one of them.

    An endless path would pass some folder's link twice, and so would come back to a folder above it: that is refused.

    Args:
        entry: A folder.
        passed: The real folders in which links were followed so far.
    """
    if not entry.is_symlink():
        return passed
    passed = (*passed, os.path.realpath(os.path.dirname(entry.path)))  # noqa: PTH120 - as above
    target = os.path.join(os.path.realpath(entry.path), "")  # noqa: PTH118 - as above
    return None if any(f"{folder}{os.sep}".startswith(target) for folder in passed) else passed
