"""Closing a session: by several threads, under Ctrl-C, and when the process ends."""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading
import time

import pytest

from ipyproject import current_session
from ipyproject.current import current_project, open_sessions
from ipyproject.errors import ConfigError, ProjectError, SessionError
from ipyproject.history import open_history

SLOW_HOOK = """
    import time
    from ipyproject import hook_impl
    closed = []
    class Hooks:
        @hook_impl
        def before_session_closed(self, session):
            closed.append(session.session_id)
            time.sleep(0.3)
    HOOKS = (Hooks(),)
    """


def closing_hook(body):
    return f"""
        from ipyproject import hook_impl
        class Hooks:
            @hook_impl
            def before_session_closed(self, session): {body}
        HOOKS = (Hooks(),)
        """


def recorded_status(project):
    with open_history(project.root) as store:
        return [str(record.status) for record in store.sessions()]


def in_threads(count, work):
    """Do some work in several threads at once; return what it raised."""
    barrier, failures = threading.Barrier(count), []

    def begin(number):
        barrier.wait(10)
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            failures.append(error)

    threads = [threading.Thread(target=begin, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return failures


def test_three_threads_close_at_once(make_project):
    """One of them closes; each of the others comes back when the session is closed, and no earlier."""
    session = make_project({"src/shop/settings.py": SLOW_HOOK}).open()
    states = []

    def close(_number):
        session.close()
        states.append(session.state.value)

    assert in_threads(3, close) == []
    assert states == ["closed"] * 3
    assert sys.modules["shop.settings"].closed == [session.session_id]


def test_a_hook_that_closes_its_session(make_project):
    """A hook that is called as the session closes, and closes it, too, changes nothing."""
    project = make_project({"src/shop/settings.py": closing_hook("session.close()")})
    with project.open() as session:
        pass
    assert session.state.value == "closed"
    assert recorded_status(project) == ["completed"]


def test_ctrl_c_in_a_closing_hook(make_project):
    """The rest of the closing is done, then the interrupt comes out; closing again has nothing left to do."""
    project = make_project({"src/shop/settings.py": closing_hook("raise KeyboardInterrupt")})
    session = project.open()
    with pytest.raises(KeyboardInterrupt):
        session.close()
    assert session.state.value == "closed"
    assert current_session() is None
    assert recorded_status(project) == ["completed"]
    session.close()


@pytest.mark.parametrize("raised", ["SystemExit", "RuntimeError('lost')"])
def test_other_failures_of_closing_hooks_are_logged(make_project, raised, caplog):
    """Whatever else a hook raises is a warning, and the session is closed."""
    project = make_project({"src/shop/settings.py": closing_hook(f"raise {raised}")})
    with project.open() as session:
        pass
    assert session.state.value == "closed"
    said = "called sys.exit" if raised.startswith("SystemExit") else raised.partition("(")[0]
    assert "a step failed and the rest went on: " in caplog.text
    assert said in caplog.text


def test_a_run_going_on_refuses_closing_and_nothing_is_closed(waiting_project, going_on):
    """After the refusal the session is as open as before, and closes when the run has ended."""
    session = waiting_project.open()
    with going_on(session), pytest.raises(SessionError, match="still running"):
        session.close()
    assert session.state.value == "open"
    session.close()
    assert session.state.value == "closed"


def test_many_sessions_leave_one_entry_at_exit(make_project):
    """Sessions that were opened and closed leave nothing behind that the end of the process would go through."""
    project = make_project()
    project.open().close()
    before = atexit._ncallbacks()  # noqa: SLF001 - there is no other way to count them
    for _ in range(5):
        project.open().close()
    assert atexit._ncallbacks() == before  # noqa: SLF001


def test_sessions_of_many_threads(make_project):
    """Of sessions that fifty threads open at once, those that fail leave the others alone, and no trace."""
    project = make_project()
    opened, totals, nodes = [], [], []

    def open_one(number):
        if number % 3 == 0:
            with pytest.raises(ConfigError):
                project.open(**({"env": "nowhere"} if number % 2 else {"conf_source": "nowhere"}))
        else:
            opened.append(project.open(extra_params={"rate": number}))
            totals.append(opened[-1].run(["prepare", "report"])["total"] and number)
            nodes.append(sys.modules["shop.nodes"])

    assert in_threads(50, open_one) == []
    assert sorted(totals) == [number for number in range(50) if number % 3]
    assert set(open_sessions()) == set(opened)
    assert current_session() in opened
    assert set(nodes) == {sys.modules["shop.nodes"]}
    assert sys.path.count(str(project.root / "src")) == 1
    assert current_project().root == project.root
    for session in opened:
        assert session.run()["total"] == 6 * session.extra_params["rate"]
        session.close()
    with open_history(project.root) as store:
        recorded = {record.session_id: str(record.status) for record in store.sessions(limit=None)}
    assert recorded == dict.fromkeys((session.session_id for session in opened), "completed")


ONE_FAILS = """
    import os, time
    from ipyproject import hook_impl
    class Hooks:
        @hook_impl
        def after_session_created(self, session):
            if session.env != "prod":
                (session.project.root / "begun").touch()
                until = time.monotonic() + 0.5
                while time.monotonic() < until and not (session.project.root / "opened").exists():
                    time.sleep(0.01)
                raise ValueError("not this one")
    HOOKS = (Hooks(),)
    """


def test_a_first_opening_that_fails_beside_others(make_project):
    """One that began while no project was open, and fails after another thread wanted it, takes nothing from that."""
    project = make_project({"src/shop/settings.py": ONE_FAILS})
    opened = []

    def open_one(number):
        if number == 0:
            with pytest.raises(ProjectError, match="not this one"):
                project.open()
        else:
            while not (project.root / "begun").exists():
                time.sleep(0.01)
            opened.append(project.open(env="prod"))
            (project.root / "opened").touch()

    assert in_threads(2, open_one) == []
    [session] = opened
    assert session.run()["total"] == 18
    assert current_session() is session


NAMES_ITS_SESSION = """
    import threading
    from ipyproject import current_session
    together = threading.Barrier(2)
    def double(orders, rate):
        together.wait(10)
        return current_session().session_id
    def add_up(doubled): return doubled
    """


def test_the_current_session_of_a_run(make_project):
    """In a node the current session is the one that runs it, whatever else is open, in whatever thread."""
    project = make_project({"src/shop/nodes.py": NAMES_ITS_SESSION})
    sessions = [project.open(), project.open()]
    _ = [(session.load_context(), session.pipelines) for session in sessions]
    found = {}

    def run(number):
        found[number] = sessions[number].run("prepare")["doubled"]

    assert in_threads(2, run) == []
    assert [found[0], found[1]] == [session.session_id for session in sessions]
    assert current_session() is sessions[1]


# -- the end of the process

OPEN = "from ipyproject import Session\nsession = Session.create({root!r})\n"


def ended(project, *arguments, script=None, typed=None):
    """Run a Python process in a project until it ends, and return the status of its session."""
    if script is not None:
        project.write({"script.py": script})
        arguments = [*arguments, "script.py"]
    subprocess.run(
        [sys.executable, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        cwd=project.root,
        timeout=60,
    )
    (status,) = recorded_status(project)
    return status


def test_a_script_that_ends_or_dies(make_project):
    """A session left open is completed with the script, failed when an exception ended it, interrupted by Ctrl-C."""
    for number, (end, status) in enumerate(
        [("", "completed"), ("1 / 0", "failed"), ("raise KeyboardInterrupt", "interrupted"), ("exit()", "completed")]
    ):
        project = make_project(folder=f"shop{number}")
        assert ended(project, script=OPEN.format(root=str(project.root)) + end) == status
        as_text = make_project(folder=f"text{number}")
        assert ended(as_text, "-c", OPEN.format(root=str(as_text.root)) + end) == status


def test_a_module_that_dies(make_project):
    """python -m is a script like any other."""
    project = make_project()
    project.write({"script.py": OPEN.format(root=str(project.root)) + "def fail(): return 1 / 0\nfail()"})
    assert ended(project, "-m", "script") == "failed"


def test_an_earlier_mistake_at_a_prompt(make_project):
    """1/0 in an interactive interpreter, before or after, says nothing of how the session ended."""
    project = make_project()
    typed = f"1/0\n{OPEN.format(root=str(project.root))}\n1/0\n"
    assert ended(project, "-i", typed=typed) == "completed"


def test_an_earlier_mistake_at_a_prompt_within_a_script(make_project):
    """Nor does one at a prompt that a script has opened, or one that the script has shown itself."""
    project = make_project()
    prompt = "import code\nconsole = code.InteractiveConsole()\nconsole.push('1/0')\n"
    assert ended(project, script=OPEN.format(root=str(project.root)) + prompt) == "completed"
    shell = make_project(folder="shell")
    cell = "from IPython.core.interactiveshell import InteractiveShell as S\nS.instance().run_cell('1/0')\n"
    assert ended(shell, script=OPEN.format(root=str(shell.root)) + cell) == "completed"


def test_the_end_closes_all_sessions(make_project):
    """Sessions left open are closed when the process ends, the newest first, and one that fails stops no other."""
    project = make_project({"src/shop/settings.py": closing_hook("print(session.session_id); raise KeyboardInterrupt")})
    root = str(project.root)
    script = f"from ipyproject import Session\nfor _ in range(3): print(Session.create({root!r}).session_id)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=root)
    opened, closed = done.stdout.split()[:3], done.stdout.split()[3:]
    assert closed == opened[::-1]
    assert recorded_status(project) == ["completed"] * 3
