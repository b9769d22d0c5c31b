"""What a reload found to be different from the session before."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING, Any

from ipyproject.history import ABSENT, flattened
from ipyproject.history.questions.comparison import differences
from ipyproject.reloading import Rebinding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ipyproject.catalog import Catalog
    from ipyproject.context import Context
    from ipyproject.pipeline import Node, PipelineRegistry
    from ipyproject.reloading import LoadedCode


@dataclass(frozen=True, slots=True)
class NameChanges:
    """Names that came, went, or mean something else now."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    @classmethod
    def between(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> NameChanges:
        """Compare what names mean, before and after."""
        found = list(differences(before, after))
        return cls(
            added=tuple(name for name, old, _ in found if old is ABSENT),
            removed=tuple(name for name, _, new in found if new is ABSENT),
            changed=tuple(name for name, old, new in found if old is not ABSENT and new is not ABSENT),
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different from the session before, and what was done for it.

    Attributes:
        executed: Modules that were executed, in order, each with a digest of its source.
        modules: How many modules of the project are loaded.
        sources: Names of modules whose source differs.
        env: The env before and now, if it is another.
        parameters: Dotted name, value before, value now; `ABSENT` where there was, or is, none. Secrets are hidden.
        datasets: Names whose definition differs.
        pipelines: Names of pipelines that have other nodes.
        nodes: Names of nodes whose function's code, inputs, outputs or tags differ.
        names: What was done to names in the notebook.
        outdated: Files of loaded compiled modules that are others now; only a restart of the kernel loads them.
        doubled: Names of modules that are one file, imported more than once; each is said once.
    """

    executed: Mapping[str, str] = field(default_factory=dict)
    modules: int = 0
    sources: NameChanges = field(default_factory=NameChanges)
    env: tuple[str, str] | None = None
    parameters: tuple[tuple[str, Any, Any], ...] = ()
    datasets: NameChanges = field(default_factory=NameChanges)
    pipelines: NameChanges = field(default_factory=NameChanges)
    nodes: NameChanges = field(default_factory=NameChanges)
    names: Rebinding = field(default_factory=Rebinding)
    outdated: tuple[str, ...] = ()
    doubled: tuple[tuple[str, ...], ...] = ()


def compare_opened(before: Inventory | None, now: Inventory, executed: Mapping[str, str], names: Rebinding) -> Changes:
    """Compare a session with the one before; without one, only say what was executed."""
    if before is None:
        return Changes(executed, now.modules, names=names, outdated=now.outdated)
    pipelines, nodes = _pipeline_changes(before.pipelines, now.pipelines)
    return Changes(
        executed=executed,
        modules=now.modules,
        sources=_source_changes(before.sources, now.sources),
        env=(before.env, now.env) if before.env != now.env else None,
        parameters=_parameter_changes(before, now),
        datasets=NameChanges.between(*now.catalog.changed_definitions(before.catalog)),
        pipelines=pipelines,
        nodes=nodes,
        names=names,
        outdated=now.outdated,
    )


@dataclass(frozen=True, slots=True)
class Inventory:
    """What of two sessions is compared; taken from the first when it is closed.

    Attributes:
        env: The env.
        sources: Module -> digest of its source, where a reload has executed it.
        modules: How many modules of the project are loaded.
        outdated: Files of loaded compiled modules that are others now.
        params: The resolved parameters.
        recorded: Hides the secrets of parameters.
        catalog: The catalog.
        pipelines: Name -> pipeline.
    """

    env: str
    sources: Mapping[str, str]
    modules: int
    outdated: tuple[str, ...]
    params: Mapping[str, Any]
    recorded: Callable[[Mapping[str, Any]], dict[str, Any]]
    catalog: Catalog
    pipelines: PipelineRegistry

    @classmethod
    def of(
        cls,
        context: Context,
        pipelines: PipelineRegistry,
        code: LoadedCode | None,
        recorded: Callable[[Mapping[str, Any]], dict[str, Any]],
    ) -> Inventory:
        """Take down what an open session has.

        Args:
            context: Its context.
            pipelines: Its pipelines.
            code: What is loaded of its code.
            recorded: Hides the secrets of parameters.
        """
        return cls(
            env=context.env,
            sources=code.digests() if code is not None else {},
            modules=code.count() if code is not None else 0,
            outdated=tuple(sorted(code.outdated)) if code is not None else (),
            params=context.config.resolved("parameters"),
            recorded=recorded,
            catalog=context.catalog,
            pipelines=pipelines,
        )


def _source_changes(before: Mapping[str, str], now: Mapping[str, str]) -> NameChanges:
    # What was executed by an ordinary import left no digest; nothing is said of it.
    return NameChanges.between(before, now) if before and before is not now else NameChanges()


def _parameter_changes(before: Inventory, now: Inventory) -> tuple[tuple[str, Any, Any], ...]:
    if before.params is now.params:
        return ()
    return tuple(differences(flattened(before.recorded(before.params)), flattened(now.recorded(now.params))))


def _pipeline_changes(before: PipelineRegistry, now: PipelineRegistry) -> tuple[NameChanges, NameChanges]:
    """Compare pipelines by the names of their nodes, and nodes by what they do."""
    if before is now:
        return NameChanges(), NameChanges()
    old, new = (
        {name: frozenset(pipeline.node_names) for name, pipeline in registry.items()} for registry in (before, now)
    )
    old_nodes, new_nodes = (
        {node.name: node for pipeline in registry.values() for node in pipeline} for registry in (before, now)
    )
    both = new_nodes.keys() & old_nodes.keys()
    nodes = NameChanges(
        added=tuple(sorted(new_nodes.keys() - old_nodes.keys())),
        removed=tuple(sorted(old_nodes.keys() - new_nodes.keys())),
        changed=tuple(sorted(name for name in both if _differ(old_nodes[name], new_nodes[name]))),
    )
    return NameChanges.between(old, new), nodes


def _differ(old: Node, new: Node) -> bool:
    if old is new:
        return False
    if (old.inputs, old.outputs, old.tags) != (new.inputs, new.outputs, new.tags):
        return True
    return old.func is not new.func and _made_of(old.func) != _made_of(new.func)


def _made_of(function: Any) -> Any:
    code = getattr(function, "__code__", None)
    return _comparable(code) if isinstance(code, CodeType) else repr(type(function))


def _comparable(code: CodeType) -> tuple[Any, ...]:
    """What a function does, without where it stands in its file."""
    constants = tuple(
        _comparable(each) if isinstance(each, CodeType) else (type(each), each) for each in code.co_consts
    )
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
