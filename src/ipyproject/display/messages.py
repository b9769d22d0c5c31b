"""What opening and running say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipyproject.visible import visible

if TYPE_CHECKING:
    from ipyproject.session import RunResult, Session


def opened_text(session: Session, *, seconds: float) -> str:
    """Say what was opened.

    Args:
        session: An open session.
        seconds: How long it took.
    """
    pipelines = session.pipelines
    nodes = len({node.name for pipeline in pipelines.values() for node in pipeline})
    named = sum(name != "__default__" for name in pipelines)
    datasets = len(session.load_context().catalog.dataset_names())
    about = visible(f"{session.project.project_name} ({session.env})")
    return (
        f"{about}: {counted(named, 'pipeline')}, {counted(nodes, 'node')}, "
        f"{counted(datasets, 'dataset')}, opened in {seconds * 1000:.0f} ms.\n"
        f"session, context, catalog and pipelines are ready; session {session.session_id}."
    )


def run_text(session: Session, result: RunResult) -> str:
    """Say what a run did: a line per node, then the outputs."""
    outputs = visible(", ".join(result)) or "nothing"
    return (
        f"Completed {counted(len(result.nodes), 'node')} in {result.duration:.2f} s. Outputs: {outputs}.\n"
        f"Session {session.session_id}, run {result.run_id}."
    )


def counted(count: int, noun: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
