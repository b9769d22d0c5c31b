"""What the process ended with, when it ends with sessions open."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, ModuleType, TracebackType


def fatal_error() -> BaseException | None:
    """Return the exception that the script died of; None where it came to its end.

    Python keeps the last exception that somebody was shown, which may be one that a prompt has survived: an
    interactive interpreter, a shell embedded in a script, a test runner. The one that ends a script has come out of
    the script's own top level.
    """
    error: BaseException | None = getattr(sys, "last_value", None)
    main = sys.modules.get("__main__")
    if error is None or main is None or sys.flags.inspect or sys.flags.interactive:
        return None
    return error if _left_by(error.__traceback__, main) else None


def _left_by(traceback: TracebackType | None, main: ModuleType) -> bool:
    while traceback is not None and traceback.tb_frame.f_globals.get("__name__") == "runpy":  # python -m
        traceback = traceback.tb_next
    return traceback is not None and _is_top_level(traceback.tb_frame, main)


def _is_top_level(frame: FrameType, main: ModuleType) -> bool:
    """Whether a frame executes the script, and not a line that was typed beside it."""
    if frame.f_globals is not vars(main) or frame.f_code.co_name != "<module>":
        return False
    file = getattr(main, "__file__", None)
    if file is not None:
        return bool(frame.f_code.co_filename == file)
    return not hasattr(sys, "ps1")  # python -c, or a script that is piped in
