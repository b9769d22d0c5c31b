"""Recorded sessions to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipyproject.display.messages import counted
from ipyproject.display.tables import Rendering, Table, render
from ipyproject.display.values import format_pair, format_value, local_time, params_in_short
from ipyproject.errors import shortened
from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipyproject.history import ErrorRecord, NodeRecord, RunRecord, SessionRecord
    from ipyproject.history.questions.asking import SessionHistory
    from ipyproject.history.questions.comparison import Difference
    from ipyproject.session import Replay, Session

NONE = "-"
SHORT_HASH = 12  # characters
MOST_RUNS = 8
MOST_ERROR = 1000  # characters


def render_sessions(sessions: Sequence[tuple[SessionRecord, Sequence[RunRecord]]]) -> Rendering:
    """Sessions with their runs in short, in the order given."""
    if not sessions:
        return render("No sessions are recorded, or none that fits.")
    rows = [
        (
            record.session_id,
            local_time(record.start),
            visible(record.env),
            record.started_by,
            record.status,
            _runs_in_short(runs) or NONE,
            params_in_short(record.extra_params) or NONE,
        )
        for record, runs in sessions
    ]
    headers = ("session", "started", "env", "by", "status", "runs", "extra parameters")
    expendable = ("by", "started", "extra parameters", "runs")
    return render(Table(headers, rows, expendable=expendable, whole=frozenset({"session", "started", "env", "status"})))


def render_session(session: SessionHistory) -> Rendering:
    """All about one session: how it was opened, its runs, the timings of their nodes, and what was logged."""
    parts: list[Table | str] = [Table(("session", session.record.session_id), _session_rows(session.record))]
    logged = {**session.facts, **{metric.name: metric.value for metric in session.metrics}}
    if logged:
        parts.append(
            Table(("logged", "value"), [(visible(name), format_value(value)) for name, value in logged.items()])
        )
    for run in session.runs:
        parts.append(_run_title(run))
        if nodes := session.nodes[run.run_id]:
            rows = [
                (visible(node.name), node.status, f"{node.duration * 1000:.1f} ms", _outputs(node)) for node in nodes
            ]
            parts.append(Table(("node", "status", "time", "wrote"), rows))
    return render(*parts)


def render_differences(before: str, after: str, differences: Sequence[Difference]) -> Rendering:
    """What differs between two sessions, side by side."""
    if not differences:
        return render(f"{before} and {after} differ in nothing that is recorded.")
    return render(f"A: {before}\nB: {after}", _difference_table(differences, "A", "B"))


def render_replay(replay: Replay[Session]) -> Rendering:
    """What differs between a recorded session and the one that repeats it."""
    then, now = replay.plan.record.session_id, replay.session.session_id
    runs = counted(len(replay.plan.runs), "run")
    if not replay.differences:
        return render(f"Replaying {then} ({runs})\nas {now}; nothing that was recorded differs.")
    table = _difference_table(replay.differences, "then", "now")
    return render(f"Replaying {then} ({runs})\nas {now}. What differs:", table)


def render_values(headers: tuple[str, str], values: Mapping[str, Any]) -> Rendering:
    """Names and values, one below the other."""
    return render(Table(headers, [(visible(name), format_value(value)) for name, value in values.items()]))


def _difference_table(differences: Sequence[Difference], before: str, after: str) -> Table:
    rows = [(each.section, visible(each.name), *_difference_sides(each)) for each in differences]
    return Table(("section", "name", before, after), rows, whole=frozenset({"section"}))


def _difference_sides(difference: Difference) -> tuple[str, str]:
    sides = difference.before, difference.after
    if difference.section == "timings":
        before, after = (f"{side * 1000:.1f} ms" if isinstance(side, float) else format_value(side) for side in sides)
        return before, after
    before, after = format_pair(*sides)
    if difference.section == "configuration" or difference.name in {"commit", "diff_hash"}:
        return before[:SHORT_HASH], after[:SHORT_HASH]
    return before, after


def _session_rows(record: SessionRecord) -> list[tuple[str, str]]:
    ended = f"{record.status} at {local_time(record.end)}" if record.end is not None else str(record.status)
    flags = record.invocation.get("flags", {})
    given = {name: flag["value"] for name, flag in flags.items() if flag["source"] != "default"}
    rows = {
        "project": f"{record.project} ({record.project_root})",
        "env": record.env,
        "conf source": record.conf_source or "",
        "extra parameters": params_in_short(record.extra_params),
        "replay of": record.replay_of or "",
        "started": local_time(record.start),
        "ended": ended,
        "by": f"{record.started_by}, {record.user}@{record.host}, pid {record.pid}",
        "line": str(record.invocation.get("line", "")),
        "notebook": str(record.invocation.get("notebook") or ""),
        "script": str(record.invocation.get("script", "")),
        "command": str(record.invocation.get("command", "")),
        "flags given": params_in_short(given),
        "code": params_in_short(record.git),
        "environment": params_in_short(record.environment),
        "python": f"{record.python} on {record.platform}",
    }
    shown = {name: visible(text) for name, text in rows.items()}
    if record.exception is not None:
        shown["exception"] = _error(record.exception)
    return [(name, text) for name, text in shown.items() if text]


def _error(error: ErrorRecord) -> str:
    return shortened(f"{error.type}: {error.message}", MOST_ERROR)


def _run_title(run: RunRecord) -> str:
    seconds = f" in {max(0.0, (run.end - run.start).total_seconds()):.2f} s" if run.end is not None else ""
    extra = f", with {params_in_short(run.extra_params)}" if run.extra_params else ""
    failed = f"\n{_error(run.exception)}" if run.exception is not None else ""
    return f"run {run.run_id}: {run.status}{seconds}\n{params_in_short(run.selection)}{extra}{failed}"


def _outputs(node: NodeRecord) -> str:
    return ", ".join(f"{visible(name)} ({visible(_size(facts))})" for name, facts in node.outputs.items()) or NONE


def _size(summary: Mapping[str, Any]) -> str:
    shape = " x ".join(map(str, summary["shape"])) if summary.get("shape") else summary.get("length", "")
    return f"{summary.get('type', '?')} {shape}".strip()


def _runs_in_short(runs: Sequence[RunRecord]) -> str:
    more = f", and {len(runs) - MOST_RUNS} more" if len(runs) > MOST_RUNS else ""
    return ", ".join(map(_run_in_short, runs[:MOST_RUNS])) + more


def _run_in_short(run: RunRecord) -> str:
    name = run.selection.get("pipeline") or "own pipeline"
    name = format_value(" + ".join(map(str, name)) if isinstance(name, list) else name)
    return name if run.status == "completed" else f"{name} ({run.status})"
