"""Which part of a pipeline runs: by tags, by nodes, from and to nodes or datasets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ipyproject.errors import PipelineError, did_you_mean
from ipyproject.pipeline.node import Node, as_names, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ipyproject.pipeline.pipeline import Pipeline

Names = str | list[str] | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a pipeline is asked for; conditions that are given must all hold.

    Attributes:
        tags: Nodes with at least one of these tags.
        nodes: Nodes of these names.
        from_nodes: These nodes and all that depend on them.
        to_nodes: These nodes and all that they depend on.
        from_inputs: Nodes that read these datasets, and all that depend on them.
        to_outputs: Nodes that write these datasets, and all that they depend on.
        namespaces: Nodes in these namespaces, or below them.
    """

    tags: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    from_inputs: tuple[str, ...] = ()
    to_outputs: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    @classmethod
    def of(cls, **names: Names) -> Selection:
        """Build a selection from single names, lists or None."""
        return cls(**{key: tuple(as_names(value)) for key, value in names.items()})

    def as_dict(self) -> dict[str, list[str]]:
        """Return what is asked for, without the empty conditions."""
        return {item.name: list(names) for item in fields(self) if (names := getattr(self, item.name))}

    def apply(self, pipeline: Pipeline) -> Pipeline:
        """Return the part of a pipeline that is asked for, in time linear in its nodes and edges.

        Raises:
            PipelineError: The pipeline has no nodes, a name does not exist in it, or nothing meets all conditions.
        """
        if not len(pipeline):
            raise PipelineError(
                "The pipeline has no nodes: there is nothing to run.",
                "Return one with nodes from register_pipelines(), or from a create_pipeline() in <package>/pipelines/.",
            )
        conditions = list(self._conditions(pipeline))
        if not conditions:
            return pipeline
        chosen = set.intersection(*conditions)
        if not chosen:
            raise PipelineError(
                f"No node of the pipeline meets all of {self}.", "Ask for less at once, or look at pipeline.nodes."
            )
        return pipeline.restricted_to(chosen)

    def __str__(self) -> str:
        return ", ".join(f"{key}={','.join(names)}" for key, names in self.as_dict().items()) or "everything"

    def _conditions(self, pipeline: Pipeline) -> Iterator[set[Node]]:
        if self.tags:
            yield _tagged(pipeline, self.tags)
        if self.nodes:
            yield _named(pipeline, self.nodes)
        if self.from_nodes:
            yield _reached(_named(pipeline, self.from_nodes), pipeline.children)
        if self.to_nodes:
            yield _reached(_named(pipeline, self.to_nodes), pipeline.parents)
        if self.from_inputs:
            yield _reached(_touching(pipeline, self.from_inputs, "inputs"), pipeline.children)
        if self.to_outputs:
            yield _reached(_touching(pipeline, self.to_outputs, "outputs"), pipeline.parents)
        if self.namespaces:
            yield _in_namespaces(pipeline, self.namespaces)


def _refuse(unknown: list[str], problem: str, known: Iterable[str], what: str) -> None:
    if unknown:
        raise PipelineError(f"{problem} {unknown[0]!r}.", did_you_mean(unknown[0], known, what))


def _tagged(pipeline: Pipeline, tags: tuple[str, ...]) -> set[Node]:
    _refuse([tag for tag in tags if tag not in pipeline.tags], "No node has the tag", pipeline.tags, "Tags")
    return {node for node in pipeline if not node.tags.isdisjoint(tags)}


def _in_namespaces(pipeline: Pipeline, namespaces: tuple[str, ...]) -> set[Node]:
    known = pipeline.namespaces
    _refuse([each for each in namespaces if each not in known], "No node is in the namespace", known, "Namespaces")
    prefixes = tuple(f"{namespace}." for namespace in namespaces)
    return {node for node in pipeline if f"{node.namespace or ''}.".startswith(prefixes)}


def _named(pipeline: Pipeline, names: tuple[str, ...]) -> set[Node]:
    found = {name: node for name in names if (node := pipeline.node(name)) is not None}
    _refuse([name for name in names if name not in found], "No node is called", pipeline.node_names, "Nodes")
    return set(found.values())


def _touching(pipeline: Pipeline, datasets: tuple[str, ...], side: str) -> set[Node]:
    wanted = {plain_name(name) for name in datasets}
    touched = {node: wanted.intersection(map(plain_name, getattr(node, side))) for node in pipeline}
    known = set().union(*touched.values())
    verb = "reads" if side == "inputs" else "writes"
    _refuse(
        [each for each in datasets if plain_name(each) not in known], f"No node {verb}", pipeline.datasets, "Datasets"
    )
    return {node for node, names in touched.items() if names}


def _reached(starts: set[Node], neighbours: Mapping[Node, Any]) -> set[Node]:
    reached = set(starts)
    waiting = list(starts)
    while waiting:
        for node in neighbours[waiting.pop()]:
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached
