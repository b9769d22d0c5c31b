"""File datasets: paths, safe replacement, versions, file systems."""

from __future__ import annotations

import os
import pickle
import re
import signal
import stat
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ipyproject.catalog import FileDataset
from ipyproject.errors import CatalogError, DatasetError


@pytest.fixture
def memory_url():
    """A folder of its own on fsspec's in-memory file system."""
    return f"memory://{uuid.uuid4().hex}"


def text(path, **options):
    return FileDataset("text.TextDataset", path, **options)


class Explosive:
    """Raises while it is being pickled, after much was written."""

    def __reduce__(self):
        raise KeyboardInterrupt


# -- paths


def test_relative_paths_start_at_the_root(tmp_path):
    """A relative path belongs to the root, and missing folders are made."""
    text("data/new/a.txt", root=tmp_path).save("x")
    assert (tmp_path / "data/new/a.txt").read_text() == "x"


def test_absolute_paths_and_urls_stay(tmp_path, memory_url):
    """An absolute path or a URL is used as it is."""
    for path in (tmp_path / "a.txt", (tmp_path / "b.txt").as_uri(), f"{memory_url}/deep/a.txt"):
        dataset = text(path, root=Path("/elsewhere"))
        assert not dataset.exists()
        dataset.save("x")
        assert dataset.exists()
        assert dataset.load() == "x"


def test_home_is_expanded(tmp_path, monkeypatch):
    """~ is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    text("~/a.txt", root=Path("/elsewhere")).save("x")
    assert (tmp_path / "a.txt").read_text() == "x"


@pytest.mark.parametrize("name", ["a b#?*[1].txt", "ü.txt", "x" * 250 + ".txt"])
def test_unusual_names(tmp_path, name):
    """A file may have any name that the file system takes."""
    text(name, root=tmp_path).save("x")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert text(name, root=tmp_path).load() == "x"


def test_missing_file(tmp_path):
    """A missing file is named by its path from the root, with what to do."""
    for path in ("data/a.txt", tmp_path / "data/a.txt"):
        with pytest.raises(DatasetError) as caught:
            text(path, root=tmp_path).load()
        assert str(caught.value) == "data/a.txt does not exist.\nCreate the file, or run the node that writes it."


def test_folder_instead_of_file(tmp_path):
    """A folder under the path asks whether the dataset is versioned, and is never overwritten."""
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(DatasetError, match=r"is a folder.\n.*versioned"):
        text("a.txt", root=tmp_path).load()
    with pytest.raises(DatasetError, match=r"a.txt can't be saved"):
        text("a.txt", root=tmp_path).save("x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("url", ["nonsense://user:hunter2@host/a.txt", "s3://user:hunter2@bucket/a.txt"])
def test_unreachable_file_system(url):
    """An unknown protocol, or one whose library is missing, is told without the password in the URL."""
    for step in (lambda: text(url).load(), lambda: text(url).save("x"), lambda: text(url).exists()):
        with pytest.raises(DatasetError, match="can't be reached: ") as caught:
            step()
        assert "hunter2" not in str(caught.value)


def test_repr_shows_no_credentials():
    """The repr has the type and the path, and no secrets."""
    dataset = text("ftp://user:hunter2@host/a.txt", credentials={"password": "hunter3"}, versioned=True)
    assert repr(dataset) == "FileDataset('text.TextDataset', 'ftp://***@host/a.txt', versioned=True)"
    dataset = FileDataset("text.TextDataset", "https://host/a.txt?page=2&token=t0psecret")
    assert repr(dataset) == "FileDataset('text.TextDataset', 'https://host/a.txt?page=2&token=***')"


# -- replacing


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", ["local", "memory"])
def test_failed_save_leaves_the_old_file(tmp_path, memory_url, place, suffix):
    """An error or an interrupt in the middle of a save leaves the old file whole and no other."""
    dataset = FileDataset("pickle.PickleDataset", f"{tmp_path if place == 'local' else memory_url}/a.pkl{suffix}")
    dataset.save("old")
    with pytest.raises(KeyboardInterrupt):
        dataset.save([b"x" * 1_000_000, Explosive()])
    with pytest.raises(DatasetError):
        dataset.save([b"x" * 1_000_000, lambda: 1])
    assert dataset.load() == "old"
    if place == "local":
        assert [path.name for path in tmp_path.iterdir()] == [f"a.pkl{suffix}"]
    else:
        import fsspec

        assert len(fsspec.filesystem("memory").ls(memory_url, detail=False)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_save_leaves_the_old_file(tmp_path):
    """A process killed in the middle of a save leaves the old file whole."""
    script = """
import sys, time
from ipyproject.catalog import FileDataset

class Slow:
    def __reduce__(self):
        print("writing", flush=True)
        time.sleep(60)

FileDataset("pickle.PickleDataset", sys.argv[1]).save([b"x" * 1_000_000, Slow()])
"""
    dataset = FileDataset("pickle.PickleDataset", tmp_path / "a.pkl")
    dataset.save("old")
    with subprocess.Popen([sys.executable, "-c", script, dataset.filepath], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        assert any(path.stat().st_size > 500_000 for path in tmp_path.iterdir()), "the write had begun"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert dataset.load() == "old"
    dataset.save("new")
    assert dataset.load() == "new"


def test_concurrent_saves_never_mix(tmp_path):
    """Of several savers at a time one wins; a reader sees a whole file at every moment."""
    dataset = text(tmp_path / "a.txt")
    letters = "abcdefgh"
    dataset.save(letters[0] * 100_000)
    with ThreadPoolExecutor(len(letters) + 1) as pool:
        savers = [
            pool.submit(lambda letter: [dataset.save(letter * 100_000) for _ in range(10)], one) for one in letters
        ]
        seen = [dataset.load() for _ in range(50)]
        for saver in savers:
            saver.result()
    assert {(len(one), len(set(one))) for one in [*seen, dataset.load()]} == {(100_000, 1)}
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_permissions(tmp_path):
    """A new file follows the umask, a replaced one keeps its permissions, and is never readable by more meanwhile."""

    class Peek:
        def __reduce__(self):
            (new,) = (path for path in tmp_path.iterdir() if path.name.startswith("."))
            modes.append(stat.S_IMODE(new.stat().st_mode))
            return str, ("x",)

    modes = []
    path = tmp_path / "a.pkl"
    old_umask = os.umask(0o027)
    try:
        FileDataset("pickle.PickleDataset", path).save("x")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o600)
        FileDataset("pickle.PickleDataset", path).save(Peek())
    finally:
        os.umask(old_umask)
    assert modes == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_link_stays_a_link(tmp_path):
    """Saving through a symbolic link replaces the file it points to."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.txt").write_text("old")
    (tmp_path / "a.txt").symlink_to("real/a.txt")
    text(tmp_path / "a.txt").save("new")
    assert (tmp_path / "a.txt").is_symlink()
    assert (tmp_path / "real/a.txt").read_text() == "new"


@pytest.mark.parametrize("mode", ["a", "r+"])
def test_appending_is_refused(mode):
    """A file is written as a whole; asking for appending is an error, not a lost file."""
    with pytest.raises(CatalogError, match=re.escape(f"mode '{mode}'")):
        text("a.txt", fs_args={"open_args_save": {"mode": mode}})


def test_pickled_dataset_works(tmp_path, memory_url):
    """A dataset can be sent to another process, used or not."""
    for path in (tmp_path / "a.txt", f"{memory_url}/a.txt"):
        dataset = text(path)
        pickle.loads(pickle.dumps(dataset)).save("x")
        dataset.load()
        assert pickle.loads(pickle.dumps(dataset)).load() == "x"


# -- versions


@pytest.fixture(params=["local", "memory"])
def versioned(request, tmp_path, memory_url):
    """A versioned text file."""
    root = tmp_path if request.param == "local" else memory_url
    return text(f"{root}/data/a.txt", versioned=True)


def test_layout_of_versions(tmp_path):
    """A version lies under <filepath>/<version>/<name>."""
    text("data/a.txt", versioned=True, root=tmp_path).save("x", "v1")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "data/a.txt/v1/a.txt"]


def test_newest_version_is_loaded(versioned):
    """Without a version the newest is loaded, by name; with one, that one."""
    assert not versioned.exists()
    for version in ("2026-01-02", "2026-01-01"):
        versioned.save(version, version)
    assert versioned.exists()
    assert versioned.versions() == ["2026-01-02", "2026-01-01"]
    assert versioned.load() == "2026-01-02"
    assert versioned.load("2026-01-01") == "2026-01-01"


def test_saving_makes_a_version(versioned):
    """Without a version, the time of saving in UTC is the version, and later is newer."""
    versioned.save("one")
    versioned.save("two")
    newest, oldest = versioned.versions()
    assert newest > oldest
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{6}Z", newest)
    assert versioned.load() == "two"


def test_no_version_yet(versioned):
    """A versioned dataset without versions says so."""
    with pytest.raises(DatasetError, match=r"a.txt has no version yet.\nCreate the file"):
        versioned.load()


def test_unknown_version(versioned):
    """An unknown version lists the newest that exist."""
    for number in range(7):
        versioned.save("x", f"v{number}")
    with pytest.raises(DatasetError, match=r"no version 'v9'.\nNewest versions: v6, v5, v4, v3, v2 and 2 older."):
        versioned.load("v9")


def test_versions_are_never_overwritten(versioned):
    """Saving an existing version is refused, and what it held stays."""
    versioned.save("old", "v1")
    with pytest.raises(DatasetError, match="has a version 'v1' already"):
        versioned.save("new", "v1")
    assert versioned.load() == "old"


def test_failed_save_leaves_no_version(versioned):
    """A save that fails leaves no new version behind."""
    versioned.save("old", "v1")
    with pytest.raises(DatasetError):
        versioned.save(b"no text", "v2")
    assert versioned.versions() == ["v1"]
    versioned.save("new", "v2")
    assert versioned.load() == "new"


def test_empty_version_folder_is_passed_over(tmp_path):
    """A version folder without the file, as a crash may leave it, is no version."""
    dataset = text(tmp_path / "a.txt", versioned=True)
    dataset.save("x", "v1")
    (tmp_path / "a.txt/v2").mkdir()
    assert dataset.load() == "x"
    dataset.save("y", "v2")
    assert dataset.load() == "y"


@pytest.mark.parametrize("version", [".", "..", "a/b", "../x", "a\\b", "a\0b"])
def test_version_is_a_simple_name(tmp_path, version):
    """A version can't lead out of the dataset's folder."""
    dataset = text(tmp_path / "a.txt", versioned=True)
    for step in (lambda: dataset.save("x", version), lambda: dataset.load(version)):
        with pytest.raises(DatasetError, match="can't be a version"):
            step()
    assert list(tmp_path.iterdir()) == []


def test_bound_dataset_loads_what_it_saved(versioned):
    """Bound to a run, a dataset loads the version asked for until it saved its own; the original is as before."""
    versioned.save("old", "v1")
    versioned.save("other", "v9")
    bound = versioned.with_versions(load="v1", save="v2")
    assert bound.load() == "old"
    bound.save("new")
    assert bound.load() == "new"
    assert bound.exists()
    assert versioned.load() == "other"


def test_version_of_an_unversioned_file(tmp_path):
    """Asking an unversioned dataset for a version is an error."""
    dataset = text("a.txt", root=tmp_path)
    for step in (lambda: dataset.save("x", "v1"), lambda: dataset.load("v1")):
        with pytest.raises(DatasetError, match=r"a.txt is not versioned"):
            step()


def test_plain_file_instead_of_versions(tmp_path):
    """A plain file under a versioned path is left alone, and is no version."""
    (tmp_path / "a.txt").write_text("plain")
    dataset = text("a.txt", versioned=True, root=tmp_path)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"a.txt/v1/a.txt can't be saved"):
        dataset.save("x", "v1")
    assert (tmp_path / "a.txt").read_text() == "plain"
