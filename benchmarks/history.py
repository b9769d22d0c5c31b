"""What the record of sessions costs, beside what SQLite itself costs on this machine.

    python benchmarks/history.py [--sessions 100000] [--store postgresql://...]

Medians, in milliseconds and as multiples of one row of 2 KB committed by the standard library's ``sqlite3``. The
questions are asked of half as many sessions, too: what grows with their number shows. A run of do-nothing nodes is
also made from end to end, with and without its record.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from textwrap import dedent
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ipyproject import Node, Pipeline, Session
from ipyproject.history import (
    NodeRecord,
    Recorder,
    RunRecord,
    SessionFilter,
    SessionRecord,
    Status,
    Store,
    new_id,
    open_store,
    process_info,
)
from ipyproject.history.events import (
    NodesFinished,
    ParametersResolved,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
)
from ipyproject.history.stores.search import Comparison
from ipyproject.history.values import ParameterDocument
from ipyproject.testing import FILES

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 5000
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
OUTPUTS = {"table": {"type": "DataFrame", "shape": [344, 8], "bytes": 20752}}
ABOUT = {"project": "penguins", "package_name": "penguins", "project_root": "/penguins", "env": "local"}


def measured(work: Callable[[], object], times: int) -> float:
    """Return the median of the milliseconds that some work takes, after a first time that does not count."""
    work()
    return median(_milliseconds(work) for _ in range(times))


def _milliseconds(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return (perf_counter() - begun) * 1000


def bare_commit(folder: Path) -> float:
    """Return what one row of 2 KB costs the standard library's ``sqlite3``."""
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("CREATE TABLE rows (text TEXT)")
        row = ("x" * 2000,)

        def commit() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO rows VALUES (?)", row)
            connection.execute("COMMIT")

        return measured(commit, 500)


def whole_session(location: Path | str, root: Path, facts: dict[str, Any], nodes: list[NodeRecord]) -> None:
    """Record a session with one run: opened, parameters, nodes, closed."""
    recorder = Recorder(location, root=root)
    now = datetime.now(UTC)
    session = SessionRecord(session_id=new_id(), start=now, **ABOUT, **facts)
    run = RunRecord(run_id=new_id(), session_id=session.session_id, start=now)
    recorder.record(SessionOpened(session))
    recorder.record(
        ParametersResolved(
            session.session_id, ParameterDocument.of({"model": {f"parameter_{number}": number for number in range(10)}})
        )
    )
    recorder.record(RunStarted(run))
    for node in nodes:
        recorder.record(NodesFinished(run.run_id, (node,)))
    recorder.record(RunFinished(run.run_id, Status.COMPLETED, now))
    recorder.record(SessionClosed(session.session_id, Status.COMPLETED, now))


def recorded_run(root: Path, nodes: int, times: int) -> tuple[float, float]:
    """Return what a run of do-nothing nodes takes with ``save_on_close``, and how much less it takes without."""
    for name, text in FILES.items():
        path = root / name.format(package="shop")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).format(package="shop") if path.suffix in {".py", ".toml"} else dedent(text))
    names = ["params:rate", *(f"data_{number}" for number in range(nodes))]
    pipeline = Pipeline([Node(_nothing, *names[number : number + 2]) for number in range(nodes)])
    took: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(times + 1):
        for save, each in took.items():
            with Session.create(root, save_on_close=save) as session:
                session.load_context()
                each.append(_milliseconds(partial(session.run, pipeline)))
    recorded = median(took[True][1:])
    return recorded, recorded - median(took[False][1:])


def _nothing(data: object) -> object:
    return data


def fill(store: Store, first: int, last: int, facts: dict[str, Any]) -> None:
    """Record the sessions with these numbers, each with ten parameters."""
    for begin in range(first, last, BATCH):
        with store.database.transaction():
            for number in range(begin, min(begin + BATCH, last)):
                start = FIRST + timedelta(seconds=number)
                name = f"{start:%Y-%m-%dT%H.%M.%S.%f}Z-{number:06x}"
                store.write([SessionOpened(SessionRecord(session_id=name, start=start, **ABOUT, **facts))])
                store.write([ParametersResolved(name, ParameterDocument.of(parameters(number)))])
                store.write([SessionClosed(name, Status.COMPLETED, start)])


def parameters(number: int) -> dict[str, Any]:
    """Return the parameters of a session: values that all share, that some share and that it has alone."""
    model = {"test_share": number % 100 / 100, "seed": number, "fold": number % 10, "name": f"model {number % 7}"}
    turns = {"half": number % 2, "other_half": bool(number % 2), "third": number % 3}
    return {"model": model, "a": 1, "b": "text", **turns}


def questions(store: Store, sessions: int) -> dict[str, Callable[[], object]]:
    """Return what is asked of a store of so many sessions."""

    def where(**conditions: Any) -> Callable[[], object]:
        return lambda: store.sessions(20, SessionFilter(**conditions))

    return {
        "newest 20": lambda: store.sessions(20),
        "latest~2": lambda: store.session("latest~2"),
        "a rare parameter": where(params={"model.seed": sessions // 3}),
        "a common parameter": where(params={"a": 1}),
        "one value in a hundred": where(params={"model.test_share": 0.3}),
        "a common and a rare one": where(params={"a": 1, "model.seed": sessions // 3}),
        "two common ones": where(params={"a": 1, "model.fold": 3}),
        "three common ones": where(params={"a": 1, "model.fold": 3, "model.name": "model 3"}),
        "two that never met": where(params={"half": 0, "other_half": True}),
        "three that never met": where(params={"half": 0, "other_half": True, "third": 1}),
        "a range, half of them": where(compare=[Comparison("model.test_share", ">", 0.5)]),
        "a range and a common one": where(compare=[Comparison("model.test_share", ">", 0.5)], params={"a": 1}),
        "a range, ten of them": where(compare=[Comparison("model.seed", "<", 10)]),
        "env and parameter": where(env="local", params={"model.fold": 3}),
        "interrupted": where(status=Status.INTERRUPTED),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the record of sessions costs.")
    parser.add_argument("--sessions", type=int, default=100_000, help="how many the questions are asked of")
    parser.add_argument("--store", help="a server's URL, to record sessions there as well")
    arguments = parser.parse_args()
    sessions = arguments.sessions
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unit = bare_commit(folder)
        facts = dict(process_info())
        print(f"{'one row of 2 KB, bare sqlite3':45}{unit:>10.3f} ms")
        places = {"": folder / "live.db"} | ({", on the server": arguments.store} if arguments.store else {})
        for place, location in places.items():
            for title, count, times in (("a session, a run of 10 nodes", 10, 100), ("... of 10,000 nodes", 10_000, 9)):
                nodes = [
                    NodeRecord(f"node {number}", Status.COMPLETED, FIRST, 0.001, OUTPUTS) for number in range(count)
                ]
                took = measured(partial(whole_session, location, folder, facts, nodes), times)
                print(f"{title + place:45}{took:>10.3f} ms{took / unit:>8.0f} x")
        whole, record = recorded_run(folder, 10_000, 9)
        print(f"{'10,000 nodes that do nothing':45}{whole:>10.3f} ms{whole / unit:>8.0f} x")
        print(f"{'... of it for their record':45}{record:>10.3f} ms{record / unit:>8.0f} x")
        print(f"\n{'':40}{sessions // 2:>10,} sessions{sessions:>21,} sessions")
        with open_store(folder / "many.db") as store:
            took_at: list[dict[str, float]] = []
            for first, last in ((0, sessions // 2), (sessions // 2, sessions)):
                fill(store, first, last, facts)
                took_at.append({title: measured(ask, 30) for title, ask in questions(store, last).items()})
        for title, half in took_at[0].items():
            full = took_at[1][title]
            print(f"{title:40}{half:>10.3f} ms{half / unit:>6.0f} x{full:>17.3f} ms{full / unit:>6.0f} x")


main()
