"""Write the same project for either tool, and edit it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from tools import REFERENCE

if TYPE_CHECKING:
    from tools import Tool

EXAMPLE = Path(__file__).parents[2] / "examples" / "penguins"
NODES_OF_A_PIPELINE = 10
DATASETS_OF_A_PIPELINE = 2 * NODES_OF_A_PIPELINE
NOTHING_YET = "EDIT = 0\n"

_PYPROJECT = """\
[project]
name = "{package}"
version = "1.0"

{table}
"""
_SETTINGS = """\
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
"""
_DEEP_PARAMETERS = """\
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},  # as ours are merged
}
"""
_REGISTRY = """\
{imports}


def register_pipelines():
    pipelines = find_pipelines()
    pipelines["__default__"] = sum(pipelines.values())
    return pipelines
"""
_PIPELINE_MODULE = """\
{imports}
from {package}.pipelines.{area} import nodes


def create_pipeline():
    return Pipeline(
        [
{nodes}
        ]
    )
"""
_NODE = """\
            Node(
                nodes.step_{number},
                [{inputs}],
                "{area}_result_{number}",
                name="{area}_step_{number}",
                tags=["{tag}"],
            ),"""
_NODES_MODULE = """\
\"\"\"The steps of {area}.\"\"\"

from {package} import common

{functions}
"""
_FUNCTION = """

def step_{number}({arguments}):
    \"\"\"Weigh what the step before has made.\"\"\"
    return common.scaled([source, {before}], rate)
"""
_COMMON = """\
\"\"\"What the steps share.\"\"\"

import math


def scaled(values, rate):
    \"\"\"Return the values, scaled.\"\"\"
    return [value * rate * math.pi for value in values]
"""
_PARAMETERS = """\
{area}:
  rate: {rate}
  edit: 0
  columns: [width, depth, length, mass]
  model:
    penalty: 0.001
    tolerance: 1.0e-4
    max_iterations: 2000
"""


@dataclass(frozen=True)
class Edits:
    """Where a project is edited: an edit writes a number, which stands for one thing that a person may have changed.

    Attributes:
        nodes: A module with functions of nodes.
        common: A module that those import.
        parameters: A file of parameters.
        parameter: The path of the number in it.
        node: The name of a node of the module.
    """

    nodes: Path
    common: Path
    parameters: Path
    parameter: tuple[str, ...]
    node: str

    def edit_nodes(self, number: int) -> None:
        """Change ``EDIT`` in the module with the functions of nodes."""
        _edit(self.nodes, "EDIT = ", number)

    def edit_common(self, number: int) -> None:
        """Change ``EDIT`` in the module that those import."""
        _edit(self.common, "EDIT = ", number)

    def edit_parameter(self, number: int) -> None:
        """Change the parameter."""
        _edit(self.parameters, f"{self.parameter[-1]}: ", number)

    def seen(self) -> str:
        """Return the expression for the numbers that a tool sees: of nodes, of common, the parameter."""
        keys = "".join(f"[{key!r}]" for key in self.parameter)
        return (
            f"[[node.func.__globals__['EDIT'], node.func.__globals__['common'].EDIT, context.params{keys}]"
            f" for node in pipelines['__default__'].nodes if node.name == {self.node!r}]"
        )


def _edit(file: Path, before: str, number: int) -> None:
    """Write the number behind the text that stands before it, with a comment that gives the file a size of its own.

    The reference goes by byte code, which knows its source by second and size: of two edits within a second that leave
    the size as it was it sees the first.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    (position,) = (at for at, line in enumerate(lines) if line.strip().startswith(before))
    indentation = lines[position][: len(lines[position]) - len(lines[position].lstrip())]
    lines[position] = f"{indentation}{before}{number}  # {'.' * number}"
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")


def write_project(folder: Path, tool: Tool, nodes: int) -> Edits:
    """Write a project of so many nodes: per ten of them a pipeline, twenty datasets and a file of parameters."""
    package = "benchmark_project"
    source, conf = folder / "src" / package, folder / "conf" / "base"
    for made in (source / "pipelines", conf, folder / "conf" / "local"):
        made.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(_pyproject(tool, package))
    (source / "__init__.py").write_text("")
    (source / "settings.py").write_text(_SETTINGS)
    (source / "common.py").write_text(_COMMON + NOTHING_YET)
    (source / "pipeline_registry.py").write_text(_REGISTRY.format(imports=tool.import_line("find_pipelines")))
    (source / "pipelines" / "__init__.py").write_text("")
    areas = [f"area_{number:03}" for number in range(nodes // NODES_OF_A_PIPELINE)]
    for number, area in enumerate(areas):
        below = source / "pipelines" / area
        below.mkdir()
        (below / "__init__.py").write_text("from .pipeline import create_pipeline\n")
        (below / "nodes.py").write_text(_nodes_module(package, area) + NOTHING_YET)
        (below / "pipeline.py").write_text(_pipeline_module(tool, package, area))
        (conf / f"parameters_{area}.yml").write_text(_PARAMETERS.format(area=area, rate=1 + number / 100))
        (conf / f"catalog_{area}.yml").write_text(_catalog(area))
    edited = areas[len(areas) // 2]
    return Edits(
        nodes=source / "pipelines" / edited / "nodes.py",
        common=source / "common.py",
        parameters=conf / f"parameters_{edited}.yml",
        parameter=(edited, "edit"),
        node=f"{edited}_step_{NODES_OF_A_PIPELINE - 1}",
    )


def _pyproject(tool: Tool, package: str) -> str:
    table = tool.table.format(package=package, version=version(tool.name))
    return _PYPROJECT.format(package=package, table=table)


def _nodes_module(package: str, area: str) -> str:
    functions = [
        _FUNCTION.format(
            number=number,
            arguments="source, rate" if number == 0 else "source, rate, before",
            before=1 if number == 0 else "*before",
        )
        for number in range(NODES_OF_A_PIPELINE)
    ]
    return _NODES_MODULE.format(package=package, area=area, functions="".join(functions).strip("\n"))


def _pipeline_module(tool: Tool, package: str, area: str) -> str:
    nodes = []
    for number in range(NODES_OF_A_PIPELINE):
        names = [f"{area}_source_{number}", f"params:{area}.rate"]
        if number > 0:
            names.append(f"{area}_result_{number - 1}")
        inputs = ", ".join(f'"{name}"' for name in names)
        tag = "early" if number < NODES_OF_A_PIPELINE // 2 else "late"
        nodes.append(_NODE.format(area=area, number=number, inputs=inputs, tag=tag))
    imports = tool.import_line("Node", "Pipeline")
    return _PIPELINE_MODULE.format(imports=imports, package=package, area=area, nodes="\n".join(nodes))


def _catalog(area: str) -> str:
    entries = ["_data: data\n"]
    for number in range(NODES_OF_A_PIPELINE):
        source, result = f"{area}_source_{number}", f"{area}_result_{number}"
        entries.append(f"{source}:\n  type: pandas.CSVDataset\n  filepath: data/01_raw/{source}.csv\n")
        file = f"${{_data}}/02_intermediate/{result}.pkl"
        entries.append(f"{result}:\n  type: pickle.PickleDataset\n  filepath: {file}\n")
    return "\n".join(entries)


# What the example says of our library, and what a project of the reference says instead. There, a hook gets no session.
_TRANSLATION = {
    "src/penguins/hooks.py": {
        ", session: SessionInfo": "",
        "    from ipyproject.current import SessionInfo\n": "",
        'session.log_metric("accuracy", outputs["metrics"]["accuracy"])': 'print("accuracy", outputs["metrics"])',
    },
    "src/penguins/pipeline_registry.py": {
        "from ipyproject.pipeline import Pipeline, find_pipelines": dedent(
            """\
            from kedro.framework.project import find_pipelines
            from kedro.pipeline import Pipeline"""
        ),
    },
}
_TRANSLATED_EVERYWHERE = {
    "from ipyproject.pipeline import": "from kedro.pipeline import",
    "from ipyproject import hook_impl": "from kedro.framework.hooks import hook_impl",
}


def write_penguins(folder: Path, tool: Tool) -> Edits:
    """Write the example as a project of a tool, with a number to edit in two modules and a file of parameters."""
    left_out = shutil.ignore_patterns("__pycache__", "__main__.py", ".ipyproject", "0[2-9]_*", "prod")
    shutil.copytree(EXAMPLE, folder, ignore=left_out, dirs_exist_ok=True)
    source = folder / "src" / "penguins"
    if tool is REFERENCE:
        (folder / "pyproject.toml").write_text(_pyproject(tool, "penguins"))
        for file in sorted(source.rglob("*.py")):
            _translate(file, file.relative_to(folder).as_posix())
        settings = source / "settings.py"
        settings.write_text(settings.read_text() + _SETTINGS + _DEEP_PARAMETERS)
    (source / "common.py").write_text(NOTHING_YET)
    for nodes in sorted(source.rglob("nodes.py")):
        nodes.write_text(nodes.read_text() + "\nfrom penguins import common\n" + NOTHING_YET)
    parameters = folder / "conf" / "base" / "parameters.yml"
    parameters.write_text(parameters.read_text() + "  edit: 0\n")
    return Edits(
        nodes=source / "pipelines" / "data_processing" / "nodes.py",
        common=source / "common.py",
        parameters=parameters,
        parameter=("report", "edit"),
        node="clean",
    )


def _translate(file: Path, name: str) -> None:
    text = file.read_text()
    for ours, theirs in _TRANSLATION.get(name, {}).items():
        if ours not in text:
            raise SystemExit(f"{name} of the example no longer says {ours!r}: adapt the translation in {__file__}.")
        text = text.replace(ours, theirs)
    for ours, theirs in _TRANSLATED_EVERYWHERE.items():
        text = text.replace(ours, theirs)
    if "ipyproject" in text:
        raise SystemExit(f"{name} of the example still speaks of ipyproject: adapt the translation in {__file__}.")
    file.write_text(text)
