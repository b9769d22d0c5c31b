"""The base of all runners: one method to override, the rest is worked out once per run."""

from __future__ import annotations

import importlib
import os
import time
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any

from ipyproject.errors import (
    DatasetNotFoundError,
    PipelineError,
    ProjectCodeError,
    SettingsError,
    did_you_mean,
    format_error,
)
from ipyproject.pipeline.node import plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ipyproject.catalog import Catalog
    from ipyproject.current import SessionInfo
    from ipyproject.hooks import HookManager
    from ipyproject.pipeline import Node, Pipeline


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """How one node ended.

    Attributes:
        node: The node.
        start: Seconds since the epoch.
        duration: Seconds, from the first load to the last save.
        outputs: Dataset name -> data that it wrote; empty where it failed.
        error: What it raised, or None.
    """

    node: Node
    start: float
    duration: float
    outputs: dict[str, Any]
    error: BaseException | None = None


class RunListener:
    """Told of each node as it ends. This one does nothing."""

    def node_ended(self, outcome: NodeOutcome) -> None:
        """Take note of how a node ended."""


class Runner(ABC):
    """Executes the nodes of a pipeline against a catalog.

    A subclass says only in which order, and where, nodes are executed: :meth:`execute`.
    """

    @abstractmethod
    def execute(self, nodes: tuple[Node, ...], run_node: Callable[[Node], None]) -> None:
        """Call ``run_node`` for each of ``nodes``, which are in an order in which they can run."""

    def run(
        self,
        pipeline: Pipeline,
        catalog: Catalog,
        *,
        session: SessionInfo | None = None,
        hooks: HookManager | None = None,
        listener: RunListener | None = None,
        keep: bool | Collection[str] = True,
    ) -> None:
        """Run a pipeline.

        Args:
            pipeline: What to run.
            catalog: Where its inputs come from and its outputs go.
            session: Handed to hooks.
            hooks: Called around nodes and datasets.
            listener: Told of each node as it ends.
            keep: Whether intermediate results that live in memory stay in the catalog; names keep only these.

        Raises:
            DatasetNotFoundError: A free input is not in the catalog; nothing was run.
            Exception: Whatever a node raises; later nodes are not run.
        """
        __tracebackhide__ = True
        check_inputs(pipeline, catalog)
        step = _Step(pipeline, catalog, session, hooks, listener or RunListener(), keep=keep)
        self.execute(pipeline.nodes, step)

    def import_path(self) -> str:
        """Return what :func:`make_runner` makes such a runner from: its short name if it has one, else its path."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return next((name for name, known in _RUNNERS.items() if known == path), path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Step:
    """Runs one node at a time: load, call, save, release what nobody needs any more."""

    def __init__(
        self,
        pipeline: Pipeline,
        catalog: Catalog,
        session: SessionInfo | None,
        hooks: HookManager | None,
        listener: RunListener,
        *,
        keep: bool | Collection[str],
    ) -> None:
        self._catalog = catalog
        self._session = session
        self._listener = listener
        self._hooks = hooks if hooks is not None and hooks.listens(*_NODE_HOOKS) else None
        self._consumers_left: Counter[str] | None = None
        self._releasable: dict[str, list[str]] = {}  # plain name -> as it is spelt: all of them are released together
        if keep is not True:
            kept = set(map(plain_name, [keep] if isinstance(keep, str) else keep or ()))
            for name in pipeline.datasets - pipeline.inputs - pipeline.outputs:
                if plain_name(name) not in kept:
                    self._releasable.setdefault(plain_name(name), []).append(name)
            self._consumers_left = Counter(plain_name(name) for node in pipeline for name in node.inputs)

    def __call__(self, node: Node) -> None:
        __tracebackhide__ = True
        process = os.getpid()
        start = time.time()
        begin = time.perf_counter()

        def tell(outputs: dict[str, Any], error: BaseException | None = None) -> None:
            if os.getpid() == process:  # how it ends in a process that the node has forked is not how the node ends
                self._listener.node_ended(NodeOutcome(node, start, time.perf_counter() - begin, outputs, error))

        try:
            try:
                outputs = self._quietly(node) if self._hooks is None else self._with_hooks(node, self._hooks)
            except SystemExit as error:
                raise _exit_refused(node, error) from error
        except BaseException as error:
            _add_note(error, f"In node {node.name!r} ({node.place()}).")
            tell({}, error)
            raise
        tell(outputs)
        if self._consumers_left is not None:
            self._release(node, self._consumers_left)

    def _quietly(self, node: Node) -> dict[str, Any]:
        __tracebackhide__ = True
        catalog = self._catalog
        outputs = node({name: catalog.load(name) for name in node.inputs})
        for name, data in outputs.items():
            catalog.save(name, data)
        self._confirm(node)
        return outputs

    def _with_hooks(self, node: Node, hooks: HookManager) -> dict[str, Any]:
        __tracebackhide__ = True
        catalog, session = self._catalog, self._session
        inputs = {}
        for name in node.inputs:
            hooks.call("before_dataset_loaded", dataset_name=name, node=node)
            inputs[name] = catalog.load(name)
            hooks.call("after_dataset_loaded", dataset_name=name, data=inputs[name], node=node)
        hooks.call("before_node_run", node=node, catalog=catalog, inputs=inputs, session=session)
        try:
            try:
                outputs = node(inputs)
            except SystemExit as error:
                raise _exit_refused(node, error) from error
        except Exception as error:
            hooks.call("on_node_error", error=error, node=node, catalog=catalog, inputs=inputs, session=session)
            raise
        hooks.call("after_node_run", node=node, catalog=catalog, inputs=inputs, outputs=outputs, session=session)
        for name, data in outputs.items():
            hooks.call("before_dataset_saved", dataset_name=name, data=data, node=node)
            catalog.save(name, data)
            hooks.call("after_dataset_saved", dataset_name=name, data=data, node=node)
        self._confirm(node)
        return outputs

    def _confirm(self, node: Node) -> None:
        for name in node.confirms:
            dataset = self._catalog[name]
            confirm = getattr(dataset, "confirm", None)
            if confirm is None:
                raise PipelineError(
                    f"Node {node.name!r} confirms {name!r}, and {dataset!r} can't be confirmed.",
                    "Take it out of the node's confirms.",
                )
            confirm()

    def _release(self, node: Node, consumers_left: Counter[str]) -> None:
        for name in map(plain_name, node.inputs):
            consumers_left[name] -= 1
            if not consumers_left[name]:
                for spelling in self._releasable.get(name, ()):
                    self._catalog.release(spelling)


def _exit_refused(node: Node, error: SystemExit) -> ProjectCodeError:
    """What ``sys.exit()`` in a node, a dataset or a hook becomes: the process would end as if all had gone well."""
    return ProjectCodeError(
        f"Node {node.name!r} called sys.exit({shown(error.code)}) ({node.place()}).",
        "Let it raise an exception that says what is wrong.",
    )


def _add_note(error: BaseException, note: str) -> None:
    """Say where an exception was raised, unless it lets nobody; the same object may be raised again."""
    with suppress(Exception):  # the project's own exceptions may do anything; what was raised is what counts
        if note not in getattr(error, "__notes__", ()):
            BaseException.add_note(error, note)


_NODE_HOOKS = (
    "before_node_run",
    "after_node_run",
    "on_node_error",
    "before_dataset_loaded",
    "after_dataset_loaded",
    "before_dataset_saved",
    "after_dataset_saved",
)


def check_inputs(pipeline: Pipeline, catalog: Catalog) -> None:
    """Check that a catalog has every free input of a pipeline.

    Raises:
        DatasetNotFoundError: Names what is missing and which node reads it.
    """
    # A dataset that is written under another transcoding must be in the catalog under the one that it is read by.
    written = {name for node in pipeline for name in node.outputs}
    missing = sorted({name for node in pipeline for name in node.inputs if name not in written and name not in catalog})
    if not missing:
        return
    name = missing[0]
    reader = next(node for node in pipeline if name in node.inputs)
    others = f" (and {len(missing) - 1} more: {', '.join(missing[1:6])})" if len(missing) > 1 else ""
    what = "parameter" if name.startswith("params:") else "dataset"
    where = "conf/base/parameters.yml" if what == "parameter" else "the catalog"
    raise DatasetNotFoundError(
        f"Node {reader.name!r} reads the {what} {name!r}, which does not exist{others}.",
        f"{did_you_mean(name, catalog, 'In the catalog')} "
        f"Else add it to {where}, or hand it over: run(inputs={{...}}).",
    )


def make_runner(runner: str | type | Runner) -> Runner:
    """Return a runner from its name, its class, the class's import path, or itself.

    Raises:
        SettingsError: There is no such runner.
    """
    if isinstance(runner, Runner):
        return runner
    if isinstance(runner, str):
        runner = _runner_class(runner)
    try:
        made = runner()
    except Exception as error:  # abstract, needs arguments, or raises
        raise SettingsError(f"The runner {runner!r} can't be made: {format_error(error)}", "Mend it.") from error
    if not isinstance(made, Runner):
        raise SettingsError(f"{runner!r} is no runner.", "Derive it from ipyproject.runners.Runner.")
    return made


_RUNNERS = {"sequential": "ipyproject.runners.sequential.SequentialRunner"}


def _runner_class(name: str) -> type:
    path = _RUNNERS.get(name.lower(), name)
    module_name, _, class_name = path.rpartition(".")
    if not module_name:
        raise SettingsError(f"There is no runner {name!r}.", did_you_mean(name, _RUNNERS, "Runners"))
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:
        raise SettingsError(
            f"The runner {name!r} can't be imported: {format_error(error)}", "Mend its name, or its module."
        ) from error
    if not isinstance(found, type):
        raise SettingsError(f"{name} is no class.", "Name a class derived from ipyproject.runners.Runner.")
    return found
