"""What is known of the sources of a project's modules: as they were executed, and as they are now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject.reloading.snapshot import content_digest
from ipyproject.reloading.uses import read_facts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ipyproject.reloading.facts import SourceFacts


class SourceCache:
    """Facts of source files, read once per content.

    Args:
        folders: The folders on ``sys.path`` that hold the project's packages.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._read: dict[tuple[str, bool, bytes], SourceFacts | None] = {}
        self._executed: dict[str, tuple[Path, bytes, bytes]] = {}
        self._of_executed: dict[str, SourceFacts | None] = {}

    def executed(self, name: str, path: Path, source: bytes) -> None:
        """Take note that a module was executed from a source. It is read only when somebody asks.

        Args:
            name: The module's name.
            path: Its file.
            source: What was compiled.
        """
        known, now = self._executed.get(name), (path, source, content_digest(source))
        self._executed[name] = now
        if known is None or (known[0], known[2]) != (now[0], now[2]):
            self._of_executed.pop(name, None)

    def is_executed(self, name: str) -> bool:
        """Whether a module is known to have been executed."""
        return name in self._executed

    def forget(self, name: str) -> None:
        """Take note that a module is no longer loaded."""
        self._executed.pop(name, None)
        self._of_executed.pop(name, None)

    def digests(self, loaded: Collection[str]) -> dict[str, str]:
        """Return the executed modules that are among the loaded ones, each with a digest of its source."""
        return {name: digest.hex() for name, (_, _, digest) in self._executed.items() if name in loaded}

    def of_executed(self, name: str) -> SourceFacts | None:
        """Return the facts of a module as it was executed; None where that is unknown or does not compile."""
        if name not in self._of_executed:
            known = self._executed.get(name)
            if known is None:
                return None
            path, source, digest = known
            self._of_executed[name] = self._facts(name, source, digest, is_package=_is_init(path))
        return self._of_executed[name]

    def known(self) -> set[SourceFacts | None]:
        """Return the facts of all sources that were read and not forgotten."""
        return set(self._read.values())

    def read_all(self) -> None:
        """Read the sources of all executed modules that were not read yet, and forget those of earlier contents.

        It takes about a millisecond per module, so a thread may do it before somebody asks.
        """
        kept = set()
        for name, (path, _, digest) in list(self._executed.items()):
            self.of_executed(name)
            kept.add((name, _is_init(path), digest))
        for key in [key for key in self._read if key not in kept]:
            self._read.pop(key, None)

    def of_file(self, name: str, path: Path) -> SourceFacts | None:
        """Return the facts of a module's file as it is now; None where it can't be read or does not compile."""
        try:
            source = path.read_bytes()
        except OSError:
            return None
        return self._facts(name, source, content_digest(source), is_package=_is_init(path))

    def find(self, name: str) -> Path | None:
        """Return the file that a module of that name would have, as an import would find it."""
        inner = Path(*name.split("."))
        for folder in self._folders:
            for path in (folder / inner / "__init__.py", folder / f"{inner}.py"):
                if path.is_file():
                    return path
        return None

    def is_there(self, name: str) -> bool:
        """Whether there is a file or a folder of that name, which an import would find."""
        inner = Path(*name.split("."))
        return any((folder / inner).is_dir() or (folder / f"{inner}.py").is_file() for folder in self._folders)

    def name_of(self, path: Path) -> str | None:
        """Return the name of the module that a file is; None for a file outside the folders."""
        for folder in self._folders:
            if path.is_relative_to(folder):
                relative = path.relative_to(folder)
                parts = (*relative.parts[:-1], path.name.partition(".")[0])
                return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or None
        return None

    def _facts(self, name: str, source: bytes, digest: bytes, *, is_package: bool) -> SourceFacts | None:
        key = (name, is_package, digest)
        if key not in self._read:
            self._read[key] = read_facts(source, name, is_package=is_package)
        return self._read[key]


def _is_init(path: Path) -> bool:
    return path.name == "__init__.py"
