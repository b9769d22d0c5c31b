"""What an edit case is, and how its project is written."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# All files are older than the edit by this many seconds, so that nothing but a case about time depends on the clock.
AGE = 1000

BASE: Mapping[str, str] = {
    "conf/base/parameters.yml": "rate: 2\nmodel: {penalty: 0.5, columns: [width, depth]}\n",
    "conf/base/catalog.yml": "note: {type: shop.datasets.Note, text: old}\nkept: {type: MemoryDataset}\n",
    "conf/local/.gitkeep": "",
    "src/shop/__init__.py": "",
    "src/shop/settings.py": "",
    "src/shop/nodes.py": """
        RATE = 2

        def clean(rows):
            return [row * RATE for row in rows]
        """,
    "src/shop/datasets.py": """
        from ipyproject.catalog import Dataset

        class Note(Dataset):
            def __init__(self, text):
                self._text = text

            def load(self):
                return self._text

            def save(self, data):
                raise NotImplementedError

            def _describe(self):
                return {}
        """,
    "src/shop/pipelines/__init__.py": "",
    "src/shop/pipelines/sales/__init__.py": "from shop.pipelines.sales.pipeline import create_pipeline\n",
    "src/shop/pipelines/sales/pipeline.py": """
        from ipyproject import Node, Pipeline
        from shop.nodes import clean

        def create_pipeline(**kwargs):
            return Pipeline([Node(clean, "rows", "cleaned", name="clean")])
        """,
    "src/shop/pipeline_registry.py": """
        from ipyproject import find_pipelines

        def register_pipelines():
            pipelines = find_pipelines()
            return pipelines | {"__default__": sum(pipelines.values())}
        """,
}
"""The project of each case; a case adds files to it."""


@dataclass(frozen=True)
class Edit:
    """What a person does to a project's files, and what must hold in the notebook afterwards.

    Attributes:
        files: Path -> new text; None removes the file.
        expect: A cell of assertions. A fresh kernel on the files as they are then must satisfy them, and one on the
            files as they were before must not.
        moved: Old path -> new path, before ``files`` are written; times are kept.
        seconds: When, after the first files were written; None is now.
        breaks: The error by which the project is broken afterwards; it must be said, and ``expect`` is then what a
            fresh kernel on the last files that were whole satisfies.
    """

    files: Mapping[str, str | None]
    expect: str
    moved: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    breaks: str = ""


@dataclass(frozen=True)
class Case:
    """A project, a notebook that uses it, and edits.

    Attributes:
        name: Says what is edited.
        edits: One after the other, each followed by a reload.
        files: Path -> text, beside those of `BASE`; None leaves one out.
        imports: The notebook's cell of imports.
        own: A cell with what is the notebook's own; a fresh kernel executes it, too.
        used: A cell that only the kernel has executed that goes on.
        project: Whether it is about pipelines, parameters, catalog or session, and not about modules only.
        not_offered: Tools that do not claim to have what it is about.
    """

    name: str
    edits: tuple[Edit, ...]
    files: Mapping[str, str | None] = field(default_factory=dict)
    imports: str = ""
    own: str = ""
    used: str = ""
    project: bool = False
    not_offered: tuple[str, ...] = ()


def case(
    name: str,
    files: Mapping[str, str | None],
    edit: Mapping[str, str | None],
    expect: str,
    *,
    imports: str = "",
    own: str = "",
    used: str = "",
    moved: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> Case:
    """Return a case about modules, of one edit."""
    return Case(name, (Edit(edit, expect, moved or {}, seconds),), files, imports, own, used)


def project_case(
    name: str,
    edit: Mapping[str, str | None],
    expect: str,
    *,
    files: Mapping[str, str | None] | None = None,
    own: str = "",
    not_offered: tuple[str, ...] = (),
) -> Case:
    """Return a case about what a project defines, of one edit."""
    return Case(name, (Edit(edit, expect),), files or {}, own=own, project=True, not_offered=not_offered)


class ProjectFiles:
    """A project in a folder, written in the words of one tool.

    Args:
        folder: Where it is written.
        translation: Line of a source -> what a project of the tool says instead.
        extra: Further files.
    """

    def __init__(self, folder: Path, translation: Mapping[str, str], extra: Mapping[str, str]) -> None:
        self._folder = folder
        self._translation = translation
        self._extra = extra
        self._written = float(int(time.time()) - AGE)

    def write(self, case: Case) -> None:
        """Write the files of a case before its edits."""
        for name, text in {**BASE, **self._extra, **case.files}.items():
            if text is not None:
                self._write(name, text, self._written)

    def apply(self, edit: Edit) -> None:
        """Do an edit."""
        for old, new in edit.moved.items():
            (self._folder / new).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / old).rename(self._folder / new)
        for name, text in edit.files.items():
            if text is None:
                (self._folder / name).unlink()
            else:
                self._write(name, text, None if edit.seconds is None else self._written + edit.seconds)

    def _write(self, name: str, text: str, seconds: float | None) -> None:
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = dedent(text).lstrip("\n")
        for ours, theirs in self._translation.items():
            text = text.replace(ours, theirs)
        file.write_text(text, encoding="utf-8")
        if seconds is not None:
            os.utime(file, (seconds, seconds))
