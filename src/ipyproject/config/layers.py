"""The files of each kind, read and put together per env: the base layer, and the env's over it."""

from __future__ import annotations

import re
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.config.documents import read_document
from ipyproject.config.parameters import merge_params
from ipyproject.config.paths import KeyPath, follow
from ipyproject.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipyproject.config.source import ConfFile, ConfSource

# What the loader asks of the texts, so that data without any of it is never searched.
REFERENCE_MARK = b"${"
MISSING_MARK = b"???"
RUNTIME_MARK = b"runtime_params"
_MARKS = (REFERENCE_MARK, MISSING_MARK, RUNTIME_MARK)


def is_template(key: Any) -> bool:
    """Tell whether a top-level key is there only to be referred to."""
    return isinstance(key, str) and key.startswith("_")


class Layer(NamedTuple):
    """What one env's files of one kind say.

    Attributes:
        values: The values.
        origins: The file of each top-level key.
        marks: The marks that stand in the texts.
        hashes: The beginning of each file's SHA-256, by its name in messages.
    """

    values: dict[Any, Any]
    origins: dict[Any, str]
    marks: frozenset[bytes]
    hashes: Mapping[str, str] = MappingProxyType({})


class Layers:
    """Reads each env folder's list of files once and each kind's files once, when first asked for.

    Args:
        source: Where the files are.
        envs: The folders in force, lowest first.
        patterns: File patterns of kinds, in place of ``<kind>*``, ``<kind>*/**`` and ``**/<kind>*``.
    """

    def __init__(self, source: ConfSource, envs: Sequence[str], patterns: Mapping[str, Sequence[str]]) -> None:
        self._source = source
        self._envs = envs
        self._patterns = patterns
        self._files: list[list[ConfFile]] | None = None
        self._stacks: dict[str, list[Layer]] = {}

    def patterns(self, kind: str) -> Sequence[str]:
        """Return the file patterns of a kind, relative to an env folder and without suffix."""
        return self._patterns.get(kind) or (f"{kind}*", f"{kind}*/**", f"**/{kind}*")

    def has_files(self, kind: str) -> bool:
        """Tell whether any file is of that kind."""
        return any(self._matching(kind))

    def stack(self, kind: str) -> list[Layer]:
        """Return the layers of a kind, lowest first; an env without such a file gives an empty one.

        Raises:
            ConfigError: A file can't be read, or two files of one env hold the same top-level key.
        """
        if kind not in self._stacks:
            self._stacks[kind] = [_read_layer(files) for files in self._matching(kind)]
        return self._stacks[kind]

    def _matching(self, kind: str) -> list[list[ConfFile]]:
        if self._files is None:
            self._files = [self._source.files(env) for env in self._envs]
        fits = _compile(self.patterns(kind)).fullmatch
        return [[file for file in files if fits(file.path)] for files in self._files]


def _compile(patterns: Iterable[str]) -> re.Pattern[str]:
    """Translate globs: ``*`` and ``?`` stay within a folder, ``**/`` is any number of folders, ``**`` all below."""
    return re.compile("|".join(_translate(pattern) for pattern in patterns))


def _translate(pattern: str) -> str:
    escaped = re.escape(pattern).replace(r"\*\*/", "(?:[^/]+/)*").replace(r"\*\*", ".*")
    return escaped.replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


def _read_layer(files: Iterable[ConfFile]) -> Layer:
    values: dict[Any, Any] = {}
    origins: dict[Any, str] = {}
    marks: set[bytes] = set()
    hashes: dict[str, str] = {}
    for file in files:
        content = file.read()
        hashes[file.name] = sha256(content).hexdigest()[:16]
        document = read_document(content, file.name)
        for key in document:
            if key in values and not is_template(key):
                raise ConfigError(
                    f"The key {key!r} is in two files: {origins[key]} and {file.name}.",
                    "Keep it in one of them; keys that begin with `_` may repeat.",
                )
        values.update(document)
        origins.update(dict.fromkeys(document, file.name))
        marks.update(mark for mark in _MARKS if mark in content)
    return Layer(values, origins, frozenset(marks), hashes)


def merge_layers(stack: Iterable[Layer], *, deep: bool) -> dict[Any, Any]:
    """Put the values of layers over each other, mapping by mapping or whole top-level keys."""
    merged: dict[Any, Any] = {}
    for layer in stack:
        merged = merge_params(merged, layer.values) if deep else {**merged, **layer.values}
    return merged


def locate(stack: Sequence[Layer], path: KeyPath) -> str | None:
    """Return the file whose value is in force at `path`, or None when no file has it."""
    for layer in reversed(stack):
        if follow(layer.values, path).complete:
            origin: str = layer.origins[path[0]]
            return origin
    return None
