"""What is locked: names and versions alone, of everything that pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[1]
LINE = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [a-z_]+ [<>=!]+ '[^']*'( (and|or) [a-z_]+ [<>=!]+ '[^']*')*)?")
LOCKED = [Requirement(line) for line in (REPOSITORY / "requirements-dev.txt").read_text().splitlines()]
ENVIRONMENTS = [
    {"python_version": version, "python_full_version": f"{version}.{patch}", "sys_platform": system, "os_name": name}
    for version, patch in (("3.11", 2), ("3.11", 9), ("3.12", 1), ("3.13", 0))
    for system, name in (("linux", "posix"), ("darwin", "posix"), ("win32", "nt"))
]


def asked_for():
    """Yield what the package, its extras, the development group and the build ask for."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    yield from project["build-system"]["requires"]
    yield from project["project"]["dependencies"]
    for extra in project["project"]["optional-dependencies"].values():
        yield from extra
    for group in project["dependency-groups"].values():
        yield from (each for each in group if isinstance(each, str))


def test_it_names_no_host_no_hash_and_no_place():
    """Each line is a name, a version, and where it holds."""
    lines = (REPOSITORY / "requirements-dev.txt").read_text().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize(
    "environment", ENVIRONMENTS, ids=lambda each: f"{each['python_full_version']}-{each['sys_platform']}"
)
def test_every_python_gets_one_version_of_all_that_is_asked_for(environment):
    """On each Python and system exactly one version is locked, and it is in the range of pyproject.toml."""
    locked = {}
    for each in LOCKED:
        if each.marker is None or Marker(str(each.marker)).evaluate(environment):
            assert each.name not in locked
            locked[each.name] = str(each.specifier).removeprefix("==")
    for text in asked_for():
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked[requirement.name.lower()]), text
