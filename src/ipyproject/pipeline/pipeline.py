"""An immutable set of nodes that fit together, in the order in which they can run."""

from __future__ import annotations

from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Self

from ipyproject.errors import PipelineError
from ipyproject.pipeline.node import Node, plain_name
from ipyproject.pipeline.node_log import NodeLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Pipeline:
    """Nodes and the order that their inputs and outputs ask for.

    Pipelines are combined as sets of nodes: ``a + b`` and ``a | b`` have the nodes of both, ``a & b`` those in both,
    ``a - b`` those of ``a`` that are not in ``b``; ``sum(pipelines)`` works. Everything is linear in nodes and edges,
    and worked out once.

    Args:
        nodes: Nodes and pipelines; the same node twice counts once.
        tags: Tags that every node gets in addition.

    Raises:
        PipelineError: Two nodes have one name or write one dataset, or the nodes form a cycle.
    """

    def __init__(self, nodes: Iterable[Node | Pipeline], *, tags: str | Iterable[str] | None = None) -> None:
        self._nodes: NodeLog
        flat: list[Node] = []
        for item in nodes:
            if isinstance(item, Pipeline):
                flat.extend(item._nodes)
            elif isinstance(item, Node):
                flat.append(item)
            else:
                raise PipelineError(
                    f"A pipeline is made of nodes, not of {item!r}.", "Write Node(func, inputs, outputs)."
                )
        if tags is not None:
            flat = [node.tagged(tags) for node in flat]
        self._nodes = NodeLog().extended(flat)
        _ = self.nodes  # a cycle is said here, where the pipeline is written, not when it runs

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, each after those whose outputs it reads; otherwise in the order in which they were given.

        Raises:
            PipelineError: The nodes form a cycle (only a sum of pipelines is checked this late).
        """
        log = self._nodes
        if self._is_in_order():
            return tuple(log)
        # By name, not by node: a text's hash costs nothing, and every step of the sorter asks for it.
        graph = {
            node.name: [parent.name for name in node.inputs if (parent := log.producer(name)) is not None]
            for node in log
        }
        try:
            names = tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = _circle(list(reversed(error.args[1])))
            raise PipelineError(
                f"These nodes wait for each other: {circle}.", "Let one of them write to a dataset of another name."
            ) from None
        return tuple(node for name in names if (node := log.node(name)) is not None)

    def _is_in_order(self) -> bool:
        """Whether each node was given after those whose outputs it reads, as people mostly write them."""
        seen = set()
        for node in self._nodes:
            for name in node.inputs:
                parent = self._nodes.producer(name)
                if parent is not None and parent.name not in seen:
                    return False
            seen.add(node.name)
        return True

    @cached_property
    def parents(self) -> dict[Node, tuple[Node, ...]]:
        """Each node and those that write what it reads."""
        producer = self._nodes.producer
        return {
            node: tuple(dict.fromkeys(parent for name in node.inputs if (parent := producer(name)) is not None))
            for node in self._nodes
        }

    @cached_property
    def children(self) -> dict[Node, tuple[Node, ...]]:
        """Each node and those that read what it writes."""
        children: dict[Node, list[Node]] = {node: [] for node in self._nodes}
        for node, parents in self.parents.items():
            for parent in parents:
                children[parent].append(node)
        return {node: tuple(readers) for node, readers in children.items()}

    @cached_property
    def inputs(self) -> frozenset[str]:
        """Names that are read and that no node of it writes: its free inputs, parameters among them."""
        return frozenset(name for node in self._nodes for name in node.inputs if self._nodes.producer(name) is None)

    @cached_property
    def outputs(self) -> frozenset[str]:
        """Names that are written and that no node of it reads."""
        read_names = {plain_name(name) for node in self._nodes for name in node.inputs}
        return frozenset(name for node in self._nodes for name in node.outputs if plain_name(name) not in read_names)

    @cached_property
    def datasets(self) -> frozenset[str]:
        """All names that are read or written."""
        return frozenset(name for node in self._nodes for name in (*node.inputs, *node.outputs))

    @cached_property
    def tags(self) -> frozenset[str]:
        """All tags of its nodes."""
        return frozenset(tag for node in self._nodes for tag in node.tags)

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """All namespaces of its nodes, and those above them."""
        return frozenset(
            ".".join(parts[: depth + 1])
            for namespace in {node.namespace for node in self._nodes if node.namespace}
            for parts in [namespace.split(".")]
            for depth in range(len(parts))
        )

    def node(self, name: str) -> Node | None:
        """Return the node of that name, or None."""
        return self._nodes.node(name)

    @property
    def node_names(self) -> tuple[str, ...]:
        """Names of the nodes, in the order in which they were given."""
        return tuple(node.name for node in self._nodes)

    def producer(self, dataset: str) -> Node | None:
        """Return the node that writes a dataset (whatever its transcoding), or None."""
        return self._nodes.producer(dataset)

    def restricted_to(self, nodes: Iterable[Node]) -> Pipeline:
        """Return the pipeline of some of its nodes."""
        chosen = set(nodes)
        return self._of(NodeLog().extended(node for node in self._nodes if node in chosen))

    def __add__(self, other: object) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        return self._of(self._nodes.extended(other._nodes))

    def __radd__(self, other: object) -> Pipeline:
        """Let ``sum()`` start at its 0."""
        return self if other == 0 else NotImplemented

    def __or__(self, other: object) -> Pipeline:
        return self + other if isinstance(other, Pipeline) else NotImplemented

    def __and__(self, other: object) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        return self.restricted_to(other._nodes)

    def __sub__(self, other: object) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        theirs = set(other._nodes)
        return self.restricted_to(node for node in self._nodes if node not in theirs)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, node: object) -> bool:
        return isinstance(node, Node) and self._nodes.node(node.name) == node

    def __eq__(self, other: object) -> bool:
        return set(self._nodes) == set(other._nodes) if isinstance(other, Pipeline) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._nodes))

    def __repr__(self) -> str:
        most = 5
        names = ", ".join(node.name for node in self.nodes[:most])
        more = f", ... {len(self) - most} more" if len(self) > most else ""
        count = f"{len(self)} node{'' if len(self) == 1 else 's'}"
        return f"Pipeline({count}: {names}{more})" if len(self) else "Pipeline([])"

    @classmethod
    def _of(cls, nodes: NodeLog) -> Self:
        """A pipeline of nodes known to fit together, unsorted until its order is needed."""
        result = cls.__new__(cls)
        result._nodes = nodes
        return result


def _circle(names: list[str]) -> str:
    most = 8
    shown = names if len(names) <= most else [*names[: most - 2], f"... {len(names) - most + 1} more ...", names[-1]]
    return " -> ".join(shown)
