"""Plain text for a cell's output and for a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.table import Table

    from ipyproject.history import NodeRecord, RunRecord, SessionRecord
    from ipyproject.session import RunResult, Session


def opened_text(session: Session, *, seconds: float) -> str:
    """Say what was opened.

    Args:
        session: An open session.
        seconds: How long it took.
    """
    pipelines = session.pipelines
    nodes = len({node for pipeline in pipelines.values() for node in pipeline})
    named = sum(name != "__default__" for name in pipelines)
    datasets = len(session.load_context().catalog.definitions)
    return (
        f"{session.project.project_name} ({session.env}): {counted(named, 'pipeline')}, {counted(nodes, 'node')}, "
        f"{counted(datasets, 'dataset')}, opened in {seconds * 1000:.0f} ms.\n"
        f"session, context, catalog and pipelines are ready; session {session.session_id}."
    )


def run_text(session: Session, result: RunResult) -> str:
    """Say what a run did: a line per node, then the outputs."""
    outputs = ", ".join(result) or "nothing"
    return (
        f"Completed {counted(len(result.nodes), 'node')} in {result.duration:.2f} s. Outputs: {outputs}.\n"
        f"Session {session.session_id}, run {result.run_id}."
    )


def sessions_text(sessions: Sequence[tuple[SessionRecord, Sequence[RunRecord]]]) -> str:
    """A table of sessions, newest first, with their runs in short."""
    if not sessions:
        return "No sessions are recorded yet."
    table = _table("session", "started", "env", "by", "status", "runs", "extra parameters")
    for record, runs in sessions:
        table.add_row(
            record.session_id,
            local_time(record.start),
            record.env,
            record.started_by,
            record.status,
            ", ".join(_run_in_short(run) for run in runs) or "-",
            params_in_short(record.extra_params) or "-",
        )
    return _rendered(table)


def session_text(record: SessionRecord, runs: Sequence[tuple[RunRecord, Sequence[NodeRecord]]]) -> str:
    """All about one session: how it was opened, its runs and the timings of their nodes."""
    lines = [f"{name:<17} {value}" for name, value in _session_lines(record) if value]
    for run, nodes in runs:
        seconds = f", {(run.end - run.start).total_seconds():.2f} s" if run.end is not None else ""
        selection = params_in_short(run.selection)
        extra = f", with {params_in_short(run.extra_params)}" if run.extra_params else ""
        lines += ["", f"run {run.run_id}: {run.status}{seconds} ({selection}{extra})"]
        if run.exception is not None:
            lines.append(f"  {run.exception.type}: {run.exception.message}")
        width = max((len(node.name) for node in nodes), default=0)
        lines += [f"  {node.name:<{width}}  {node.status:<11} {node.duration * 1000:9.1f} ms" for node in nodes]
    return "\n".join(lines)


def counted(count: int, noun: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def local_time(moment: datetime) -> str:
    """A moment in the reader's own time zone, to the second."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def params_in_short(params: Any, prefix: str = "") -> str:
    """Nested parameters as ``a.b=1, c=x``."""
    parts = []
    for key, value in params.items():
        if isinstance(value, dict) and value:
            parts.append(params_in_short(value, f"{prefix}{key}."))
        else:
            shown = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            parts.append(f"{prefix}{key}={shown}")
    return ", ".join(parts)


def _session_lines(record: SessionRecord) -> list[tuple[str, Any]]:
    ended = f"{record.status}" + (f" at {local_time(record.end)}" if record.end is not None else "")
    failed = f"{record.exception.type}: {record.exception.message}" if record.exception is not None else None
    return [
        ("session", record.session_id),
        ("project", f"{record.project} ({record.project_root})"),
        ("env", record.env),
        ("conf source", record.conf_source),
        ("extra parameters", params_in_short(record.extra_params)),
        ("started", local_time(record.start)),
        ("ended", ended),
        ("exception", failed),
        ("by", f"{record.started_by}, {record.user}@{record.host}, pid {record.pid}"),
        ("line", record.invocation.get("line")),
        ("command line", " ".join(record.command_line)),
        ("python", f"{record.python} on {record.platform}"),
    ]


def _run_in_short(run: RunRecord) -> str:
    name = run.selection.get("pipeline", "?")
    return str(name) if run.status == "completed" else f"{name} ({run.status})"


def _table(*headers: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, header in enumerate(headers):
        table.add_column(header, no_wrap=number == 0, overflow="fold")
    return table


def _rendered(table: Table) -> str:
    from rich.console import Console

    written = io.StringIO()
    Console(file=written, width=_width()).print(table)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()).strip("\n")


def _width() -> int:
    """Columns of the terminal; output that goes elsewhere is as wide as it needs to be."""
    import shutil
    import sys

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 160
