"""Does one thing with a project again and again while another process sends it SIGINTs, and checks that all is whole.

Called as ``interrupted.py ROOT KIND ROUNDS SEED BOARD``: the board is a file that both processes map, by which this one
asks for signals (`Board`). Prints how the rounds ended.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import mmap
import os
import random
import signal
import struct
import sys
import time
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread

from ipyproject import Session, current, current_session, reload_project
from ipyproject.history import open_history
from ipyproject.session.facade import core_of

LONGEST = 60.0  # seconds that a round may take before it counts as hanging
TOTAL = 12


class Board:
    """What two processes tell each other: the round that is asked for, when in it signals are to come, and what was done.

    Args:
        path: A file of 32 bytes: a number and two times in seconds, written here, and a number, written there.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 32)

    def ask(self, number: int, first: float, second: float) -> None:
        """Ask for a signal after some seconds, and for another one after some more, if that is not negative."""
        self._map[8:24] = struct.pack("<dd", first, second)
        self._map[:8] = struct.pack("<q", number)

    def is_answered(self, number: int) -> bool:
        """Whether all signals of a round were sent."""
        return struct.unpack("<q", self._map[24:])[0] == number


class Rounds:
    """Rounds of one kind: a method prepares, one is interrupted, and one looks at what is there then."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ended = Counter()
        self.session = None

    def prepare(self, number):
        """Get ready."""

    def act(self):
        """Do what is interrupted."""

    def check(self, outcome):
        """Look at what is there: `outcome` is "done" or the exception's class."""

    def finish(self):
        """Come to an end: what was recorded is right."""
        for session in current.open_sessions():
            session.close()

    def close_all(self, most):
        """Close what is open, once it has shown that it can run."""
        left = current.open_sessions()
        assert len(left) <= most, left
        assert current_session() is (left[-1] if left else None)
        for session in left:
            assert session.run()["total"] == TOTAL
            session.close()
        assert current_session() is None


class Opening(Rounds):
    """An interrupted opening leaves no session, or a whole one."""

    def act(self):
        self.session = None
        self.session = Session.create(self.root)

    def check(self, outcome):
        self.ended["whole" if current.open_sessions() else "nothing left"] += 1
        assert self.session is None or current.open_sessions() == (self.session,)
        self.close_all(1)


class Running(Rounds):
    """The record of an interrupted run says so, and the next one runs."""

    def prepare(self, number):
        if number % 10 == 0:
            if self.session is not None:
                self.compare()
                self.session.close()
            self.session = Session.create(self.root)
            self.session.load_context()
        self.before = len(self.session.runs)

    def act(self):
        self.session.run()

    def check(self, outcome):
        new = self.session.runs[self.before :]
        status = str(new[0].status) if new else "not begun"
        assert len(new) == (1 if outcome == "done" else len(new)) <= 1
        assert status == "completed" if outcome == "done" else status in {"completed", "interrupted", "not begun"}, (
            status
        )
        self.ended[f"run {status}"] += 1
        assert self.session.run()["total"] == TOTAL
        assert self.session.catalog.load("total") == TOTAL

    def compare(self):
        with open_history(self.root) as store:
            recorded = store.runs(self.session.session_id)
            assert [(run.run_id, run.status) for run in recorded] == [
                (run.run_id, run.status) for run in self.session.runs
            ]
            for run in recorded:
                assert run.end is not None
                assert len(store.nodes(run.run_id)) == 4 or str(run.status) == "interrupted"

    def finish(self):
        self.compare()
        super().finish()


class Closing(Rounds):
    """A session whose closing was interrupted is closed, or whole, and then closed when it is closed again."""

    def prepare(self, number):
        self.session = Session.create(self.root)
        if number % 2:
            self.session.run()

    def act(self):
        self.session.close()

    def check(self, outcome):
        self.ended[self.session.state.value] += 1
        if self.session.state.value == "open":
            assert current_session() is self.session
            self.session.close()
        assert self.session.state.value == "closed"
        assert current_session() is None
        with open_history(self.root) as store:
            assert str(store.session(self.session.session_id).status) == "completed"


class Block(Rounds):
    """The whole life of a session."""

    def act(self):
        with Session.create(self.root) as self.session:
            self.session.run()

    def check(self, outcome):
        self.ended["left open" if current.open_sessions() else "closed"] += 1
        self.close_all(1)


class Reloading(Rounds):
    """All is old or all is new, and the session is the one that was handed out."""

    def __init__(self, root):
        super().__init__(root)
        self.out, self.names = [], {}
        reload_project(root, names=self.names, publish=self.out.append)
        self.names["times"] = import_module("shop.common").times
        self.rate = 2

    def modules(self):
        return {name: each for name, each in sys.modules.items() if name.partition(".")[0] == "shop"}

    def prepare(self, number):
        self.new_rate = number
        self.old = self.modules(), current_session(), self.names["times"]
        (self.root / "src/shop/common.py").write_text(f"RATE = {number}\ndef times(x): return x * RATE\n")

    def act(self):
        reload_project(names=self.names, publish=self.out.append)

    def check(self, outcome):
        session = current_session()
        assert current.open_sessions() == (session,) == (self.out[-1],)
        is_old = session is self.old[1]
        assert not is_old or outcome != "done"
        if is_old:
            assert (self.modules(), self.names["times"]) == (self.old[0], self.old[2])
        else:
            assert self.names["times"] is sys.modules["shop.common"].times
            self.rate = self.new_rate
        self.ended["old" if is_old else "new"] += 1
        assert self.names["times"](3) == 3 * self.rate
        for name, module in self.modules().items():
            parent, _, short = name.rpartition(".")
            assert not parent or vars(sys.modules[parent])[short] is module, name
        assert session.run()["total"] == TOTAL * self.rate // 2


def interruptible(board, number, moments, act):
    """Do it under signals, two at most; return how it ended, what it took, and who dealt with signals after it."""
    outcome, handlers = ["KeyboardInterrupt", 0.0], []
    try:
        try:
            try:
                begun = time.perf_counter()
                board.ask(number, *moments)
                act()
                outcome = ["done", time.perf_counter() - begun]
            except KeyboardInterrupt as error:
                outcome = [type(error).__name__, 0.0]
            handlers.append(signal.signal(signal.SIGINT, signal.SIG_IGN))
        except KeyboardInterrupt:  # between the lines of this file
            handlers.append(signal.signal(signal.SIGINT, signal.SIG_IGN))
    except KeyboardInterrupt:
        handlers.append(signal.signal(signal.SIGINT, signal.SIG_IGN))
    while not board.is_answered(number):
        time.sleep(0.0002)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return *outcome, handlers[0]


def check_whole():
    """Check what holds whatever is interrupted."""
    assert gc.isenabled()
    assert not current.running_sessions()
    assert not any(core_of(session).is_running for session in current.open_sessions())
    free = []
    asking = Thread(target=lambda: free.append(opens_now()))
    asking.start()
    asking.join()
    assert free == [True]


def opens_now():
    """Whether nobody holds the lock on what is current."""

    def refuse():
        raise TimeoutError

    with suppress(TimeoutError), current.only_change(refuse):
        return True
    return False


def main(root, kind, count, seed, board):
    """Do the rounds."""
    rounds, chance, board = KINDS[kind](Path(root)), random.Random(seed), Board(Path(board))
    took = 0.01
    for number in range(1, int(count) + 1):
        faulthandler.dump_traceback_later(LONGEST, exit=True)
        rounds.prepare(number if number > 1 else 0)
        took = took if number > 1 else 0.3  # what is needed is imported
        moments = chance.uniform(0, took * 1.3), chance.choice([-1.0, 0.0, chance.uniform(0, took / 4)])
        outcome, seconds, handler = interruptible(board, number, moments, rounds.act)
        assert handler is signal.default_int_handler
        if number == 1:
            took = 0.01
        elif outcome == "done":
            took += (min(seconds, 1.0) - took) / 5
        rounds.ended[outcome] += 1
        check_whole()
        rounds.check(outcome)
    rounds.finish()
    with open_history(root) as store:
        for record in store.sessions(limit=None):
            assert record.end is not None, record
            assert str(record.status) in {"completed", "interrupted"}, (record.status, record.exception)
            rounds.ended[f"session {record.status}"] += 1
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.write(json.dumps(rounds.ended))
    sys.stdout.flush()
    os._exit(0)  # Python itself ends as if interrupted where one has come while it executed a text, as dataclasses do


KINDS = {"open": Opening, "run": Running, "close": Closing, "block": Block, "reload": Reloading}

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(*sys.argv[1:])
