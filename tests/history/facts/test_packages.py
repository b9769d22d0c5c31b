from __future__ import annotations

import importlib.metadata
import sys
import zipfile
from typing import TYPE_CHECKING

from ipyproject.history.facts.packages import installed_packages, package_name

if TYPE_CHECKING:
    from pathlib import Path


def install(folder: Path, info: str, name: str | None, version: str, file: str = "METADATA") -> None:
    (folder / info).mkdir(parents=True)
    if name is not None:
        (folder / info / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText.\n")


def test_the_same_as_the_standard_library() -> None:
    """In this very environment, what is told is just what the metadata tells when all of it is parsed."""
    expected: dict[str, str] = {}
    for each in importlib.metadata.distributions():
        expected.setdefault(package_name(each.metadata["Name"]), each.version)
    found = installed_packages()
    assert found == expected
    assert list(found) == sorted(found)
    assert {"ipyproject", "jupyter-client"} <= set(found)


def test_kinds_of_installations(tmp_path) -> None:
    """Wheels, eggs, editable ones and odd names are told; what is broken or taken away is not there."""
    install(tmp_path, "Foo_Bar.baz-1.0+cpu.dist-info", "Foo-Bar.baz", "1.0+cpu")
    install(tmp_path, "old-1.0_post1.dist-info", "old", "1.0.post1")
    install(tmp_path, "my_editable.egg-info", "my-editable", "0.1", "PKG-INFO")
    install(tmp_path, "half-2.0.dist-info", None, "")
    install(tmp_path, "~ray-2.0.dist-info", "stray", "2.0")
    install(tmp_path, "unnamed.egg-info", "", "1", "PKG-INFO")
    (tmp_path / "one_file-3.0-py3.11.egg-info").write_text("Metadata-Version: 1.0\nName: one-file\nVersion: 3.0\n")
    (tmp_path / "broken.egg-info").write_bytes(b"\xff\xfe\x00")
    assert installed_packages([str(tmp_path)]) == {
        "foo-bar-baz": "1.0+cpu",
        "my-editable": "0.1",
        "old": "1.0.post1",
        "one-file": "3.0",
    }


def test_the_first_one_counts(tmp_path) -> None:
    """Of several of one name the one that Python would import counts."""
    install(tmp_path / "a", "x-1.dist-info", "x", "1")
    install(tmp_path / "b", "x-2.dist-info", "x", "2")
    assert installed_packages([str(tmp_path / "a"), str(tmp_path / "b")]) == {"x": "1"}
    assert installed_packages([str(tmp_path / "b"), str(tmp_path / "a")]) == {"x": "2"}


def test_changes_are_seen(tmp_path) -> None:
    """What is installed in the middle of a process is there the next time."""
    install(tmp_path, "x-1.dist-info", "x", "1")
    assert installed_packages([str(tmp_path)]) == {"x": "1"}
    install(tmp_path, "y-1.dist-info", "y", "1")
    assert installed_packages([str(tmp_path)]) == {"x": "1", "y": "1"}


def test_odd_entries_of_the_path(tmp_path, monkeypatch) -> None:
    """Archives and eggs are read; entries that are not there, empty or no paths do no harm."""
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x-1.dist-info/METADATA", "Name: x\nVersion: 1\n")
    (tmp_path / "text.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    install(tmp_path / "egg" / "y.egg", "EGG-INFO", "y", "2", "PKG-INFO")
    path = [
        str(tmp_path / "egg" / "y.egg"),
        str(archive),
        str(tmp_path / "gone"),
        str(tmp_path / "text.txt"),
        "",
        "a\0b",
    ]
    assert installed_packages(path) == {"x": "1", "y": "2"}
    assert installed_packages([]) == {}
    assert installed_packages(sys.path) == installed_packages()
