"""The nodes of a pipeline, kept so that adding to it copies nothing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Self

from ipyproject.errors import PipelineError
from ipyproject.pipeline.node import TRANSCODING_HINT, Node, is_transcoded, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class _Log:
    """Nodes in the order in which they came, only ever appended to, shared by the views of its beginnings."""

    __slots__ = ("by_name", "nodes", "producers", "transcoded", "whole")

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.by_name: dict[str, tuple[int, Node]] = {}
        self.producers: dict[str, tuple[int, Node]] = {}
        self.whole: set[str] = set()  # names of datasets that are used without a transcoding
        self.transcoded: set[str] = set()  # plain names of those that are used with one


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
        if node.is_transcoded or log.transcoded:
            self._check_spelling(node)
        else:
            log.whole.update(node.inputs, node.outputs)
        log.by_name[node.name] = (self._length, node)
        for output in node.outputs:
            log.producers[plain_name(output)] = (self._length, node)
        log.nodes.append(node)
        self._length += 1

    def _check_spelling(self, node: Node) -> None:
        """See to it that each dataset is always used with a transcoding, or never.

        Raises:
            PipelineError: The node uses one in the other way than a node before it.
        """
        log = self._log
        names = (*node.inputs, *node.outputs)
        for name in names:
            if plain_name(name) in (log.whole if is_transcoded(name) else log.transcoded):
                other, before = self._first_use(plain_name(name))
                raise PipelineError(
                    f"Node {node.name!r} uses {name!r}, and node {other.name!r} uses {before!r}: one dataset with a "
                    "transcoding and without.",
                    TRANSCODING_HINT,
                )
        log.whole.update(name for name in names if not is_transcoded(name))
        log.transcoded.update(plain_name(name) for name in names if is_transcoded(name))

    def _first_use(self, plain: str) -> tuple[Node, str]:
        return next(
            (node, name)
            for node in self._log.nodes
            for name in (*node.inputs, *node.outputs)
            if plain_name(name) == plain
        )
