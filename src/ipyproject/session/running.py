"""One run of a session: what it is made of, what it leaves in the record, what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any

from ipyproject import current
from ipyproject.catalog.run_catalog import for_run
from ipyproject.config import merge_params
from ipyproject.errors import PipelineError, UnknownPipelineError, did_you_mean
from ipyproject.history import NodeRecord, RunRecord, new_id
from ipyproject.masking import MaskedErrors
from ipyproject.pipeline import Pipeline
from ipyproject.runners import NodeOutcome, RunListener, make_runner
from ipyproject.session.provenance import runner_options, summarize
from ipyproject.session.record import SessionBook, status_of
from ipyproject.session.result import RunResult

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ipyproject.catalog import Catalog
    from ipyproject.pipeline import Selection
    from ipyproject.runners import Runner
    from ipyproject.session.core import SessionCore


@dataclass(slots=True)
class _Collector(RunListener):
    """Takes down each node as it ends, for the record and for the result."""

    run_id: str
    book: SessionBook
    wanted: frozenset[str]
    nodes: list[NodeRecord] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

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

    pipeline: str | Pipeline
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
        pipeline = self.selection.apply(self._whole_pipeline(core.pipelines))
        runner = make_runner(self.runner if self.runner is not None else core.settings.runner)
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
        run = _Run(record, pipeline, self._catalog(core, run_id), runner, self.keep)
        with MaskedErrors(core.masker, self.extra_params), current.running(core.session), core.book.in_run(run_id):
            return run.execute(core)

    def _whole_pipeline(self, registered: Mapping[str, Pipeline]) -> Pipeline:
        if isinstance(self.pipeline, Pipeline):
            return self.pipeline
        if not isinstance(self.pipeline, str):
            raise PipelineError(
                f"run() takes the name of one pipeline, or a Pipeline, not {short_repr(self.pipeline)}.",
                "Give nodes by nodes=[...]; add pipelines up: pipelines['a'] + pipelines['b'].",
            )
        found = registered.get(self.pipeline)
        if found is None:
            raise UnknownPipelineError(
                f"No pipeline is called {self.pipeline!r}.", did_you_mean(self.pipeline, registered, "Pipelines")
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
        if not isinstance(pipeline, str):
            pipeline = next((name for name, known in registered.items() if known is pipeline), pipeline)
        asked_for: dict[str, Any] = (
            {"pipeline": pipeline} if isinstance(pipeline, str) else {"own_pipeline": repr(pipeline)}
        )
        asked_for |= self.selection.as_dict()
        if self.load_versions:
            asked_for["load_versions"] = dict(self.load_versions)
        if self.inputs:
            asked_for["inputs"] = sorted(self.inputs)
        return asked_for


@dataclass(frozen=True, slots=True)
class _Run:
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

    def execute(self, core: SessionCore) -> RunResult:
        """Run it, with its record and the run's hooks around it.

        Raises:
            Exception: Whatever a node or a hook raises, once it is on record.
        """
        __tracebackhide__ = True
        run_id, pipeline, catalog = self.record.run_id, self.pipeline, self.catalog
        book, hooks, session = core.book, core.hooks, core.session
        in_memory = frozenset(name for name in pipeline.outputs if catalog.is_in_memory(name))
        collector = _Collector(run_id, book, in_memory)
        about = {"run_id": run_id, "pipeline": pipeline, "catalog": catalog, "session": session}
        try:
            book.run_started(self.record)
            hooks.call("before_pipeline_run", **about)
            self.runner.run(pipeline, catalog, session=session, hooks=hooks, listener=collector, keep=self.keep)
        except BaseException as error:
            book.run_ended(run_id, error)
            hooks.call("on_pipeline_error", error=error, **about)
            raise
        record = book.run_ended(run_id, None)
        names = tuple(sorted(pipeline.outputs))
        result = RunResult(record, tuple(collector.nodes), names, collector.outputs, catalog)
        hooks.call("after_pipeline_run", run_result=result, **about)
        return result
