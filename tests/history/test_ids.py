from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from ipyproject.history import new_id
from ipyproject.history.ids import from_microseconds, microseconds


def test_an_id_is_the_time_and_six_random_digits() -> None:
    """An id reads as UTC time with microseconds, and is safe as a file name everywhere."""
    before = datetime.now(UTC)
    made = new_id()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{6}Z-[0-9a-f]{6}", made)
    moment = datetime.strptime(made.rpartition("-")[0] + "+0000", "%Y-%m-%dT%H.%M.%S.%fZ%z")
    assert abs(moment - before) < timedelta(minutes=1)


def test_ids_of_one_process_sort_in_the_order_in_which_they_were_made() -> None:
    """Even when thousands are made within a millisecond."""
    made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made))


def test_threads_never_get_the_same_time() -> None:
    """The times of ids made by threads at once are all different."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(4000)))
    assert len({each.rpartition("-")[0] for each in made}) == 4000


def test_fifty_processes_in_the_same_millisecond(start) -> None:
    """Fifty processes that all make an id at the same moment get fifty different ones."""
    # Forks of one interpreter: they share all that a library may have kept, such as the state of a generator.
    process = start("""
gate, ready = os.pipe(), os.pipe()
for _ in range(50):
    if os.fork() == 0:
        os.close(gate[1])
        os.write(ready[1], b".")
        os.read(gate[0], 1)
        os.write(1, (new_id() + "\\n").encode())
        os._exit(0)
waiting = 50
while waiting:
    waiting -= len(os.read(ready[0], 50))
os.close(gate[0])
os.close(gate[1])  # opens the gate for all at once
for _ in range(50):
    os.wait()
""")
    out, err = process.communicate()
    assert err == ""
    assert len(out.split()) == len(set(out.split())) == 50


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-12, 12))
def test_times_survive_as_microseconds(moment: datetime, hours: int) -> None:
    """Aware times of any zone come back as the same moment, exactly."""
    elsewhere = moment.replace(year=2000 + moment.year % 100, month=2, day=3).astimezone(
        timezone(timedelta(hours=hours))
    )
    back = from_microseconds(microseconds(elsewhere))
    assert back == elsewhere
    assert back.tzinfo is UTC
