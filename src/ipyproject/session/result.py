"""What a run came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipyproject.errors import DatasetNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipyproject.catalog import Catalog
    from ipyproject.history import NodeRecord, RunRecord


class RunResult(Mapping[str, Any]):
    """The outputs of a completed run: dataset name -> data.

    Outputs that live in memory are kept as the run left them. Those that the catalog stores are loaded when they are
    asked for, in this run's version where they are versioned.

    Attributes:
        record: The run's record.
        nodes: A record per node, in the order in which they ended.

    Args:
        names: Names of the outputs.
        in_memory: Data of those that live in memory.
        catalog: Loads the others.
    """

    def __init__(
        self,
        record: RunRecord,
        nodes: tuple[NodeRecord, ...],
        names: tuple[str, ...],
        in_memory: Mapping[str, Any],
        catalog: Catalog,
    ) -> None:
        self.record = record
        self.nodes = nodes
        self._names = dict.fromkeys(names)
        self._in_memory = in_memory
        self._catalog = catalog

    @property
    def run_id(self) -> str:
        """The run's id, which is the version under which versioned datasets were saved."""
        return self.record.run_id

    @property
    def status(self) -> str:
        """How the run ended."""
        return self.record.status

    @property
    def timings(self) -> dict[str, float]:
        """Node name -> seconds, from the first load to the last save."""
        return {node.name: node.duration for node in self.nodes}

    @property
    def duration(self) -> float:
        """Seconds that the run took."""
        end = self.record.end or self.record.start
        return max(0.0, (end - self.record.start).total_seconds())  # clocks are set back

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise DatasetNotFoundError(
                f"{name!r} is no output of this run.",
                f"Its outputs: {', '.join(self._names) or 'none'}. For what lies between use catalog.load({name!r}).",
            )
        return self._in_memory[name] if name in self._in_memory else self._catalog.load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._names)

    def __repr__(self) -> str:
        outputs = ", ".join(self._names) or "none"
        nodes = f"{len(self.nodes)} node{'' if len(self.nodes) == 1 else 's'}"
        return f"RunResult({self.status}, {nodes}, {self.duration:.2f} s, outputs: {outputs})"
