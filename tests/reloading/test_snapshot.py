"""What changed between two snapshots, against real files."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ipyproject.project import Project
from ipyproject.reloading.snapshot import HASHED_UP_TO, Layer, Snapshot

LONG_AGO = 1_600_000_000_123_456_789


def write(root, files):
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def project_at(root, source="src", package="shop"):
    source_dir = root / source
    return Project(root, package, package, source_dir, source_dir / package, root / "conf")


def take(project, previous=None):
    return Snapshot.take(project, project.conf_source, previous=previous)


def settled(project):
    """A snapshot that trusts the stats of all files: taken when the last write is long enough ago."""
    snapshot = take(project)
    while any(
        state.signature is None
        for files in snapshot.files.values()
        for state in files.values()
        if state.content != b"folder"
    ):
        time.sleep(0.05)
        snapshot = take(project, snapshot)
    return snapshot


def names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def paths(snapshot, layer):
    """The files of a layer, sorted."""
    return tuple(map(Path, sorted(snapshot.files[layer])))


def across(changes, kind):
    """What is of one kind (added, changed, removed) in any layer."""
    return tuple(path for layer in changes for path in getattr(layer, kind))


def told(changes, root):
    """Changes as {layer: {kind: names}}, without what is empty."""
    kinds = ("added", "changed", "removed")
    found = {
        layer.value: {kind: names(getattr(getattr(changes, layer.value), kind), root) for kind in kinds}
        for layer in Layer
    }
    return {layer: kept for layer, by_kind in found.items() if (kept := {k: v for k, v in by_kind.items() if v})}


@pytest.fixture
def project(tmp_path):
    write(
        tmp_path,
        {
            "pyproject.toml": "[tool.ipyproject]\n",
            "conf/base/parameters.yml": "rate: 1\n",
            "conf/local/.gitkeep": "",
            "src/shop/__init__.py": "",
            "src/shop/nodes.py": "a = 1\n",
            "src/shop/query.sql": "select 1\n",
        },
    )
    return project_at(tmp_path)


def test_each_file_has_its_layer(project):
    """Python and extension modules are code, all else beside them is other; conf is every env's files."""
    root = project.root
    write(
        root,
        {"src/shop/fast.so": "", "src/shop/fast.pyd": "", "src/shop/.env": "", "src/more.py": "", "src/notes.md": ""},
    )
    write(root, {"conf/prod/deep/a.json": "", "conf/prod/b.toml": "", "conf/prod/c.yaml": "", "conf/readme.md": ""})
    snapshot = take(project)
    assert names(paths(snapshot, Layer.CODE), root) == [
        "src/more.py", "src/shop/__init__.py", "src/shop/fast.pyd", "src/shop/fast.so", "src/shop/nodes.py",
    ]  # fmt: skip
    assert names(paths(snapshot, Layer.OTHER), root) == ["src/notes.md", "src/shop/.env", "src/shop/query.sql"]
    assert names(paths(snapshot, Layer.CONF), root) == [
        "conf/base/parameters.yml", "conf/local", "conf/prod/b.toml", "conf/prod/c.yaml", "conf/prod/deep/a.json",
    ]  # fmt: skip
    assert names(paths(snapshot, Layer.METADATA), root) == ["pyproject.toml"]


def test_changes_are_grouped_by_layer_and_sorted(project):
    """Added, changed and removed files of each layer, in the order of their names."""
    root, before = project.root, take(project)
    write(
        root,
        {
            "src/shop/z.py": "",
            "src/shop/b.py": "",
            "src/shop/nodes.py": "a = 2\n",
            "conf/base/parameters.yml": "rate: 2\n",
        },
    )
    write(root, {"pyproject.toml": "[tool.ipyproject]\n\n"})
    (root / "src/shop/query.sql").unlink()
    changes = take(project, before).changes_since(before)
    assert told(changes, root) == {
        "code": {"added": ["src/shop/b.py", "src/shop/z.py"], "changed": ["src/shop/nodes.py"]},
        "other": {"removed": ["src/shop/query.sql"]},
        "conf": {"changed": ["conf/base/parameters.yml"]},
        "metadata": {"changed": ["pyproject.toml"]},
    }
    assert changes
    assert changes.code
    assert len(across(changes, "added")) == 2
    assert len(across(changes, "changed")) == 3
    assert len(across(changes, "removed")) == 1


def test_nothing_changed_is_false_and_reads_no_file(project):
    """A second snapshot of settled files opens none of them and finds nothing."""
    before = settled(project)
    with watched("open") as opened:
        after = take(project, before)
    assert opened == []
    assert not after.changes_since(before)


def test_touching_a_file_is_no_change(project):
    """Where the stat differs the content decides."""
    before = settled(project)
    os.utime(project.package_dir / "nodes.py")
    os.utime(project.package_dir / "query.sql", ns=(LONG_AGO, LONG_AGO))
    assert not take(project, before).changes_since(before)


def test_a_write_with_the_old_time_and_size_is_seen(project):
    """A checkout may set mtime back, to that of before: ctime tells."""
    file = project.package_dir / "nodes.py"
    os.utime(file, ns=(LONG_AGO, LONG_AGO))
    before = settled(project)
    file.write_text("a = 2\n")
    os.utime(file, ns=(LONG_AGO, LONG_AGO))
    assert told(take(project, before).changes_since(before), project.root) == {
        "code": {"changed": ["src/shop/nodes.py"]}
    }


def test_two_writes_within_the_clocks_grain_are_seen(project):
    """Writes of one size as quick as can be, a snapshot between each two: some share one and the same stat."""
    file = project.package_dir / "nodes.py"
    snapshot = take(project)
    for number in range(200):
        file.write_text(f"a = {number % 10}\n")
        after = take(project, snapshot)
        assert after.changes_since(snapshot).code.changed == (file,)
        snapshot = after


def test_a_fresh_file_is_read_again_until_it_is_settled(project):
    """A file written just before the snapshot has no stat to trust; later it has."""
    file = project.package_dir / "nodes.py"
    file.write_text("a = 3\n")
    assert take(project).files[Layer.CODE][str(file)].signature is None
    later = settled(project)
    status = file.stat()
    assert later.files[Layer.CODE][str(file)].signature == (
        status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino,
    )  # fmt: skip


def test_a_file_replaced_by_renaming_is_seen(project):
    """Another inode with the size and mtime of the old one."""
    file = project.package_dir / "nodes.py"
    os.utime(file, ns=(LONG_AGO, LONG_AGO))
    new = project.root / "new"
    new.write_text("a = 9\n")
    os.utime(new, ns=(LONG_AGO, LONG_AGO))
    before = settled(project)
    new.replace(file)
    assert across(take(project, before).changes_since(before), "changed") == (file,)


def test_a_large_file_is_never_read(project):
    """Above the limit the stat stands for the content: a touch counts as a change, silence does not."""
    file = project.package_dir / "model.bin"
    with file.open("wb") as content:
        content.truncate(HASHED_UP_TO + 1)
    with watched("open") as opened:
        just_written = take(project)
    assert str(file) not in opened
    after = take(project, just_written)
    assert across(after.changes_since(just_written), "changed") == (file,), "two writes could not be told apart"
    before = settled(project)
    assert not take(project, before).changes_since(before)
    os.utime(file)
    assert across(take(project, before).changes_since(before), "changed") == (file,)


def test_without_a_previous_snapshot_contents_are_compared(project):
    """Two snapshots that know nothing of each other agree on files that are the same."""
    assert not take(project).changes_since(take(project))


@contextmanager
def watched(event):
    """Note the first argument of an audit event, as text."""
    heard, listening = [], [True]

    def listen(name, arguments):
        if listening and name == event:
            heard.append(os.fspath(arguments[0]) if isinstance(arguments[0], (str, Path)) else str(arguments[0]))

    sys.addaudithook(listen)
    try:
        yield heard
    finally:
        listening.clear()


def test_data_beside_the_source_is_never_walked(tmp_path):
    """Neither beside src nor beside the package of a flat layout is a folder of data listed whole."""
    write(tmp_path, {"own/shop/__init__.py": "", "shop/__init__.py": "", "shop/pipelines/nodes.py": "", "tool.py": ""})
    ignored = ("data", ".git", ".venv", "node_modules", "__pycache__", "notebooks", "tests", "my-data")
    for name in ignored:
        write(tmp_path, {f"{name}/x.py": "", f"{name}/deep/y.csv": ""})
    write(tmp_path, {"env/pyvenv.cfg": "", "env/lib/z.py": "", "conda/conda-meta/x": "", "conda/z.py": ""})
    write(tmp_path, {f"records/{number:04}.csv": "" for number in range(1500)})
    for source, code in (
        ("own", ["own/shop/__init__.py"]),
        (".", ["own/shop/__init__.py", "shop/__init__.py", "shop/pipelines/nodes.py", "tool.py"]),
    ):
        with watched("os.scandir") as listed:
            snapshot = take(project_at(tmp_path, source))
        assert not {str(tmp_path / name) for name in ignored} & {*listed}
        assert not any("deep" in folder or folder.endswith("lib") for folder in listed)
        assert names(paths(snapshot, Layer.CODE), tmp_path) == code
        assert names(paths(snapshot, Layer.OTHER), tmp_path) == []


def test_in_a_flat_layout_every_folder_that_is_a_package_counts(tmp_path, monkeypatch):
    """With an __init__.py whatever its name, with modules in it or below it, or imported as it is."""
    write(
        tmp_path,
        {"shop/a.py": "", "data/__init__.py": "", "data/raw/x.csv": "", "plain/b.py": "", "name/space/c.py": ""},
    )
    write(tmp_path, {"docs/conf.py": "", "tests/helpers/d.py": ""})
    flat = project_at(tmp_path, ".")
    code = ["data/__init__.py", "name/space/c.py", "plain/b.py", "shop/a.py"]
    assert names(paths(take(flat), Layer.CODE), tmp_path) == code
    assert names(paths(take(flat), Layer.OTHER), tmp_path) == ["data/raw/x.csv"]
    imported = type(sys)("tests")
    imported.__path__ = [str(tmp_path / "tests")]
    monkeypatch.setitem(sys.modules, "tests", imported)
    assert names(paths(take(flat), Layer.CODE), tmp_path) == [*code, "tests/helpers/d.py"]


def test_leftovers_in_the_source_folder_do_not_count(project):
    """Byte code, build metadata, environments, hidden folders and what editors leave for a moment."""
    before = take(project)
    leftovers = ("__pycache__/nodes.pyc", ".ipynb_checkpoints/x.py", "nodes.py~", ".nodes.py.swp", ".#nodes.py", "4913")
    write(project.package_dir, dict.fromkeys(leftovers, ""))
    write(project.source_dir, {"shop.egg-info/PKG-INFO": "", "env/pyvenv.cfg": "", "env/lib/x.py": ""})
    assert not take(project, before).changes_since(before)


def test_empty_folders_are_seen(project):
    """An empty folder can be imported, and an env without files is an env that is known."""
    before = take(project)
    (project.package_dir / "extra").mkdir()
    (project.conf_source / "prod").mkdir()
    shutil.rmtree(project.conf_source / "local")
    after = take(project, before)
    assert told(after.changes_since(before), project.root) == {
        "code": {"added": ["src/shop/extra"]},
        "conf": {"added": ["conf/prod"], "removed": ["conf/local"]},
    }


def test_an_installed_project_is_its_package(tmp_path):
    """Neither what is installed beside it nor a pyproject.toml in the working directory belongs to it."""
    write(
        tmp_path,
        {"shop/__init__.py": "", "shop/a.sql": "", "other/__init__.py": "", "pyproject.toml": "", "one.py": ""},
    )
    installed = Project(tmp_path, "shop", "shop", None, tmp_path / "shop", tmp_path / "conf")
    assert across(take(installed).changes_since(take(installed)), "added") == ()
    everything = [path for layer in Layer for path in paths(take(installed), layer)]
    assert names(everything, tmp_path) == ["shop/__init__.py", "shop/a.sql"]
    module = Project(tmp_path, "one", "one", None, tmp_path, tmp_path / "conf")
    assert names(paths(take(module), Layer.CODE), tmp_path) == ["one.py"]
    assert names(paths(take(module), Layer.OTHER), tmp_path) == []


def test_conf_inside_the_package_is_conf_only(project):
    """A parameter that is edited there does not make all code stale; a text beside it does."""
    conf = project.package_dir / "conf"
    write(conf, {"base/parameters.yml": "a: 1", "base/readme.md": ""})
    snapshot = Snapshot.take(project, conf)
    assert names(paths(snapshot, Layer.CONF), conf) == ["base/parameters.yml"]
    assert names(paths(snapshot, Layer.OTHER), project.package_dir) == ["conf/base/readme.md", "query.sql"]


def test_an_archive_is_one_file(project):
    """Packing it anew with another content is a change of conf; without conf there is nothing."""
    archive = project.root / "conf.zip"
    before = Snapshot.take(project, archive)
    assert paths(before, Layer.CONF) == ()
    archive.write_bytes(b"1")
    packed = Snapshot.take(project, archive, previous=before)
    archive.write_bytes(b"2")
    again = Snapshot.take(project, archive, previous=packed)
    assert packed.changes_since(before).conf.added == (archive,)
    assert again.changes_since(packed).conf.changed == (archive,)
    assert not paths(Snapshot.take(project, Path("a\0b")), Layer.CONF)


def test_links_are_followed_and_cycles_end(project, tmp_path_factory):
    """A linked source folder, linked files and folders count by the path they have; links upward are not followed."""
    away = tmp_path_factory.mktemp("away")
    project.source_dir.rename(away / "code")
    project.source_dir.symlink_to(away / "code")
    write(away, {"lib/x.py": "", "single.py": "a = 1"})
    (project.package_dir / "lib").symlink_to(away / "lib")
    (project.package_dir / "single.py").symlink_to(away / "single.py")
    (project.package_dir / "up").symlink_to(project.root)
    (project.package_dir / "self").symlink_to(project.package_dir)
    (away / "lib/round").symlink_to(away / "code")
    (project.package_dir / "ring.py").symlink_to(project.package_dir / "ring.py")
    before = take(project)
    code = ["__init__.py", "lib/x.py", "nodes.py", "single.py"]
    assert [name for name in names(paths(before, Layer.CODE), project.package_dir) if "round" not in name] == code
    (away / "single.py").write_text("a = 2")
    assert across(take(project, before).changes_since(before), "changed") == (project.package_dir / "single.py",)


def test_a_broken_link_is_nothing_until_it_is_mended(project):
    """What it leads to is found as added, and a link that is turned to another file as changed."""
    link, first, second = project.package_dir / "link.py", project.root / "first", project.root / "second"
    link.symlink_to(first)
    broken = take(project)
    first.write_text("a = 1")
    second.write_text("a = 2")
    mended = take(project, broken)
    assert mended.changes_since(broken).code.added == (link,)
    link.unlink()
    link.symlink_to(second)
    assert take(project, mended).changes_since(mended).code.changed == (link,)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders there")
def test_what_is_no_regular_file_is_not_opened(project):
    """A pipe would block whoever reads it."""
    before = take(project)
    os.mkfifo(project.package_dir / "pipe.py")
    assert not take(project, before).changes_since(before)


@pytest.mark.skipif(sys.platform != "linux", reason="only there every byte is allowed in a name")
def test_names_of_any_kind(project):
    """Bytes that are no text, spaces, and names that differ in their case only."""
    before = take(project)
    for name in (b"\xff\xfe.py", b"with space.py", b"Nodes.py"):
        (project.package_dir / os.fsdecode(name)).write_text("")
    added = take(project, before).changes_since(before).code.added
    assert [os.fsencode(path.name) for path in added] == [b"Nodes.py", b"with space.py", b"\xff\xfe.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions as POSIX has them")
def test_files_that_become_unreadable_are_changed():
    """Unreadable and readable again are changes, staying unreadable is none, and nothing raises."""
    script = """
        import os, sys
        from pathlib import Path
        from ipyproject.project import Project
        from ipyproject.reloading.snapshot import Snapshot
        root = Path(sys.argv[1])
        if os.geteuid() == 0:
            os.chown(root / "src/shop/a.py", 65534, 65534), os.chown(root / "conf/base", 65534, 65534)
            os.seteuid(65534)
        project = Project(root, "shop", "shop", root / "src", root / "src/shop", root / "conf")
        def step(mode):
            global last
            os.chmod(root / "src/shop/a.py", mode), os.chmod(root / "conf/base", mode)
            new = Snapshot.take(project, root / "conf", previous=last)
            changes = new.changes_since(last)
            last = new
            kinds = "added", "changed", "removed"
            return [[path.name for layer in changes for path in getattr(layer, kind)] for kind in kinds]
        last = Snapshot.take(project, root / "conf")
        print([step(mode) for mode in (0, 0, 0o700)])
        """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        write(root, {"src/shop/a.py": "", "conf/base/b.yml": ""})
        lines = script.splitlines()
        code = "\n".join(line.removeprefix("        ") for line in lines)
        ran = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    gone, still, back = [["base"], ["a.py"], ["b.yml"]], [[], [], []], [["b.yml"], ["a.py"], ["base"]]
    assert (ran.stdout, ran.stderr) == (f"{[gone, still, back]}\n", "")


def test_files_that_come_and_go_meanwhile_do_not_disturb(project):
    """Another process writes and deletes all the time; no snapshot fails, and the last one sees what is left."""
    churn = (
        "import itertools, pathlib, shutil, sys\n"
        "top = pathlib.Path(sys.argv[1])\n"
        "for number in itertools.count():\n"
        "    folder = top / f'd{number % 3}'\n"
        "    folder.mkdir(exist_ok=True)\n"
        "    (folder / 'a.py').write_text(str(number))\n"
        "    (top / 'b.py').write_text(str(number))\n"
        "    shutil.rmtree(folder)\n"
        "    (top / 'b.py').unlink()\n"
    )
    snapshot = before = take(project)
    with subprocess.Popen([sys.executable, "-c", churn, str(project.package_dir)]) as process:
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            snapshot = take(project, snapshot)
        process.kill()
    for number in range(3):
        shutil.rmtree(project.package_dir / f"d{number}", ignore_errors=True)
    (project.package_dir / "b.py").unlink(missing_ok=True)
    assert not take(project, snapshot).changes_since(before)


FILES = st.sampled_from(
    ["src/shop/a.py", "src/shop/b.sql", "src/shop/sub/c.py", "src/top.py", "conf/base/p.yml", "pyproject.toml"]
)
CONTENTS = st.sampled_from(["one", "two", "six", "longer"])


class SnapshotMachine(RuleBasedStateMachine):
    """Edits at random; the oracle reads every file and compares."""

    waits = 3

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        write(self.root, {"src/shop/__init__.py": "", "conf/base/catalog.yml": ""})
        self.project = project_at(self.root)
        self.look()

    def teardown(self):
        self.folder.cleanup()

    def look(self):
        self.snapshot = take(self.project, getattr(self, "snapshot", None))
        self.contents = self.read_all()

    def read_all(self):
        files = {path: path.read_text() for path in self.root.rglob("*") if path.is_file() and path.name != "aside"}
        return files | {path: "" for path in self.root.rglob("*") if path.is_dir() and not any(path.iterdir())}

    @rule(name=FILES, content=CONTENTS)
    def write(self, name, content):
        write(self.root, {name: content})

    @rule(name=FILES, content=CONTENTS)
    def write_and_set_back(self, name, content):
        write(self.root, {name: content})
        os.utime(self.root / name, ns=(LONG_AGO, LONG_AGO))

    @rule(name=FILES, content=CONTENTS)
    def replace(self, name, content):
        write(self.root, {"aside": content, name: content})
        (self.root / "aside").replace(self.root / name)

    @rule(name=FILES)
    def remove(self, name):
        (self.root / name).unlink(missing_ok=True)

    @rule(name=FILES)
    def touch(self, name):
        if (self.root / name).exists():
            os.utime(self.root / name)

    @rule(one=FILES, other=FILES)
    def swap(self, one, other):
        one, other, aside = self.root / one, self.root / other, self.root / "aside"
        if one.exists() and other.exists() and one != other:
            one.rename(aside)
            other.rename(one)
            aside.rename(other)

    @rule()
    def look_again(self):
        self.look()

    @rule()
    def look_at_settled_files(self):
        if SnapshotMachine.waits:  # inside the rule: what may be drawn must not depend on what was drawn before
            SnapshotMachine.waits -= 1
            time.sleep(0.55)
        self.look()

    @invariant()
    def agrees_with_the_contents(self):
        changes = take(self.project, self.snapshot).changes_since(self.snapshot)
        now, before = self.read_all(), self.contents
        assert {*across(changes, "added")} == now.keys() - before.keys()
        assert {*across(changes, "removed")} == before.keys() - now.keys()
        assert {*across(changes, "changed")} == {
            path for path in now.keys() & before.keys() if now[path] != before[path]
        }


SnapshotMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAgainstFullComparison = SnapshotMachine.TestCase
