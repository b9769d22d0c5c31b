from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from functools import partial

import pytest

from ipyproject.interrupts import Interrupts

LEAVING = """
def leave(block):
    send()
    return next(block, None)  # the interrupt has arrived, and must not keep this from being reached
"""


def test_a_block_that_is_being_left_is_left():
    """An interrupt that comes while contextlib leaves a block comes through after it, not instead of it."""
    left, namespace = [], {"__name__": "contextlib", "send": partial(os.kill, os.getpid(), signal.SIGINT)}
    exec(LEAVING, namespace)

    @contextmanager
    def block():
        yield
        left.append(True)

    def interrupted() -> None:
        with Interrupts() as interrupts, interrupts.allowed():
            generator = block().gen
            next(generator)
            namespace["leave"](generator)
            assert left == [True]
            time.sleep(5)
            left.append("too late")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert left == [True]
