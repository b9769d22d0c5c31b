"""What the project adds to the record of its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipyproject import hook_impl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipyproject.current import SessionInfo
    from ipyproject.pipeline import Node


class Metrics:
    """Logs the figures that sessions are compared by."""

    @hook_impl
    def after_node_run(self, node: Node, outputs: Mapping[str, Any], session: SessionInfo) -> None:
        """Log how the model did, once it was evaluated."""
        if node.name == "evaluate":
            session.log_metric("accuracy", outputs["metrics"]["accuracy"])
