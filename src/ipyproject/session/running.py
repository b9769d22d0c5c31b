"""One run of a session: what it is made of, what it leaves in the record, what it returns."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ipyproject.errors import shortened
from ipyproject.history import NodeRecord, RunRecord, Status
from ipyproject.runners import NodeOutcome, RunListener
from ipyproject.session.facts import describe
from ipyproject.session.record import SessionBook, status_of
from ipyproject.session.result import RunResult

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ipyproject.catalog import Catalog
    from ipyproject.current import SessionInfo
    from ipyproject.hooks import HookManager
    from ipyproject.pipeline import Node, Pipeline, Selection
    from ipyproject.runners import Runner

    Pipelines = str | Pipeline | Node | Sequence[str | Pipeline | Node]

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Collector(RunListener):
    """Takes down each node as it ends, for the record and for the result."""

    run_id: str
    book: SessionBook
    wanted: frozenset[str]
    nodes: list[NodeRecord] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def interrupted_in(self) -> str:
        """Say where the run was interrupted."""
        last = self.nodes[-1] if self.nodes else None
        if last is not None and last.status is Status.INTERRUPTED:
            return f"in node {last.name!r}"
        return f"after node {last.name!r}" if last is not None else "before its first node"

    def node_ended(self, outcome: NodeOutcome) -> None:
        outputs = outcome.outputs
        record = NodeRecord(
            outcome.node.name,
            status_of(outcome.error),
            datetime.fromtimestamp(outcome.start, UTC),
            outcome.duration,
            {name: describe(data) for name, data in outputs.items()},
        )
        self.nodes.append(record)
        self.book.node_ended(self.run_id, record)
        for name in outputs:
            if name in self.wanted:
                self.outputs[name] = outputs[name]


def recorded_selection(
    pipeline: Pipelines,
    selection: Selection,
    load_versions: Mapping[str, str] | None,
    inputs: Mapping[str, Any] | None,
    registered: Mapping[str, Pipeline],
) -> dict[str, Any]:
    """Return what a run was asked for, as its record keeps it.

    A pipeline that is not in the registry is kept by what it looks like, and inputs that were handed over by their
    names: enough to see, not enough to replay.
    """
    names = [
        each if isinstance(each, str) else next((name for name, known in registered.items() if known is each), None)
        for each in (pipeline if isinstance(pipeline, (list, tuple)) else [pipeline])
    ]
    asked_for: dict[str, Any]
    if None in names:
        asked_for = {"own_pipeline": shortened(repr(pipeline))}
    else:
        asked_for = {"pipeline": names if len(names) > 1 else names[0]}
    asked_for |= selection.as_dict()
    if load_versions:
        asked_for["load_versions"] = dict(load_versions)
    if inputs:
        asked_for["inputs"] = sorted(inputs)
    return asked_for


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """Everything that one run needs.

    Attributes:
        record: Its record as it starts.
        pipeline: The nodes to run.
        catalog: The run's view of the live catalog.
        runner: Executes them.
        keep: As in :meth:`ipyproject.runners.Runner.run`.
    """

    record: RunRecord
    pipeline: Pipeline
    catalog: Catalog
    runner: Runner
    keep: bool | Collection[str]

    def execute(self, session: SessionInfo, hooks: HookManager, book: SessionBook) -> RunResult:
        """Run it, with its record and the run's hooks around it.

        Raises:
            Exception: Whatever a node or a hook raises, once it is on record.
        """
        __tracebackhide__ = True
        run_id, pipeline, catalog = self.record.run_id, self.pipeline, self.catalog
        in_memory = frozenset(name for name in pipeline.outputs if catalog.is_in_memory(name))
        collector = _Collector(run_id, book, in_memory)
        about = {"run_id": run_id, "pipeline": pipeline, "catalog": catalog, "session": session}
        with book.in_run(run_id):
            return self._execute(collector, about, hooks, book)

    def _execute(
        self, collector: _Collector, about: dict[str, Any], hooks: HookManager, book: SessionBook
    ) -> RunResult:
        __tracebackhide__ = True
        run_id, pipeline, catalog, session = (about[key] for key in ("run_id", "pipeline", "catalog", "session"))
        try:
            book.run_started(self.record)
            hooks.call("before_pipeline_run", **about)
            self.runner.run(pipeline, catalog, session=session, hooks=hooks, listener=collector, keep=self.keep)
        except BaseException as error:
            book.run_ended(run_id, error)
            if isinstance(error, KeyboardInterrupt):
                _logger.warning("Run %s was interrupted %s.", run_id, collector.interrupted_in())
            hooks.call("on_pipeline_error", error=error, **about)
            raise
        record = book.run_ended(run_id, None)
        names = tuple(sorted(pipeline.outputs))
        result = RunResult(record, tuple(collector.nodes), names, collector.outputs, catalog)
        hooks.call("after_pipeline_run", run_result=result, **about)
        return result
