"""For tests, ours and those of projects: write a real project and open it, and a runner that takes notes.

Name it in a ``conftest.py``: ``pytest_plugins = ["ipyproject.testing"]``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from ipyproject import current
from ipyproject.importing import project_modules
from ipyproject.project import Project
from ipyproject.runners import Runner
from ipyproject.session import Session
from ipyproject.session.facade import core_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ipyproject.pipeline import Node

FILES: Mapping[str, str] = {
    "pyproject.toml": """
        [project]
        name = "{package}"
        version = "1.0"

        [tool.ipyproject]
        """,
    "conf/base/parameters.yml": """
        rate: 2
        model: {test_share: 0.25, seed: 7}
        """,
    "conf/base/catalog.yml": """
        orders: {type: json.JSONDataset, filepath: data/orders.json}
        total: {type: json.JSONDataset, filepath: data/total.json}
        """,
    "conf/local/.gitkeep": "",
    "conf/prod/parameters.yml": """
        rate: 3
        """,
    "data/orders.json": "[1, 2, 3]",
    "src/{package}/__init__.py": "",
    "src/{package}/nodes.py": """
        def double(orders, rate):
            return [order * rate for order in orders]

        def add_up(doubled):
            return sum(doubled)
        """,
    "src/{package}/pipeline_registry.py": """
        from ipyproject import Node, Pipeline
        from {package}.nodes import add_up, double

        def register_pipelines():
            prepare = Pipeline([Node(double, ["orders", "params:rate"], "doubled", name="double", tags="early")])
            report = Pipeline([Node(add_up, "doubled", "total", name="add_up", tags="late")])
            return {{"prepare": prepare, "report": report}}
        """,
}
"""A small shop: orders are multiplied by a rate (pipeline ``prepare``), then added up (pipeline ``report``)."""


@dataclass(frozen=True, slots=True)
class ProjectFolder:
    """A project on disk.

    Attributes:
        root: Its folder.
        package: Its package.
    """

    root: Path
    package: str

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files, given as path -> text (indentation is taken off); None deletes one."""
        for name, text in files.items():
            file = self.root / name
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")

    def layout(self) -> Project:
        """Return the project as its layout says, whatever its files hold."""
        source = self.root / "src"
        return Project(self.root, self.package, self.package, source, source / self.package, self.root / "conf")

    def open(self, **options: Any) -> Session:
        """Open a session on it; the options are those of :meth:`ipyproject.Session.create`."""
        return Session.create(self.root, **options)


@dataclass(slots=True)
class RecordingRunner(Runner):
    """Runs the nodes one after the other and keeps their names.

    Attributes:
        names: Names of the nodes that were run, in order.
    """

    names: list[str] = field(default_factory=list)

    def execute(self, nodes: tuple[Node, ...], run_node: Callable[[Node], None]) -> None:
        """Run each node in turn and keep its name."""
        for node in nodes:
            self.names.append(node.name)
            run_node(node)


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Callable[..., ProjectFolder]]:
    """Write real projects; afterwards everything that opening them changed in this process is put back."""
    made: list[ProjectFolder] = []

    def make(
        files: Mapping[str, str | None] | None = None, *, package: str = "shop", folder: str | None = None
    ) -> ProjectFolder:
        """Write the small shop, with files changed, added or (None) left out."""
        project = ProjectFolder((tmp_path / (folder or package)).resolve(), package)
        project.root.mkdir(parents=True)
        texts: dict[str, str | None] = {
            name.format(package=package): text.format(package=package) if name.endswith((".py", ".toml")) else text
            for name, text in FILES.items()
        }
        texts |= files or {}
        project.write({name: text for name, text in texts.items() if text is not None})
        made.append(project)
        return project

    yield make
    for session in reversed(current.open_sessions()):
        core_of(session).close()
    for project in made:
        for name in project_modules(project.layout()):
            del sys.modules[name]
    current.reset()
