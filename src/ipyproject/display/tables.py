"""Tables as plain text and as HTML that reads well in any theme, and where styles are taken out."""

from __future__ import annotations

import io
import random
import shutil
import sys
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDE = 160  # columns of output that goes to a file or a pipe
FOLDED = 24  # columns that a longer text may be folded into, before columns are left out
TEXT_STYLE = 'style="text-align: left"'
ID_STYLE = 'style="text-align: left; white-space: nowrap"'
GAP = 3  # columns between two others
EDGES = 2


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under headers.

    Attributes:
        headers: A text per column.
        rows: As many texts as there are headers, each.
        title: Stands above.
        expendable: Headers of columns that a narrow terminal does without, those to be left out first at the front.
        whole: Headers of columns whose texts are never folded, such as ids that are copied from there.
    """

    headers: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    title: str = ""
    expendable: tuple[str, ...] = ()
    whole: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, repr=False)
class Rendering:
    """Something to look at: notebooks show its HTML, terminals its text."""

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def render(*parts: Table | str) -> Rendering:
    """Return tables and paragraphs, one below the other, as text and as HTML."""
    text = "\n\n".join(visible(part, keep="\n") if isinstance(part, str) else table_text(part) for part in parts)
    html = "".join(f"<p>{_lines(part)}</p>" if isinstance(part, str) else table_html(part) for part in parts)
    return Rendering(text, html)


def table_text(table: Table, width: int | None = None) -> str:
    """Return a table as aligned text.

    Args:
        table: The table.
        width: Columns to keep to; by default those of the terminal, and enough where there is none.
    """
    state = random.getstate()  # a user has seeded it, and rich draws a number when it is imported
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    random.setstate(state)
    width = width or terminal_width()
    table = _visible(table)
    shown = _fitting(table, width)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    lines_fit = "─".encode(encoding, "ignore") != b""
    rich_table = RichTable(box=box.SIMPLE_HEAD if lines_fit else box.ASCII, pad_edge=False)
    room = width - EDGES - GAP * (len(shown) - 1) - len(shown)  # for what is more than one character wide
    for number in shown:
        more = _longest(table, number) - 1
        keeps = table.headers[number] in table.whole and more <= room  # what is longer would be cut off
        room -= more if keeps else 0
        rich_table.add_column(Text(table.headers[number]), no_wrap=keeps, overflow="fold")
    for row in table.rows:
        rich_table.add_row(*(Text(row[number]) for number in shown))
    written = io.StringIO()
    console = Console(
        file=written,
        width=width,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,  # else it would display the table by itself in a notebook
        legacy_windows=False,
    )
    console.print(rich_table)
    lines = "\n".join(line.rstrip() for line in written.getvalue().splitlines()).strip("\n")
    return f"{table.title}\n{lines}" if table.title else lines


def _visible(table: Table) -> Table:
    def lines(texts: Sequence[str]) -> tuple[str, ...]:
        return tuple(visible(text, keep="\n") for text in texts)

    [title] = lines([table.title])
    expendable, whole = lines(table.expendable), frozenset(lines([*table.whole]))
    return Table(lines(table.headers), [*map(lines, table.rows)], title, expendable, whole)


def _fitting(table: Table, width: int) -> list[int]:
    """Return the columns to show: all that are not expendable, and of those as many as there is room for."""
    shown = list(range(len(table.headers)))
    for header in table.expendable:
        needed = [
            _longest(table, number) if table.headers[number] in table.whole else min(FOLDED, _longest(table, number))
            for number in shown
        ]
        if sum(needed) + GAP * (len(needed) - 1) + EDGES <= width:
            break
        shown.remove(table.headers.index(header))
    return shown


def _longest(table: Table, number: int) -> int:
    from rich.cells import cell_len

    texts = (table.headers[number], *(row[number] for row in table.rows))
    return max(cell_len(line) for text in texts for line in text.splitlines() or [""])


def table_html(table: Table) -> str:
    """Return a table as HTML; everything is escaped.

    Notebooks align the text of cells to the right and fold it anywhere; the little style that prevents this stands in
    each cell, and where styles are taken out the table reads well without.
    """
    styles = [ID_STYLE if header in table.whole else TEXT_STYLE for header in table.headers]
    head = "".join(f"<th {ID_STYLE}>{_lines(header)}</th>" for header in table.headers)
    rows = "".join(
        "<tr>" + "".join(f"<td {style}>{_lines(cell)}</td>" for style, cell in zip(styles, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{_lines(table.title)}</caption>" if table.title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def terminal_width() -> int:
    """Return the columns of the terminal; output that goes elsewhere is as wide as ``COLUMNS`` says, or wide."""
    return shutil.get_terminal_size((0, 0)).columns or (80 if sys.stdout.isatty() else WIDE)


def _lines(text: str) -> str:
    return escape(visible(text, keep="\n")).replace("\n", "<br>")
