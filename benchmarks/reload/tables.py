"""Print what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Self

from tools import OURS, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reloads import Measured
    from tools import Tool


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        title: What was done.
        ours: Milliseconds.
        reference: Milliseconds; None where the reference has no such thing.
        aim: How many times faster ours is to be; None where nothing was promised.
        note: Stands in place of the reference.
    """

    title: str
    ours: float
    reference: float | None = None
    aim: float | None = None
    note: str = ""

    @classmethod
    def of(cls, title: str, times: Mapping[Tool, list[float]], *, aim: float | None) -> Self:
        """Return the row of what both tools did."""
        return cls(title, median(times[OURS]), median(times[REFERENCE]), aim)


def print_rows(title: str, rows: Iterable[Row]) -> None:
    """Print a table of rows."""
    print(f"\n{title:<44}{OURS.name + ' ms':>15}{REFERENCE.name + ' ms':>12}{'ratio':>9}{'aim':>9}")
    for row in rows:
        line = f"{row.title:<44}{_milliseconds(row.ours):>15}"
        if row.reference is not None:
            ratio = row.reference / row.ours
            line += f"{_milliseconds(row.reference):>12}{ratio:>8.1f}x"
            if row.aim is not None:
                line += f"{f'>= {row.aim:.0f}x':>9}{'' if ratio >= row.aim else '   not reached'}"
        elif row.note:
            line += f"   {row.note}"
        print(line, flush=True)


def print_growth(by_size: Mapping[int, Measured], cases: Iterable[str]) -> None:
    """Print how the cases grow with the project: the milliseconds per 1,000 nodes stay the same where it is linear."""
    print(f"\n{'milliseconds per 1,000 nodes':<44}" + "".join(f"{f'{size:,} nodes':>24}" for size in by_size))
    print(f"{'':<44}" + f"{OURS.name:>12}{REFERENCE.name:>12}" * len(by_size))
    for case in cases:
        numbers = [
            _milliseconds(measured.median(case, tool) / size * 1000)
            for size, measured in by_size.items()
            for tool in (OURS, REFERENCE)
        ]
        print(f"{case:<44}" + "".join(f"{number:>12}" for number in numbers), flush=True)


def _milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.3f}"  # noqa: PLR2004
