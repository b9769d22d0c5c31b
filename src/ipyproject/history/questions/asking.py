"""Questions about recorded sessions, for notebooks and scripts.

They are asked of the current project, or of the one that ``project_path`` lies in::

    from ipyproject import history

    history.sessions(env="prod", params={"model.test_share": 0.3}).to_frame()
    history.sessions(params="model.test_share>=0.3")
    history.session("latest~1").parameters
    history.compare("latest~1", "latest")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipyproject.errors import HistoryError
from ipyproject.history.moments import moment
from ipyproject.history.questions.comparison import Difference, compare_sessions
from ipyproject.history.questions.conditions import parameter_filter
from ipyproject.history.questions.project import open_history
from ipyproject.history.records import (
    MetricRecord,
    NodeRecord,
    RunRecord,
    SessionRecord,
    Status,
    as_document,
)
from ipyproject.history.stores.search import SessionFilter
from ipyproject.history.values import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    import pandas as pd

    from ipyproject.history.questions.conditions import Conditions
    from ipyproject.history.stores.store import Store


class SessionList(list[SessionRecord]):
    """Records of sessions, newest first."""

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row per session, by id.

        Raises:
            HistoryError: pandas is not installed.
        """
        return _frame((as_document(record) for record in self), index="session_id")


@dataclass(frozen=True, slots=True)
class SessionHistory:
    """All that is recorded of one session.

    Attributes:
        record: How it was opened and how it ended.
        runs: Its runs, oldest first.
        nodes: Run id -> its finished nodes, in the order in which they started.
        parameters: The resolved parameters; None when they never became known.
        packages: Distribution -> version; None when they never became known.
        facts: What plugins and users logged.
        metrics: Values of metrics, in the order of their times.
    """

    record: SessionRecord
    runs: tuple[RunRecord, ...]
    nodes: Mapping[str, tuple[NodeRecord, ...]]
    parameters: Mapping[str, Any] | None
    packages: Mapping[str, str] | None
    facts: Mapping[str, Any]
    metrics: tuple[MetricRecord, ...]

    @classmethod
    def read(cls, store: Store, record: SessionRecord) -> SessionHistory:
        """Read all that a store has of a session."""
        name = record.session_id
        runs = tuple(store.runs(name))
        return cls(
            record=record,
            runs=runs,
            nodes={run.run_id: tuple(store.nodes(run.run_id)) for run in runs},
            parameters=store.parameters(name),
            packages=store.packages(name),
            facts=store.facts(name),
            metrics=tuple(store.metrics(name)),
        )

    def as_document(self) -> dict[str, Any]:
        """Return all of it as what JSON holds."""
        runs = [
            as_document(run) | {"nodes": [as_document(node) for node in self.nodes[run.run_id]]} for run in self.runs
        ]
        return as_document(self.record) | {
            "runs": runs,
            "parameters": jsonable(self.parameters),
            "packages": jsonable(self.packages),
            "facts": jsonable(self.facts),
            "metrics": [as_document(metric) for metric in self.metrics],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row per node of each run.

        Raises:
            HistoryError: pandas is not installed.
        """
        rows = ({"run_id": run_id} | as_document(node) for run_id, nodes in self.nodes.items() for node in nodes)
        return _frame(rows, index="run_id")


def sessions(
    limit: int | None = 20,
    *,
    env: str | None = None,
    status: str | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
    params: Conditions | None = None,
    pipeline: str | None = None,
    project_path: str | Path | None = None,
) -> SessionList:
    """Return recorded sessions, newest first.

    Args:
        limit: How many; None for all.
        env: Of this environment.
        status: ``open``, ``completed``, ``failed`` or ``interrupted``.
        since: Opened at this time or later: a datetime (local time where it names no zone), a date, or a text such as
            ``2026-01-31`` or, for an age, ``7d``.
        until: Opened before this time.
        params: With these parameters: values, nested or by dotted names; or conditions as on the command line,
            ``"model.test_share>=0.3"`` or a list of such texts. A session without the parameter never fits.
        pipeline: With a run of this pipeline.
        project_path: A folder in the project.

    Raises:
        HistoryError: The store can't be read, the status or a time means nothing, or parameters can't be compared so.
        ConfigError: A condition can't be read.
    """
    if status is not None and status not in {*Status}:
        raise HistoryError(f"No session has the status {status!r}.", f"Known: {', '.join(Status)}.")
    where = SessionFilter(
        env=env,
        status=Status(status) if status is not None else None,
        since=None if since is None else moment(since),
        until=None if until is None else moment(until),
        pipeline=pipeline,
        **parameter_filter(params or {}),
    )
    with open_history(project_path) as store:
        return SessionList(store.sessions(limit, where))


def session(name: str = "latest", *, project_path: str | Path | None = None) -> SessionHistory:
    """Return all that is recorded of a session.

    Args:
        name: Its id, a unique beginning of it, ``latest`` or ``latest~2``.
        project_path: A folder in the project.

    Raises:
        HistoryError: There is no such session.
    """
    with open_history(project_path) as store:
        return SessionHistory.read(store, store.session(name))


def compare(
    before: str = "latest~1", after: str = "latest", *, project_path: str | Path | None = None
) -> tuple[Difference, ...]:
    """Return what differs between two sessions: parameters, code, environment, packages, timings, metrics.

    Args:
        before: The first session, named as in :func:`session`.
        after: The second.
        project_path: A folder in the project.

    Raises:
        HistoryError: There is no such session.
    """
    with open_history(project_path) as store:
        return compare_sessions(store, store.session(before), store.session(after))


def _frame(rows: Iterable[dict[str, Any]], index: str) -> pd.DataFrame:
    try:
        import pandas as pd
    except ImportError:
        raise HistoryError("A table needs pandas.", "pip install 'ipyproject[pandas]'") from None
    frame = pd.DataFrame(list(rows))
    for column in {"start", "end"} & set(frame.columns):
        frame[column] = pd.to_datetime(frame[column], format="ISO8601")
    return frame.set_index(index) if index in frame.columns else frame
