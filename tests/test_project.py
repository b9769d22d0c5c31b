"""Finding a project and reading its metadata."""

from __future__ import annotations

import pytest

from ipyproject.errors import MetadataError, ProjectNotFoundError
from ipyproject.project import find_project, read_metadata, read_project


def write(root, toml, packages=("src/shop",)):
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(toml)
    for package in packages:
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    return root


def test_found_from_a_folder_inside(tmp_path):
    """The search goes upward, past a pyproject.toml without the table, to the nearest one that has it."""
    root = write(tmp_path / "shop", "[tool.ipyproject]")
    inner = root / "notebooks" / "deep"
    write(inner, "[tool.other]", ())
    assert find_project(inner) == root
    assert find_project(root) == root


def test_working_directory_is_the_default(tmp_path, monkeypatch):
    """Without an argument the search starts at the working directory."""
    root = write(tmp_path / "shop", "[tool.ipyproject]")
    monkeypatch.chdir(root / "src")
    assert find_project() == root


def test_an_empty_table_is_enough(tmp_path):
    """The package is the only one under src/, and the name that of the distribution."""
    project = read_project(write(tmp_path, '[project]\nname = "my-shop"\n[tool.ipyproject]'))
    assert (project.package_name, project.project_name) == ("shop", "my-shop")
    assert project.source_dir == tmp_path / "src"
    assert project.conf_source == tmp_path / "conf"


def test_package_named_as_the_distribution(tmp_path):
    """Of several packages the one with the distribution's name is meant, with '-' read as '_'."""
    root = write(tmp_path, '[project]\nname = "my-shop"\n[tool.ipyproject]', ("src/other", "src/my_shop"))
    assert read_project(root).package_name == "my_shop"


def test_flat_layout(tmp_path):
    """Without src/ the package lies in the root, and the root goes on the path."""
    project = read_project(write(tmp_path, '[project]\nname = "shop"\n[tool.ipyproject]', ("shop", "tests")))
    assert (project.package_name, project.source_dir) == ("shop", tmp_path)


def test_keys_of_the_table(tmp_path):
    """package_name, project_name and source_dir are what the table may say."""
    table = '[tool.ipyproject]\npackage_name = "b"\nproject_name = "The B"\nsource_dir = "lib"'
    project = read_project(write(tmp_path, table, ("lib/a", "lib/b")))
    assert (project.package_name, project.project_name, project.source_dir) == ("b", "The B", tmp_path / "lib")


def test_no_project(tmp_path):
    """Where there is no pyproject.toml the message names the folder and what to give."""
    with pytest.raises(ProjectNotFoundError, match=r"No project at .*\n.*\[tool\.ipyproject\]"):
        find_project(tmp_path)


def test_no_such_folder(tmp_path):
    """A path that does not exist is named."""
    with pytest.raises(ProjectNotFoundError, match="No such folder: .*nowhere"):
        find_project(tmp_path / "nowhere")


def test_no_table(tmp_path):
    """A pyproject.toml without the table is named, and the line to add."""
    write(tmp_path, '[project]\nname = "shop"')
    with pytest.raises(ProjectNotFoundError, match=r"pyproject\.toml has no \[tool\.ipyproject\] table"):
        find_project(tmp_path)


def test_broken_toml(tmp_path):
    """Broken TOML is said with file and line."""
    write(tmp_path, '[tool.ipyproject]\nname = "a\n')
    with pytest.raises(MetadataError, match=r"pyproject\.toml, line 2: "):
        find_project(tmp_path)


def test_unknown_key(tmp_path):
    """An unknown key is named, with the closest known one."""
    root = write(tmp_path, '[tool.ipyproject]\npackage_nam = "shop"')
    with pytest.raises(MetadataError, match=r"unknown key 'package_nam'(.|\n)*Did you mean 'package_name'"):
        read_project(root)


@pytest.mark.parametrize("value", ["1", '""', "[]"])
def test_wrong_value(tmp_path, value):
    """A value of the wrong type is named with its key."""
    with pytest.raises(MetadataError, match="package_name"):
        read_project(write(tmp_path, f"[tool.ipyproject]\npackage_name = {value}"))


@pytest.mark.parametrize(
    ("toml", "packages", "message"),
    [
        ("[tool.ipyproject]", (), "no package"),
        ("[tool.ipyproject]", ("src/a", "src/b"), r"several packages \(a, b\)"),
        ('[tool.ipyproject]\npackage_name = "c"', ("src/a",), "no package 'c'(.|\n)*Packages there: a"),
        ('[tool.ipyproject]\nsource_dir = "lib"', ("src/a",), "source_dir 'lib'"),
    ],
)
def test_no_package(tmp_path, toml, packages, message):
    """A package that can't be told is an error that says what there is."""
    with pytest.raises(MetadataError, match=message):
        read_project(write(tmp_path, toml, packages))


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[tool.ipyproject]\npackage_name = "/etc"', "'/etc' can't be the name of a package"),
        ('[tool.ipyproject]\npackage_name = "shop."', "can't be the name of a package"),
        ('[tool.ipyproject]\npackage_name = "json"', "'json' has the name of a module of Python's own library"),
        ('[tool.ipyproject]\nsource_dir = "src\\u0000"', "source_dir"),
    ],
)
def test_impossible_names(tmp_path, toml, message):
    """Names that no package can have, or that Python's own modules have, are refused."""
    with pytest.raises(MetadataError, match=message):
        read_project(write(tmp_path, toml))


def test_odd_metadata(tmp_path):
    """A [project] that is no table does no harm."""
    assert read_project(write(tmp_path, "project = 3\n[tool.ipyproject]")).package_name == "shop"


@pytest.mark.parametrize("path", ["~nobody-of-that-name/p", "a\0b", "x" * 5000])
def test_impossible_paths(path):
    """A path that can't be one is an error that names it."""
    with pytest.raises(ProjectNotFoundError, match="no folder that can be used"):
        find_project(path)


def test_working_directory_is_gone(tmp_path, monkeypatch):
    """A working directory that was deleted is said."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ProjectNotFoundError, match="working directory is gone"):
        find_project()


@pytest.mark.parametrize("named", ["", 'package_name = "shop"'])
@pytest.mark.parametrize(
    "left", [(), ("notes.txt",), ("__pycache__/__init__.cpython-311.pyc", "sub/__pycache__/a.pyc")]
)
def test_a_package_without_modules(tmp_path, named, left):
    """A package folder with nothing to import is said, named or not; what is left of compiled modules is no module."""
    root = write(tmp_path, f'[project]\nname = "shop"\n[tool.ipyproject]\n{named}', ())
    for file in ("", *left):
        path = root / "src/shop" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if file else path.mkdir()
    with pytest.raises(MetadataError, match=r"src/shop has no modules.\nBring its files back"):
        read_project(root)


def test_a_package_without_init(tmp_path):
    """Modules without an __init__.py are a package only where pyproject.toml names it."""
    root = write(tmp_path, '[project]\nname = "shop"\n[tool.ipyproject]', ())
    (root / "src/shop/inner").mkdir(parents=True)
    (root / "src/shop/inner/nodes.py").touch()
    with pytest.raises(MetadataError, match=r"src/shop has no __init__.py, so it is no package.\n"):
        read_project(root)
    (root / "pyproject.toml").write_text('[tool.ipyproject]\npackage_name = "shop"')
    assert read_project(root).package_name == "shop"


def test_a_package_that_is_gone(tmp_path):
    """The folder of a package that pyproject.toml names is looked for each time."""
    root = write(tmp_path, '[tool.ipyproject]\npackage_name = "shop"')
    assert read_project(root).package_name == "shop"
    (root / "src/shop/__init__.py").unlink()
    (root / "src/shop").rmdir()
    with pytest.raises(MetadataError, match="there is no package 'shop'"):
        read_project(root)


def test_the_store(tmp_path):
    """pyproject.toml may say where sessions are recorded; a misspelt key is refused, as others are."""
    root = write(tmp_path, '[tool.ipyproject]\nsession_store = "records/all.db"')
    assert read_project(root).session_store == read_metadata(root).session_store == "records/all.db"
    (root / "pyproject.toml").write_text('[tool.ipyproject]\nsession_stroe = "records/all.db"')
    for read in (read_project, read_metadata):
        with pytest.raises(MetadataError, match="unknown key 'session_stroe'.*\nDid you mean 'session_store'?"):
            read(root)


@pytest.mark.parametrize(
    ("toml", "packages", "name"),
    [
        ('[project]\nname = "a-b"\n[tool.ipyproject]', (), "a-b"),
        ('[tool.ipyproject]\nproject_name = "Shop"', (), "Shop"),
        ('[tool.ipyproject]\npackage_name = "shop"', (), "shop"),
        ("[tool.ipyproject]", ("shop",), "shop"),
        ("[tool.ipyproject]", (), None),
        ('[tool.ipyproject]\nsource_dir = "nowhere"', (), None),
    ],
)
def test_the_place_of_a_project_without_its_package(tmp_path, toml, packages, name):
    """To look at a project's sessions its package need not be there; its name is known where anything tells it."""
    root = write(tmp_path, toml, packages)
    found = read_metadata(root)
    assert (found.root, found.project_name, found.session_store) == (root, name, None)
