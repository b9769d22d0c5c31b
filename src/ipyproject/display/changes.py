"""What a reload changed, in one screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject.display.messages import counted
from ipyproject.display.tables import Rendering, Table, render
from ipyproject.display.values import format_pair
from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipyproject.session import Session
    from ipyproject.session.changes import NameChanges

MOST = 12  # lines of a kind, and names in a line


def render_changes(session: Session, *, seconds: float) -> Rendering:
    """Say what a reload executed, found changed and did to names.

    Args:
        session: The session that it opened.
        seconds: How long it took.
    """
    changes = session.changes
    head = (
        f"{session.project.project_name} ({session.env}): executed {len(changes.executed)} of "
        f"{counted(changes.modules, 'module')}, {seconds * 1000:.0f} ms; session {session.session_id}."
    )
    rows = [("env", "", " -> ".join(changes.env))] if changes.env is not None else []
    rows += _named("module", changes.sources)
    rows += [
        ("parameter", visible(name), " -> ".join(format_pair(old, new))) for name, old, new in changes.parameters[:MOST]
    ]
    if (more := len(changes.parameters) - MOST) > 0:
        rows.append(("parameters", f"and {more} more", ""))
    rows += _named("dataset", changes.datasets)
    rows += _named("pipeline", changes.pipelines)
    rows += _named("node", changes.nodes)
    told = (
        ("names", "rebound", changes.names.rebound, ""),
        ("names", "gone from the code", changes.names.gone, " (still bound to the old objects)"),
        ("objects", "moved to new classes", changes.names.moved, ""),
        ("objects", "of old classes", changes.names.old_instances, " (make them again)"),
        ("compiled", "not loaded again", [Path(file).name for file in changes.outdated], " (restart the kernel)"),
    )
    rows += [(kind, how, f"{_listed(names)}{hint}") for kind, how, names, hint in told if names]
    rows += [("modules", "one file, two copies", " = ".join(names)) for names in changes.doubled[:MOST]]
    return render(head, Table(("changed", "", ""), rows)) if rows else render(head)


def _named(kind: str, names: NameChanges) -> list[tuple[str, str, str]]:
    kinds = {"added": names.added, "removed": names.removed, "changed": names.changed}
    return [(kind if len(found) == 1 else f"{kind}s", how, _listed(found)) for how, found in kinds.items() if found]


def _listed(names: Iterable[str]) -> str:
    names = [visible(name) for name in names]
    more = f", and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
