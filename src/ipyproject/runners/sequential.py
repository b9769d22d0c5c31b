"""One node after the other, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipyproject.runners.base import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipyproject.pipeline import Node


class SequentialRunner(Runner):
    """Runs the nodes one after the other."""

    def execute(self, nodes: tuple[Node, ...], run_node: Callable[[Node], None]) -> None:
        """Run each node in turn."""
        __tracebackhide__ = True
        for node in nodes:
            run_node(node)
