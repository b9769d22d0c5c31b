"""Which part of a pipeline runs: by tags, by nodes, from and to nodes or datasets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ipyproject.errors import PipelineError, did_you_mean
from ipyproject.pipeline.node import Node, as_names, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
        conditions = [condition for condition in self._conditions(pipeline) if condition is not None]
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

    def _conditions(self, pipeline: Pipeline) -> Iterable[set[Node] | None]:
        yield self._tagged(pipeline)
        yield _named(pipeline, self.nodes)
        yield _reached(_named(pipeline, self.from_nodes), pipeline.children)
        yield _reached(_named(pipeline, self.to_nodes), pipeline.parents)
        yield _reached(_touching(pipeline, self.from_inputs, "inputs"), pipeline.children)
        yield _reached(_touching(pipeline, self.to_outputs, "outputs"), pipeline.parents)
        yield self._in_namespaces(pipeline)

    def _tagged(self, pipeline: Pipeline) -> set[Node] | None:
        if not self.tags:
            return None
        for tag in self.tags:
            if tag not in pipeline.tags:
                raise PipelineError(f"No node has the tag {tag!r}.", did_you_mean(tag, pipeline.tags, "Tags"))
        wanted = frozenset(self.tags)
        return {node for node in pipeline if node.tags & wanted}

    def _in_namespaces(self, pipeline: Pipeline) -> set[Node] | None:
        if not self.namespaces:
            return None
        known = pipeline.namespaces
        for namespace in self.namespaces:
            if namespace not in known:
                raise PipelineError(
                    f"No node is in the namespace {namespace!r}.", did_you_mean(namespace, known, "Namespaces")
                )
        prefixes = tuple(f"{namespace}." for namespace in self.namespaces)
        return {node for node in pipeline if f"{node.namespace or ''}.".startswith(prefixes)}


def _named(pipeline: Pipeline, names: tuple[str, ...]) -> set[Node] | None:
    if not names:
        return None
    found = set()
    for name in names:
        node = pipeline.node(name)
        if node is None:
            raise PipelineError(f"No node is called {name!r}.", did_you_mean(name, pipeline.node_names, "Nodes"))
        found.add(node)
    return found


def _touching(pipeline: Pipeline, datasets: tuple[str, ...], side: str) -> set[Node] | None:
    if not datasets:
        return None
    wanted = {plain_name(name): name for name in datasets}
    found: set[Node] = set()
    seen: set[str] = set()
    for node in pipeline:
        touched = {plain_name(name) for name in getattr(node, side)} & wanted.keys()
        if touched:
            found.add(node)
            seen |= touched
    for missing in wanted.keys() - seen:
        verb = "reads" if side == "inputs" else "writes"
        raise PipelineError(
            f"No node {verb} {wanted[missing]!r}.", did_you_mean(wanted[missing], pipeline.datasets, "Datasets")
        )
    return found


def _reached(starts: set[Node] | None, neighbours: Mapping[Node, Any]) -> set[Node] | None:
    if starts is None:
        return None
    reached = set(starts)
    waiting = list(starts)
    while waiting:
        for node in neighbours[waiting.pop()]:
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached
