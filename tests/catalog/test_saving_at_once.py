"""Saves at the same time, and what saves leave that are killed, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipyproject.catalog import Catalog, FileDataset
from ipyproject.catalog.run_catalog import for_run
from ipyproject.errors import DatasetError

SAVE_AT_ONCE = """
import sys
from ipyproject.catalog import FileDataset
from ipyproject.errors import DatasetError
path, version, content = sys.argv[1:]
dataset = FileDataset("text.TextDataset", path, versioned=True)
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    try:
        dataset.save(content * 10_000, f"{version}{number}" if version else None)
        print("saved", number)
    except DatasetError as error:
        assert "already" in str(error), error
"""

KILLED = """
import os, pickle, signal, sys
from ipyproject.catalog import FileDataset
class Killer:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGKILL)
FileDataset("pickle.PickleDataset", sys.argv[1], versioned=sys.argv[2] == "versioned").save(["x" * 100_000, Killer()])
"""


def text(path, **options):
    return FileDataset("text.TextDataset", path, **options)


def save_at_once(path, version):
    """Let three processes save at once; return how many saves each was told to have made."""
    command = [sys.executable, "-c", SAVE_AT_ONCE, str(path), version]
    started = [
        subprocess.Popen([*command, letter], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for letter in "abc"
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    return {letter: out.count("saved") for letter, out in zip("abc", told, strict=True)}


def killed_save(path, *, versioned=False):
    """Have a process killed in the middle of a save; return what it leaves beside what was there."""
    folder = path if versioned else path.parent
    before = set(folder.iterdir()) if folder.exists() else set()
    kind = "versioned" if versioned else "plain"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path), kind], check=False).returncode == -signal.SIGKILL
    (left,) = set(folder.iterdir()) - before
    return left


def make_old(left, seconds=2 * 3600):
    moment = time.time() - seconds
    for path in [*(left.iterdir() if left.is_dir() else ()), left]:
        os.utime(path, (moment, moment))


def test_processes_that_save_at_once_have_their_own_versions(tmp_path):
    """Processes that save a versioned dataset at once, naming no version, each make all of their own."""
    assert save_at_once(tmp_path / "a.txt", "") == {"a": 30, "b": 30, "c": 30}
    dataset = text(tmp_path / "a.txt", versioned=True)
    contents = [dataset.load(version) for version in dataset.versions()]
    assert sorted(contents) == sorted(letter * 10_000 for letter in "abc" for _ in range(30))


def test_of_processes_that_save_one_version_all_but_one_are_told(tmp_path):
    """A version that several processes save at once is that of one of them, whole; the others are told."""
    saved = save_at_once(tmp_path / "a.txt", "v")
    assert sum(saved.values()) == 30
    dataset = text(tmp_path / "a.txt", versioned=True)
    assert len(dataset.versions()) == 30
    for letter, number in saved.items():
        assert [dataset.load(version) for version in dataset.versions()].count(letter * 10_000) == number


@pytest.mark.parametrize("place", ["local", "memory"])
@pytest.mark.parametrize("version", [None, "v1"])
def test_threads_that_save_at_once(tmp_path, place, version):
    """Threads are no different, in memory as on disk."""
    path = tmp_path / "a.txt" if place == "local" else f"memory://{uuid.uuid4().hex}/a.txt"
    at_once = threading.Barrier(8)

    def save(number):
        at_once.wait()
        try:
            text(path, versioned=True).save(str(number), version)
        except DatasetError as error:
            return error.message
        return None

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(save, range(8)))
    assert all(message is None or "'v1' already" in message for message in told)
    assert told.count(None) == len(text(path, versioned=True).versions()) == (1 if version else 8)


def test_a_clock_that_stands_still(tmp_path, monkeypatch):
    """Versions of one and the same moment are told apart, in the order of their saves."""

    class Still:
        @staticmethod
        def now(zone):
            return moment

    from datetime import UTC, datetime

    moment = datetime(2026, 1, 2, 3, 4, 5, 999_999, UTC)
    monkeypatch.setattr("ipyproject.catalog.files.datetime", Still)
    dataset = text(tmp_path / "a.txt", versioned=True)
    for content in "abc":
        dataset.save(content)
    assert [dataset.load(version) for version in dataset.versions()] == ["c", "b", "a"]
    assert dataset.versions()[-1] == "2026-01-02T03.04.05.999999Z"


def test_one_run_saves_a_version_once(tmp_path):
    """What a run saves again under its version is refused, and the first stays."""
    catalog = for_run(Catalog({"a": text(tmp_path / "a.txt")}), save_version="run")
    catalog.save("a", "1")
    catalog.save("a", "2")  # without versions it is replaced
    definitions = {"a": {"type": "text.TextDataset", "filepath": "b.txt", "versioned": True}}
    catalog = for_run(Catalog.from_config(definitions, project_root=tmp_path), save_version="run")
    catalog.save("a", "1")
    with pytest.raises(DatasetError, match="has a version 'run' already"):
        catalog.save("a", "2")
    assert catalog.load("a") == "1"


def test_a_save_that_goes_on_is_no_version(tmp_path):
    """A version that is being written is neither listed nor loaded, until it is whole."""
    dataset = FileDataset("pickle.PickleDataset", tmp_path / "a.pkl", versioned=True)
    seen = []

    class Looks:
        def __reduce__(self):
            seen.append((dataset.versions(), dataset.exists()))
            return str, ("x",)

    dataset.save(Looks())
    assert seen == [([], False)]
    assert dataset.load() == "x"


@pytest.mark.parametrize("versioned", [False, True])
def test_next_save_clears_what_a_killed_one_left(tmp_path, versioned):
    """A killed save leaves no version and no data; what it leaves is removed by a save of that dataset an hour later."""
    dataset = FileDataset("pickle.PickleDataset", tmp_path / "a.pkl", versioned=versioned)
    left = killed_save(tmp_path / "a.pkl", versioned=versioned)
    assert not dataset.exists()
    dataset.save("young ones stay")
    assert left.exists()
    make_old(left)
    dataset.save("old ones go")
    assert not left.exists()
    assert dataset.load() == "old ones go"


@pytest.mark.parametrize("versioned", [False, True])
def test_a_save_clears_nothing_of_others(tmp_path, versioned):
    """Only what was left of this very dataset goes: not that of names that begin or end alike, nor any other file."""
    ends_alike = "0123456789" * 6 + "a.pkl"
    names = ["ba.pkl", "a.pkl2", "a.pkl.gz", "A.pkl", ends_alike, f"b{ends_alike}"]
    left = [killed_save(tmp_path / name) for name in names]
    others = [tmp_path / ".a.pkl", tmp_path / ".0123456789ab.a.pkl", tmp_path / "a.pkl.tmp"]
    for path in others:
        path.write_text("mine")
    for path in left + others:
        make_old(path)
    for name in ["a.pkl", f"c{ends_alike}"]:
        FileDataset("pickle.PickleDataset", tmp_path / name, versioned=versioned).save(1)
    assert all(path.exists() for path in left + others)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("versioned", [False, True])
def test_what_another_user_left_stays(tmp_path, versioned):
    """What another user's killed save has left is that user's to clear."""
    left = killed_save(tmp_path / "a.pkl", versioned=versioned)
    make_old(left)
    for path in [*(left.iterdir() if left.is_dir() else ()), left]:
        os.chown(path, 12345, 12345)
    FileDataset("pickle.PickleDataset", tmp_path / "a.pkl", versioned=versioned).save(1)
    assert left.exists()


def test_a_slow_save_is_not_cleared(tmp_path):
    """A save that began long ago and has written since goes on, whatever others save meanwhile."""
    dataset = FileDataset("pickle.PickleDataset", tmp_path / "a.pkl", versioned=True)

    class Slow:
        def __reduce__(self):
            (folder,) = (tmp_path / "a.pkl").iterdir()
            os.utime(folder, (0, 0))  # its file is young
            FileDataset("pickle.PickleDataset", tmp_path / "a.pkl", versioned=True).save("quick", "1")
            return str, ("slow",)

    dataset.save(Slow(), "2")
    assert [dataset.load(version) for version in dataset.versions()] == ["slow", "quick"]
