"""The tools that are compared, and how each is driven."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH = "import sys; sys.path.insert(0, 'src')"


@dataclass(frozen=True)
class Tool:
    """How a tool is driven, and what a project looks like for it.

    Attributes:
        name: Its name on the command line of the benchmark.
        shown: How the table calls it.
        opening: The cells before the notebook's own; the working directory is the project's folder.
        reloading: The cell after an edit.
        opens_projects: Whether there are pipelines, parameters and a catalog.
        preloaded: What its processes have imported before a case begins, which saves time only.
        translation: Text in our projects -> what its projects say instead.
        files: Files of a project beside those of the case.
    """

    name: str
    shown: str
    opening: tuple[str, ...]
    reloading: str
    opens_projects: bool
    preloaded: tuple[str, ...] = ()
    translation: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


_PYPROJECT = '[project]\nname = "shop"\nversion = "1.0"\n\n'

OURS = Tool(
    name="ipyproject",
    shown="%reload_project",
    opening=("%load_ext ipyproject", "%reload_project"),
    reloading="%reload_project",
    opens_projects=True,
    preloaded=(
        *("ipyproject.notebook.magics", "ipyproject.notebook.extension", "ipyproject.pipeline", "ipyproject.hooks"),
        *("ipyproject.history.stores.sqlite", "rich.console", "rich.table", "tomli", "yaml", "subprocess"),
    ),
    files={"pyproject.toml": f"{_PYPROJECT}[tool.ipyproject]\n"},
)
OURS_AUTO = Tool(
    name="ipyproject-auto",
    shown="... --auto",
    opening=("%load_ext ipyproject", "%reload_project --auto"),
    reloading="pass",
    opens_projects=True,
    preloaded=OURS.preloaded,
    files=OURS.files,
)
AUTORELOAD = Tool(
    name="autoreload",
    shown="%autoreload 2",
    opening=(_PATH, "%load_ext autoreload", "%autoreload 2"),
    reloading="pass",
    opens_projects=False,
    preloaded=("IPython.extensions.autoreload",),
)
AUTORELOAD_COMPLETE = Tool(
    name="autoreload-complete",
    shown="... complete",
    opening=(_PATH, "%load_ext autoreload", "%autoreload complete"),
    reloading="pass",
    opens_projects=False,
    preloaded=AUTORELOAD.preloaded,
)
REFERENCE = Tool(
    name="kedro",
    shown="%reload_kedro",
    opening=("%load_ext kedro.ipython",),  # loaded in a project's folder, it opens the project
    reloading="%reload_kedro",
    opens_projects=True,
    preloaded=("kedro.framework.session", "kedro.framework.startup", "kedro.ipython", "kedro.io", "kedro.pipeline"),
    translation={
        "from ipyproject import Node, Pipeline": "from kedro.pipeline import Node, Pipeline",
        "from ipyproject import find_pipelines": "from kedro.framework.project import find_pipelines",
        "from ipyproject import hook_impl": "from kedro.framework.hooks import hook_impl",
        "from ipyproject.catalog import Dataset": "from kedro.io import AbstractDataset as Dataset",
        'CONFIG = {"default_env": "prod"}': 'CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "prod"}',
    },
    files={
        "pyproject.toml": f"""\
{_PYPROJECT}[tool.kedro]
package_name = "shop"
project_name = "shop"
kedro_init_version = "{{version}}"
"""
    },
)
TOOLS = {tool.name: tool for tool in (OURS, OURS_AUTO, AUTORELOAD, AUTORELOAD_COMPLETE, REFERENCE)}

PLAIN = Tool(
    name="plain",
    shown="a fresh kernel",
    opening=(_PATH,),
    reloading="pass",
    opens_projects=False,
)
"""Nothing but Python: what must hold is checked in a fresh process without any of the tools."""
