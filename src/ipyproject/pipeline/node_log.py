"""The nodes of a pipeline, kept so that adding to it copies nothing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Self

from ipyproject.errors import PipelineError
from ipyproject.pipeline.node import TRANSCODING_HINT, Node, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class _Log:
    """Nodes in the order in which they came, only ever appended to, shared by the views of its beginnings."""

    __slots__ = ("by_name", "nodes", "producers", "uses")

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.by_name: dict[str, tuple[int, Node]] = {}
        self.producers: dict[str, tuple[int, Node]] = {}
        self.uses: dict[str, tuple[Node, str]] = {}  # plain name of a dataset -> who used it first, and as what


class NodeLog:
    """An immutable view of the first so many nodes of a shared log.

    ``sum(pipelines)`` makes a pipeline per step. Each step appends to the log of the one before and sees more of it,
    so the whole takes time linear in the nodes; only adding twice to the same pipeline copies it.
    """

    __slots__ = ("_length", "_log")

    def __init__(self) -> None:
        self._log = _Log()
        self._length = 0

    def __iter__(self) -> Iterator[Node]:
        return islice(self._log.nodes, self._length)

    def __len__(self) -> int:
        return self._length

    def node(self, name: str) -> Node | None:
        """Return the node of that name, or None."""
        position, node = self._log.by_name.get(name, (self._length, None))
        return node if position < self._length else None

    def producer(self, dataset: str) -> Node | None:
        """Return the node that writes a dataset, whatever the transcoding of either, or None."""
        position, node = self._log.producers.get(plain_name(dataset), (self._length, None))
        return node if position < self._length else None

    def extended(self, nodes: Iterable[Node]) -> Self:
        """Return a view of these nodes and more; a node that is there already counts once.

        Raises:
            PipelineError: Two nodes have one name or write one dataset, or a dataset is used with a transcoding and
                without. This view is as it was.
        """
        result = type(self)()
        result._log = self._log if len(self._log.nodes) == self._length else self._copied()
        result._length = self._length
        for node in nodes:
            if result._admits(node):
                result._append(node)
        return result

    def _copied(self) -> _Log:
        copy = type(self)()
        for node in self:
            copy._append(node)
        return copy._log

    def _admits(self, node: Node) -> bool:
        for output in node.outputs:
            other = self.producer(output)
            if other is not None and other != node:
                raise PipelineError(
                    f"Two nodes write {output!r}: {other.name!r} ({other.place()}) and {node.name!r} ({node.place()}).",
                    "Let one of them write to a dataset of another name.",
                )
        same_name = self.node(node.name)
        if same_name is not None and same_name != node:
            raise PipelineError(
                f"Two nodes are called {node.name!r}: {same_name.func_name} ({same_name.place()}) and "
                f"{node.func_name} ({node.place()}).",
                "Give one of them another name=.",
            )
        return same_name is None

    def _append(self, node: Node) -> None:
        log = self._log
        log.nodes.append(node)  # first: where this fails, the log holds more than any view of it, and is not added to
        for name in (*node.inputs, *node.outputs):
            plain = plain_name(name) if "@" in name else name  # a call for each would be noticed
            other, before = log.uses.setdefault(plain, (node, name))
            if (name == plain) != (before == plain):
                raise PipelineError(
                    f"Node {node.name!r} uses {name!r}, and node {other.name!r} uses {before!r}: one dataset with a "
                    "transcoding and without.",
                    TRANSCODING_HINT,
                )
        log.by_name[node.name] = (self._length, node)
        for output in node.outputs:
            log.producers[plain_name(output)] = (self._length, node)
        self._length += 1
