"""What a reload found to be different from the session before."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING, Any

from ipyproject.history import ABSENT, flattened
from ipyproject.history.comparison import differences
from ipyproject.reloading import Rebinding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipyproject.pipeline import Node
    from ipyproject.session.session import Session


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
        digests: Each module that a reload has executed, with the digest of its source then.
        sources: Names of modules whose source differs.
        env: The env before and now, if it is another.
        parameters: Dotted name, value before, value now; `ABSENT` where there was, or is, none. Secrets are hidden.
        datasets: Names whose definition differs.
        pipelines: Names of pipelines that have other nodes.
        nodes: Names of nodes whose function's code, inputs, outputs or tags differ.
        names: What was done to names in the notebook.
    """

    executed: Mapping[str, str] = field(default_factory=dict)
    modules: int = 0
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)
    sources: NameChanges = field(default_factory=NameChanges)
    env: tuple[str, str] | None = None
    parameters: tuple[tuple[str, Any, Any], ...] = ()
    datasets: NameChanges = field(default_factory=NameChanges)
    pipelines: NameChanges = field(default_factory=NameChanges)
    nodes: NameChanges = field(default_factory=NameChanges)
    names: Rebinding = field(default_factory=Rebinding)


def compare_opened(
    before: Facts | None, after: Session, executed: Mapping[str, str], modules: int, names: Rebinding
) -> Changes:
    """Compare a session with what was taken down of the one before; without one, only say what was executed."""
    if before is None:
        return Changes(executed, modules, digests=executed, names=names)
    now = Facts.of(after)
    digests = executed or before.sources  # all modules are executed, or none
    # What was executed by an ordinary import left no digest; nothing is said of it.
    known = digests if before.sources else {}
    return Changes(
        executed=executed,
        modules=modules,
        digests=digests,
        sources=NameChanges.between(before.sources, known),
        env=(before.env, now.env) if before.env != now.env else None,
        parameters=tuple(differences(before.parameters, now.parameters)),
        datasets=NameChanges.between(before.datasets, now.datasets),
        pipelines=NameChanges.between(before.pipelines, now.pipelines),
        nodes=NameChanges.between(before.nodes, now.nodes),
        names=names,
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What two sessions are compared by; taken down before the code of the first is replaced.

    Attributes:
        env: The env.
        sources: Module -> digest of its source, where a reload executed it.
        parameters: Dotted name -> value, secrets hidden.
        datasets: Name -> definition.
        pipelines: Name -> names of its nodes.
        nodes: Name -> what it is made of.
    """

    env: str
    sources: Mapping[str, str]
    parameters: Mapping[str, Any]
    datasets: Mapping[str, Any]
    pipelines: Mapping[str, frozenset[str]]
    nodes: Mapping[str, Any]

    @classmethod
    def of(cls, session: Session) -> Facts:
        """Take down the facts of an open session."""
        context = session.load_context()
        return cls(
            env=session.env,
            sources=session.changes.digests,
            parameters=flattened(session.as_recorded(context.params)),
            datasets=dict(context.catalog.definitions),
            pipelines={name: frozenset(pipeline.node_names) for name, pipeline in session.pipelines.items()},
            nodes={node.name: _made_of(node) for pipeline in session.pipelines.values() for node in pipeline},
        )


def _made_of(node: Node) -> tuple[Any, ...]:
    code = getattr(node.func, "__code__", None)
    what = _comparable(code) if isinstance(code, CodeType) else repr(type(node.func))
    return what, node.inputs, node.outputs, node.tags


def _comparable(code: CodeType) -> tuple[Any, ...]:
    """What a function does, without where it stands in its file."""
    constants = tuple(
        _comparable(each) if isinstance(each, CodeType) else (type(each), each) for each in code.co_consts
    )
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
