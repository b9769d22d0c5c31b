"""The files of each kind, read and put together per env: the base layer, and the env's over it."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.config.documents import read_document
from ipyproject.config.parameters import merge_params
from ipyproject.config.paths import KeyPath, follow
from ipyproject.config.references import References
from ipyproject.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ipyproject.config.source import ConfFile, ConfSource

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
    """

    layers: Sequence[Layer]
    origins: Mapping[Any, str]
    envs: Sequence[str]
    patterns: Sequence[str]


class Layers:
    """Reads each env folder's list of files once and each kind's files once, when first asked for.

    Args:
        source: Where the files are.
        envs: The folders in force, lowest first.
        patterns: File patterns of kinds, in place of ``<kind>*``, ``<kind>*/**`` and ``**/<kind>*``.
        previous: Layers read before. A file that holds the same now is not parsed again, and a layer of the same files
            is the very same one.
        unchanged: Kinds whose files are known to be what they were for `previous`: they are not read again.
        same_files: Whether the lists of files are known to be what they were for `previous`.
    """

    def __init__(
        self,
        source: ConfSource,
        envs: Sequence[str],
        patterns: Mapping[str, Sequence[str]],
        previous: Layers | None = None,
        *,
        unchanged: Collection[str] = (),
        same_files: bool = False,
    ) -> None:
        self._source = source
        self._envs = tuple(envs)
        self._patterns = patterns
        self._files: dict[str, list[ConfFile]] = {}
        self._stacks: dict[str, Stack] = {}
        # What loaders before had read, with the kinds of it that need not be read again. Layers and documents are taken
        # over, never who has read them: what is kept does not grow with the number of loaders.
        self._earlier: dict[str, Stack] = {}
        self._unchanged: frozenset[str] = frozenset()
        if previous is not None:
            self._earlier = {**previous._earlier, **previous._stacks}  # noqa: SLF001 - one of this class
            self._unchanged = frozenset(unchanged) & (previous._stacks.keys() | previous._unchanged)  # noqa: SLF001
            if same_files:
                self._files = dict(previous._files)  # noqa: SLF001

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
            found = self._stacks[kind] = self._read(kind, self._earlier.get(kind))
            self._earlier.pop(kind, None)
        return found

    def _read(self, kind: str, earlier: Stack | None) -> Stack:
        places = (self._envs, tuple(self.patterns(kind)))
        is_known = earlier is not None and places == (earlier.envs, earlier.patterns)
        if earlier is not None and is_known and kind in self._unchanged:
            return earlier
        known = _Known(() if earlier is None else earlier.layers)
        layers = tuple(known.layer(files) for files in self._matching(kind))
        if earlier is not None and is_known and all(map(_is, layers, earlier.layers)):
            return earlier
        return Stack(layers, {key: name for layer in layers for key, name in layer.origins.items()}, *places)

    def _matching(self, kind: str) -> list[list[ConfFile]]:
        fits = _compile(self.patterns(kind)).fullmatch
        return [[file for file in self._files_of(env) if fits(file.path)] for env in self._envs]

    def _files_of(self, env: str) -> list[ConfFile]:
        if env not in self._files:
            self._files[env] = self._source.files(env)
        return self._files[env]


def _compile(patterns: Iterable[str]) -> re.Pattern[str]:
    """Translate globs: ``*`` and ``?`` stay within a folder, ``**/`` is any number of folders, ``**`` all below."""
    return re.compile("|".join(_translate(pattern) for pattern in patterns))


def _translate(pattern: str) -> str:
    escaped = re.escape(pattern).replace(r"\*\*/", "(?:[^/]+/)*").replace(r"\*\*", ".*")
    return escaped.replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


class _Known:
    """Reads files, knowing what was read before.

    Args:
        layers: What was read of the same kind before.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        documents = [document for layer in layers for document in layer.documents]
        self._documents = {(document.name, document.digest): document for document in documents}
        self._parsed = {(_format(document.name), document.digest): document for document in documents}

    def layer(self, files: Iterable[ConfFile]) -> Layer:
        """Return the layer of one env's files; the very one that was read before, if they hold the same."""
        documents = tuple(self._document(file) for file in files)
        for layer in self._layers:
            if len(layer.documents) == len(documents) and all(map(_is, layer.documents, documents)):
                return layer
        return _layer_of(documents)

    def _document(self, file: ConfFile) -> Document:
        content = file.read()
        digest = sha256(content).digest()
        document = self._documents.get((file.name, digest))
        if document is not None:
            return document
        renamed = self._parsed.get((_format(file.name), digest))
        return _read(file.name, content, digest) if renamed is None else renamed._replace(name=file.name)


def _is(one: object, other: object) -> bool:
    return one is other


def _format(name: str) -> str:
    return name.rpartition(".")[2]


def _read(name: str, content: bytes, digest: bytes) -> Document:
    values = read_document(content, name)
    may_refer = any(mark in content for mark in _REFERENCE_MARKS)
    marks = frozenset(mark for mark in _MARKS if mark in content)
    return Document(name, digest, values, marks, References.of(values) if may_refer else References())


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
