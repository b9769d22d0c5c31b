"""The two tools that are measured, and what is different in a project of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Tool:
    """What a project of a tool looks like, and how it is opened.

    Attributes:
        name: Also the name of its program.
        table: The table of ``pyproject.toml`` that makes a folder its project.
        names: Public name -> the module that a project imports it from.
        opening: The cells that load the extension in a project's folder and open the project.
        reloading: The cell that opens it again.
        imported: What is imported to open a session in a script.
    """

    name: str
    table: str
    names: dict[str, str]
    opening: tuple[str, ...]
    reloading: str
    imported: str

    def import_line(self, *names: str) -> str:
        """Return the line that imports public names, all from one module."""
        (module,) = {self.names[name] for name in names}
        return f"from {module} import {', '.join(names)}"


OURS = Tool(
    name="ipyproject",
    table="[tool.ipyproject]",
    names={
        "Node": "ipyproject.pipeline",
        "Pipeline": "ipyproject.pipeline",
        "find_pipelines": "ipyproject.pipeline",
        "hook_impl": "ipyproject",
    },
    opening=("%load_ext ipyproject", "%reload_project"),
    reloading="%reload_project",
    imported="ipyproject",
)
REFERENCE = Tool(
    name="kedro",
    table='[tool.kedro]\npackage_name = "{package}"\nproject_name = "{package}"\nkedro_init_version = "{version}"',
    names={
        "Node": "kedro.pipeline",
        "Pipeline": "kedro.pipeline",
        "find_pipelines": "kedro.framework.project",
        "hook_impl": "kedro.framework.hooks",
    },
    opening=("%load_ext kedro.ipython",),  # loaded in a project's folder, it opens the project
    reloading="%reload_kedro",
    imported="kedro.framework.session",
)
TOOLS = (OURS, REFERENCE)
