"""The files of each kind, read and put together per env: the base layer, and the env's over it."""

from __future__ import annotations

import re
from hashlib import sha256
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.config.documents import read_document
from ipyproject.config.parameters import merge_params
from ipyproject.config.paths import KeyPath, follow
from ipyproject.config.references import References
from ipyproject.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

    from ipyproject.config.source import ConfFile, ConfSource
    from ipyproject.memo import Memo

    _Parsed = tuple[dict[Any, Any], frozenset[bytes], References]  # the last three of a Document

# What the loader asks of the texts, so that data without any of it is never searched.
MISSING_MARK = b"???"
RUNTIME_MARK = b"runtime_params"
_MARKS = (MISSING_MARK, RUNTIME_MARK)
_REFERENCE_MARKS = (b"${", b"\\")  # a file may write the `$` of a reference as an escape


def is_template(key: Any) -> bool:
    """Tell whether a top-level key is there only to be referred to."""
    return isinstance(key, str) and key.startswith("_")


class Document(NamedTuple):
    """One file, read. Loaders share its values, so nothing may change them.

    Attributes:
        name: What the file is called in messages.
        digest: The SHA-256 of its content.
        values: Its mapping.
        marks: The marks that stand in its text.
        references: Its references.
    """

    name: str
    digest: bytes
    values: dict[Any, Any]
    marks: frozenset[bytes]
    references: References


class Layer(NamedTuple):
    """What one env's files of one kind say. Loaders share its values, so nothing may change them.

    Attributes:
        values: The values.
        origins: The file of each top-level key.
        marks: The marks that stand in the texts.
        references: Its references.
        documents: The files.
    """

    values: dict[Any, Any]
    origins: dict[Any, str]
    marks: frozenset[bytes]
    references: References
    documents: Sequence[Document] = ()

    @property
    def hashes(self) -> dict[str, str]:
        """The beginning of each file's SHA-256, by its name in messages."""
        return {document.name: document.digest.hex()[:16] for document in self.documents}


class Stack(NamedTuple):
    """The layers of a kind.

    Attributes:
        layers: The layers, lowest first; an env without a file of the kind has an empty one.
        origins: The file of each top-level key in force.
        envs: The env folders that were looked into.
        patterns: The file patterns that were looked for.
        stamp: Stands for the files as they were then, if that was known.
    """

    layers: Sequence[Layer]
    origins: Mapping[Any, str]
    envs: Sequence[str]
    patterns: Sequence[str]
    stamp: Hashable = None


class Layers:
    """Reads each env folder's list of files once and each kind's files once, when first asked for.

    Args:
        source: Where the files are.
        envs: The folders in force, lowest first.
        patterns: File patterns of kinds, in place of ``<kind>*``, ``<kind>*/**`` and ``**/<kind>*``.
        memo: What was read before. A file that holds the same now is not parsed again, and a layer of the same files is
            the very same one.
        stamp: Stands for the files as they are, if that is known: what was read under an equal one is not looked at
            again.
        stamped: Kinds of which that is so; lists of files it is of all kinds.
    """

    def __init__(
        self,
        source: ConfSource,
        envs: Sequence[str],
        patterns: Mapping[str, Sequence[str]],
        memo: Memo,
        *,
        stamp: Hashable = None,
        stamped: Collection[str] = (),
    ) -> None:
        self._source = source
        self._envs = tuple(envs)
        self._patterns = patterns
        self._files: dict[str, list[ConfFile]] = {}
        self._stacks: dict[str, Stack] = {}
        self._memo = memo
        self._stamp = stamp
        self._stamped = stamped

    def patterns(self, kind: str) -> Sequence[str]:
        """Return the file patterns of a kind, relative to an env folder and without suffix."""
        return self._patterns.get(kind) or (f"{kind}*", f"{kind}*/**", f"**/{kind}*")

    def has_files(self, kind: str) -> bool:
        """Tell whether any file is of that kind."""
        return any(self._matching(kind))

    def stack(self, kind: str) -> Stack:
        """Return the layers of a kind.

        Raises:
            ConfigError: A file can't be read, or two files of one env hold the same top-level key.
        """
        found = self._stacks.get(kind)
        if found is None:
            found = self._read(kind)
            read = [key for layer in found.layers for key in _keys(layer)]
            self._stacks[kind] = self._memo.put(("stack", kind), found, read)
        return found

    def _read(self, kind: str) -> Stack:
        stamp = self._stamp if kind in self._stamped else None
        places = (self._envs, tuple(self.patterns(kind)))
        earlier: Stack | None = self._memo.last(("stack", kind))
        is_known = earlier is not None and places == (earlier.envs, earlier.patterns)
        if earlier is not None and is_known and stamp is not None and stamp == earlier.stamp:
            return earlier
        layers = tuple(self._layer(files) for files in self._matching(kind))
        if earlier is not None and is_known and all(map(is_, layers, earlier.layers)):
            return earlier._replace(stamp=stamp)
        origins = {key: name for layer in layers for key, name in layer.origins.items()}
        return Stack(layers, origins, *places, stamp)

    def _layer(self, files: Iterable[ConfFile]) -> Layer:
        """The layer of one env's files; the very one that was read before, if they hold the same."""
        documents = tuple(self._document(file) for file in files)
        return self._memo.get(_key(documents), lambda: _layer_of(documents))

    def _document(self, file: ConfFile) -> Document:
        content = file.read()
        digest = sha256(content).digest()

        def read() -> Document:
            # A file that was renamed, or has the text of another one, is parsed once.
            parsed = self._memo.get(("text", file.name.rpartition(".")[2], digest), lambda: _parse(file.name, content))
            return Document(file.name, digest, *parsed)

        return self._memo.get(("document", file.name, digest), read)

    def _matching(self, kind: str) -> list[list[ConfFile]]:
        fits = re.compile("|".join(map(_translate, self.patterns(kind)))).fullmatch
        return [[file for file in self._files_of(env) if fits(file.path)] for env in self._envs]

    def _files_of(self, env: str) -> list[ConfFile]:
        if env not in self._files:
            stamp, files = self._memo.last(("files", env)) or (None, [])
            if self._stamp is None or stamp != self._stamp:
                _, files = self._memo.put(("files", env), (self._stamp, self._source.files(env)))
            self._files[env] = files
        return self._files[env]


def _translate(pattern: str) -> str:
    """Translate a glob: ``*`` and ``?`` stay within a folder, ``**/`` is any number of folders, ``**`` all below."""
    escaped = re.escape(pattern).replace(r"\*\*/", "(?:[^/]+/)*").replace(r"\*\*", ".*")
    return escaped.replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


def _key(documents: Sequence[Document]) -> Hashable:
    return ("layer", *map(id, documents))


def _keys(layer: Layer) -> list[Hashable]:
    """What a layer and its files are remembered under."""
    return [_key(layer.documents), *(("document", document.name, document.digest) for document in layer.documents)]


def _parse(name: str, content: bytes) -> _Parsed:
    values = read_document(content, name)
    may_refer = any(mark in content for mark in _REFERENCE_MARKS)
    marks = frozenset(mark for mark in _MARKS if mark in content)
    return values, marks, References.of(values) if may_refer else References()


def _layer_of(documents: Sequence[Document]) -> Layer:
    values: dict[Any, Any] = {}
    origins: dict[Any, str] = {}
    for document in documents:
        for key in document.values:
            if key in values and not is_template(key):
                raise ConfigError(
                    f"The key {key!r} is in two files: {origins[key]} and {document.name}.",
                    "Keep it in one of them; keys that begin with `_` may repeat.",
                )
        values.update(document.values)
        origins.update(dict.fromkeys(document.values, document.name))
    marks = frozenset().union(*(document.marks for document in documents))
    return Layer(values, origins, marks, References.among(document.references for document in documents), documents)


def merge_layers(stack: Sequence[Layer], *, deep: bool) -> dict[Any, Any]:
    """Put the values of layers over each other, mapping by mapping or whole top-level keys.

    Returns:
        A new dict. Its values are those of the layers, not copies, but for mappings that were merged. A key keeps the
        place that it has in the lowest layer that holds it; new ones follow in the order in which they are written.
    """
    merged: dict[Any, Any] = {}
    for layer in stack:
        below = merged
        merged = {**below, **layer.values}
        for key, value in layer.values.items() if deep else ():
            lower = below.get(key)
            if isinstance(lower, dict) and isinstance(value, dict):
                merged[key] = merge_params(lower, value)
    return merged


def locate(stack: Sequence[Layer], path: KeyPath) -> str | None:
    """Return the file whose value is in force at `path`, or None when no file has it."""
    for layer in reversed(stack):
        if follow(layer.values, path).complete:
            origin: str = layer.origins[path[0]]
            return origin
    return None
