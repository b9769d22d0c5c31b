"""The files of the package and what they import of each other."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import ipyproject

SOURCE = Path(ipyproject.__file__).parent.parent


def modules():
    """Name -> file of each module of the package."""
    found = {}
    for file in (SOURCE / "ipyproject").rglob("*.py"):
        parts = file.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(file, known):
    """Which of the known modules a file imports, anywhere in it, for types only or not."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            within = [f"{node.module}.{each.name}" for each in node.names]
            names = [name if name in known else node.module for name in within]
        else:
            continue
        yield from (name for name in names if name in known)


def test_files_import_each_other_in_one_direction():
    """There is an order of the files in which each imports only earlier ones: no circles, not even for types."""
    files = modules()
    depends = {name: set(imported(file, files)) - {name} for name, file in files.items()}
    TopologicalSorter(depends).prepare()  # raises CycleError, which shows the circle
