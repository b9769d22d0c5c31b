"""One run of a session: what it is made of, what it leaves in the record, what it returns."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ipyproject import current
from ipyproject.catalog.run_catalog import for_run
from ipyproject.config import merge_params
from ipyproject.errors import (
    DatasetNotFoundError,
    PipelineError,
    SettingsError,
    UnknownPipelineError,
    did_you_mean,
    shortened,
)
from ipyproject.history import NodeRecord, RunRecord, Status, new_id
from ipyproject.interrupts import Interrupts
from ipyproject.pipeline import Node, Pipeline
from ipyproject.runners import NodeOutcome, RunListener, make_runner
from ipyproject.session.provenance import runner_options, summarize
from ipyproject.session.record import SessionBook, status_of
from ipyproject.session.result import RunResult
from ipyproject.session.worker import hand_over_to_processes
from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ipyproject.catalog import Catalog
    from ipyproject.pipeline import Selection
    from ipyproject.runners import Runner
    from ipyproject.session.core import SessionCore

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
            {name: summarize(data) for name, data in outputs.items()},
        )
        self.nodes.append(record)
        self.book.node_ended(self.run_id, record)
        for name in outputs:
            if name in self.wanted:
                self.outputs[name] = outputs[name]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is asked for when a pipeline is run; see :meth:`ipyproject.Session.run`."""

    pipeline: Pipelines
    selection: Selection
    runner: str | type | Runner | None = None
    load_versions: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    keep: bool | Collection[str] = True

    def run(self, core: SessionCore) -> RunResult:
        """Run it in a session.

        Raises:
            ProjectError: What is asked for does not exist; nothing was run.
            Exception: Whatever a node or a hook raises, once it is on record.
        """
        __tracebackhide__ = True
        core.masker.learn(self.extra_params)  # what is secret must be known before anything can fail with it
        pipeline = self.selection.apply(self._whole_pipeline(self.pipeline, core.pipelines))
        runner = self._runner(core)
        self._check_inputs(pipeline, core)
        run_id = new_id()
        record = RunRecord(
            run_id=run_id,
            session_id=core.session_id,
            start=datetime.now(UTC),
            selection=self._recorded(core.pipelines),
            runner=runner.import_path(),
            runner_options=runner_options(runner),
            extra_params=dict(self.extra_params),
        )
        catalog = self._catalog(core, run_id)
        hand_over_to_processes()
        with Interrupts() as interrupts, current.running(core.session), core.book.in_run(run_id):
            return self._execute(core, record, pipeline, catalog, runner, interrupts)

    def _runner(self, core: SessionCore) -> Runner:
        if self.runner is not None:
            return make_runner(self.runner)
        try:
            return make_runner(core.settings.runner)
        except SettingsError as error:
            error.where = "RUNNER in settings.py"
            raise

    def _execute(
        self,
        core: SessionCore,
        record: RunRecord,
        pipeline: Pipeline,
        catalog: Catalog,
        runner: Runner,
        interrupts: Interrupts,
    ) -> RunResult:
        """Run the nodes, with the run's record and hooks around them."""
        __tracebackhide__ = True
        run_id, book, hooks, session = record.run_id, core.book, core.hooks, core.session
        in_memory = frozenset(name for name in pipeline.outputs if catalog.is_in_memory(name))
        collector = _Collector(run_id, book, in_memory)
        about = {"run_id": run_id, "pipeline": pipeline, "catalog": catalog, "session": session}

        def run() -> None:
            __tracebackhide__ = True
            interrupts.let_through()
            hooks.call("before_pipeline_run", **about)
            runner.run(pipeline, catalog, session=session, hooks=hooks, listener=collector, keep=self.keep)

        try:
            book.run_started(record)
            interrupts.let(run)
        except BaseException as error:
            book.run_ended(run_id, error)
            if isinstance(error, KeyboardInterrupt):
                _logger.warning("Run %s was interrupted %s.", run_id, visible(collector.interrupted_in()))
            interrupts.let(partial(hooks.call, "on_pipeline_error", error=error, **about))
            raise
        record = book.run_ended(run_id, None)
        names = tuple(sorted(pipeline.outputs))
        result = RunResult(record, tuple(collector.nodes), names, collector.outputs, catalog)
        interrupts.let(partial(hooks.call, "after_pipeline_run", run_result=result, **about))
        return result

    def _check_inputs(self, pipeline: Pipeline, core: SessionCore) -> None:
        """Refuse data for a dataset that nobody knows: misspelt, it would be left out without a word."""
        catalog = core.load_context().catalog
        for name in self.inputs:
            if name not in pipeline.datasets and name not in catalog:
                raise DatasetNotFoundError(
                    f"inputs= has data for {name!r}, which is no dataset of the run.",
                    did_you_mean(str(name), pipeline.inputs, "Its inputs"),
                )

    def _whole_pipeline(self, asked_for: Pipelines, registered: Mapping[str, Pipeline]) -> Pipeline:
        if isinstance(asked_for, Pipeline):
            return asked_for
        if isinstance(asked_for, Node):
            return Pipeline([asked_for])
        if isinstance(asked_for, (list, tuple)):
            return Pipeline(
                [each if isinstance(each, Node) else self._whole_pipeline(each, registered) for each in asked_for]
            )
        if not isinstance(asked_for, str):
            raise PipelineError(
                f"A {type(asked_for).__name__} can't be run.",
                "Give the name of a pipeline, a pipeline, a node, or a list of these.",
            )
        found = registered.get(asked_for)
        if found is None:
            raise UnknownPipelineError(
                f"No pipeline is called {asked_for!r}.", did_you_mean(asked_for, registered, "Pipelines")
            )
        return found

    def _catalog(self, core: SessionCore, run_id: str) -> Catalog:
        """The run's view of the live catalog."""
        catalog = core.load_context().catalog
        if not self.extra_params:
            return for_run(catalog, save_version=run_id, load_versions=self.load_versions, inputs=self.inputs)
        config = core.config.with_extra_params(merge_params(core.config.extra_params, self.extra_params))
        return for_run(
            catalog,
            save_version=run_id,
            load_versions=self.load_versions,
            inputs=self.inputs,
            params=config.resolved("parameters"),
            definitions=config.resolved("catalog"),
        )

    def _recorded(self, registered: Mapping[str, Pipeline]) -> dict[str, Any]:
        """What a run was asked for, as its record keeps it.

        A pipeline that is not in the registry is kept by what it looks like, and inputs that were handed over by their
        names: enough to see, not enough to replay.
        """
        pipeline = self.pipeline
        names = [
            each if isinstance(each, str) else next((name for name, known in registered.items() if known is each), None)
            for each in (pipeline if isinstance(pipeline, (list, tuple)) else [pipeline])
        ]
        asked_for: dict[str, Any]
        if None in names:
            asked_for = {"own_pipeline": shortened(repr(pipeline))}
        else:
            asked_for = {"pipeline": names if len(names) > 1 else names[0]}
        asked_for |= self.selection.as_dict()
        if self.load_versions:
            asked_for["load_versions"] = dict(self.load_versions)
        if self.inputs:
            asked_for["inputs"] = sorted(self.inputs)
        return asked_for
