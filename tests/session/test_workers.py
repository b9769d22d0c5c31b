"""What workers of a run tell, in threads and in processes, forked or started anew, reaches the record of that run."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from ipyproject import history

SECRET = "correct-horse-battery"
TELLING = """
    import multiprocessing, os, sys
    from pathlib import Path
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from ipyproject import current_session

    SECRET = "correct-horse-battery"

    def tell(number, session=None):
        session = session or current_session()
        session.log_metric("seen", number)
        session.log(**{f"worker_{number}": {"session": session.session_id, "env": session.env, "said": "horse" + SECRET}})
        for file in Path(".ipyproject").rglob("*.jsonl"):
            assert SECRET.encode() not in file.read_bytes()
        assert {run.run_id for run in session.data["runs"]} >= {session.data["metrics"][-1].run_id}
        return session.session_id

    def tell_from_below(number):
        process = multiprocessing.get_context("spawn").Process(target=tell, args=[number])
        process.start()
        process.join()
        return current_session().session_id

    def through(pool, work=tell):
        with pool:
            return set(pool.map(work, range(4)))

    def by_os_fork():
        for number in range(4):
            if os.fork() == 0:
                tell(number)
                os._exit(0)
            os.wait()

    def by_argument():
        session = current_session()
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), initializer=forget) as pool:
            return set(pool.map(tell, range(4), [session] * 4))

    def forget():
        from ipyproject.current import reset
        reset()  # as in a worker that was started before

    WAYS = {
        "threads": lambda: through(ThreadPoolExecutor(2)),
        "fork": lambda: through(multiprocessing.get_context("fork").Pool(2)),
        "spawn": lambda: through(ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))),
        "forkserver": lambda: through(ProcessPoolExecutor(2, multiprocessing.get_context("forkserver"))),
        "os.fork": by_os_fork,
        "argument": by_argument,
        "below": lambda: through(ProcessPoolExecutor(2, multiprocessing.get_context("spawn")), tell_from_below),
        "below fork": lambda: through(ProcessPoolExecutor(2, multiprocessing.get_context("fork")), tell_from_below),
    }

    def double(orders, rate):
        told = WAYS[sys.argv[1]]()
        assert told in (None, {current_session().session_id}), told
        return orders
    def add_up(doubled): return 1
    """
RUNNING = """
    import sys
    from ipyproject import Session
    if __name__ == "__main__":
        with Session.create({root!r}, extra_params={{"password": {secret!r}}}) as session:
            other = Session.create()  # what a worker must not take for its own
            session.run("prepare")
            session.run("prepare")
            other.close()
            told = session.data
            assert len(told["metrics"]) == 2 and len(told["facts"]) == 4, told
    """
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")


def run_script(project, text, *arguments):
    """Execute a script in the project's folder; return what it printed."""
    project.write({"script.py": text})
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "script.py", *arguments]
    ended = subprocess.run(command, cwd=project.root, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@pytest.mark.parametrize(
    "way", ["threads", "spawn", "argument", "below", *(pytest.param(way, marks=FORKS) for way in
            ("fork", "forkserver", "os.fork", "below fork"))]
)  # fmt: skip
def test_what_workers_tell(make_project, way):
    """Metrics and facts of every kind of worker belong to the run that started it, with secrets hidden."""
    project = make_project({"src/shop/nodes.py": TELLING})
    run_script(project, RUNNING.format(root=str(project.root), secret=SECRET), way)
    both = [history.session(name, project_path=project.root) for name in ("latest", "latest~1")]
    session = next(each for each in both if each.runs)
    assert sorted((metric.run_id, metric.value) for metric in session.metrics) == sorted(
        (run.run_id, number) for run in session.runs for number in range(4)
    )
    known = {"session": session.record.session_id, "env": "local", "said": "horse***"}
    assert session.facts == {f"worker_{number}": known for number in range(4)}
    assert [str(run.status) for run in session.runs] == ["completed"] * 2
    for file in (project.root / ".ipyproject").rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()


IN_FORK = """
    import os, sys, threading, time
    from ipyproject import Session, current_session
    from ipyproject.errors import SessionError

    def busy():
        while not done.is_set():
            session.log_metric("busy", 1)
            session.log(password="never-to-be-seen", busy=True)
            session.load_context(), session.data
            time.sleep(0.001)

    def act(number):
        try:
            session.log_metric("from a child", number)
            match number % 20:
                case 0:
                    with session: pass
                case 1:
                    with Session.create(env="prod", save_on_close=False) as own:
                        assert current_session() is own and own.run()["total"] == 18
                    session.load_context()
                    try: session.run()
                    except SessionError as error: assert "was opened in another process" in str(error)
                    else: os._exit(3)
                case 2:
                    sys.exit(0)  # with all that the interpreter does at its end
                case _:
                    session.close()
            os._exit(0)
        except Exception:
            import traceback
            traceback.print_exc()
            os._exit(1)

    if __name__ == "__main__":
        session, done = Session.create({root!r}), threading.Event()
        session.run()  # a fork while another thread imports something hangs in Python itself
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads: thread.start()
        try:
            for number in range(200):
                if (child := os.fork()) == 0:
                    act(number)
                assert os.waitpid(child, 0)[1] == 0
        finally:
            done.set()
            for thread in threads: thread.join()
        assert session.state.value == "open" and session.run()["total"] == 12
        session.close()
    """


@FORKS
def test_a_forked_child_leaves_the_session_alone(make_project):
    """Whatever it does with the session, with other threads at work, it ends nothing, changes nothing, hangs nowhere."""
    project = make_project()
    run_script(project, IN_FORK.format(root=str(project.root)))
    assert len(history.sessions(project_path=project.root)) == 1
    session = history.session("latest", project_path=project.root)
    assert str(session.record.status) == "completed"
    assert [str(run.status) for run in session.runs] == ["completed"] * 2
    told = [metric.value for metric in session.metrics if metric.name == "from a child"]
    assert sorted(told) == list(range(200))


FORKING_RUNNER = """
    import os
    from ipyproject.runners import Runner
    class Forking(Runner):
        def execute(self, nodes, run_node):
            for node in nodes:
                if os.fork() == 0:
                    run_node(node)
                    os._exit(0)
                os.wait()
    """


@FORKS
def test_nodes_that_finish_in_processes(make_project):
    """They are on record with the times at which they ran."""
    files = {
        "src/shop/forking.py": FORKING_RUNNER,
        "conf/base/catalog.yml": """
            orders: {type: json.JSONDataset, filepath: data/orders.json}
            doubled: {type: json.JSONDataset, filepath: data/doubled.json}
            total: {type: json.JSONDataset, filepath: data/total.json}
            """,
    }
    project = make_project(files)
    run_script(
        project,
        f"""
        from ipyproject import Session
        with Session.create({str(project.root)!r}) as session:
            session.run(runner="shop.forking.Forking")
        """,
    )
    session = history.session("latest", project_path=project.root)
    [run] = session.runs
    first, second = session.nodes[run.run_id]
    assert [first.name, second.name] == ["double", "add_up"]
    assert run.start <= first.start < second.start
    assert second.start + timedelta(seconds=second.duration) <= run.end


@FORKS
def test_a_forked_child_that_leaves_its_node(make_project):
    """How a node ends in a child that it has forked is not on record: only how it ended in the run's own process is."""
    leaving = """
        import os, sys
        def double(orders, rate):
            if os.fork() == 0:
                sys.exit(3)
            os.wait()
            return orders
        def add_up(doubled): return 1
        """
    project = make_project({"src/shop/nodes.py": leaving})
    command = [sys.executable, "-m", "ipyproject", "run"]
    subprocess.run(command, cwd=project.root, check=True, capture_output=True)
    (nodes,) = history.session("latest", project_path=project.root).nodes.values()
    assert [(node.name, str(node.status)) for node in nodes] == [("double", "completed"), ("add_up", "completed")]


def test_variables_that_credentials_use(make_project, monkeypatch):
    """A worker that is started anew hides what is under their names, too, however short it is."""
    monkeypatch.setenv("SHOP_DB", "pw")
    project = make_project(
        {
            "conf/local/credentials.yml": "db: {password: '${oc.env:SHOP_DB}'}",
            "src/shop/nodes.py": """
                import multiprocessing
                from ipyproject import current_session
                def tell(): current_session().log(seen={"SHOP_DB": "pw", "other": "pw"})
                def double(orders, rate):
                    process = multiprocessing.get_context("spawn").Process(target=tell)
                    process.start()
                    process.join()
                    return orders
                def add_up(doubled): return 1
                """,
        }
    )
    with project.open() as session:
        session.run()
        assert session.data["facts"]["seen"] == {"SHOP_DB": "***", "other": "pw"}


def test_a_process_that_no_run_has_started(make_project):
    """In a process started before or between runs no session is current."""
    project = make_project()
    printed = run_script(
        project,
        f"""
        import multiprocessing
        from ipyproject import Session, current_session
        def show(): print(current_session())
        if __name__ == "__main__":
            with Session.create({str(project.root)!r}) as session:
                session.run()
                process = multiprocessing.get_context("spawn").Process(target=show)
                process.start()
                process.join()
        """,
    )
    assert printed == "None\n"
