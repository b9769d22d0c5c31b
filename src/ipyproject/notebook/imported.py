"""Watch the cells of a notebook: what they imported, seen when they have run, and what they bound otherwise."""

from __future__ import annotations

import json
import shlex
import sys
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets.config import Application

from ipyproject.imported import Import, ImportedNames, Store, shared_values
from ipyproject.notebook.statements import read_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

_EXECUTING = frozenset({"time", "capture", "prun"})  # magics that execute their cell, or line, in the notebook


class ImportWatch:
    """Notes what is imported into a shell's namespace, from when it is made on; what was before is looked up once.

    A cell without an import costs next to nothing: it is read only where a name is bound to a value that tells nothing
    by itself, to see whether the cell has bound it.

    Args:
        shell: The shell.
        is_starting: The shell is starting: its start-up files have not been executed yet.
    """

    def __init__(self, shell: InteractiveShell, *, is_starting: bool) -> None:
        self._shell = shell
        self._cells: list[tuple[str, Callable[[], list[Import | Store]]]] = []  # each read when somebody asks
        self._running: list[tuple[ExecutionInfo, dict[str, int] | None]] = []
        self._names = ImportedNames(self._stored)
        self._is_starting = is_starting
        if not is_starting:
            self._take_start()
            history = shell.history_manager  # not ``In``, which may be a name of the user's
            for text in history.input_hist_parsed[1:] if history is not None else ():
                self._take(text)
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    def stop(self) -> None:
        """Watch no more."""
        self._shell.events.unregister("pre_run_cell", self._begin)
        self._shell.events.unregister("post_run_cell", self._end)

    def names(self, *, within_cell: bool) -> ImportedNames:
        """Return what has been imported by now.

        Args:
            within_cell: The cell that is running has been executed up to here.
        """
        if within_cell and self._running:
            info, before = self._running[-1]
            self._take(info.raw_cell or "", until=_running_line(self._shell), before=before)
        return self._names

    def _begin(self, info: ExecutionInfo) -> None:
        if self._is_starting and info.store_history:  # the first cell that is not itself part of starting
            self._is_starting = False
            self._take_start()
        self._running.append((info, shared_values(self._shell.user_ns) if _may_import(info.raw_cell or "") else None))

    def _end(self, result: ExecutionResult | None) -> None:
        if result is None or result.info is None:
            return
        before = None
        if self._running and self._running[-1][0] is result.info:
            _, before = self._running.pop()
        if result.error_before_exec is None:
            self._take(result.info.raw_cell or "", until=_last_line(result, self._shell), before=before)

    def _take(self, text: str, *, until: int | None = None, before: dict[str, int] | None = None) -> None:
        read = cache(partial(self._read, text, until=until))
        if _may_import(text):
            self._names.note(self._shell.user_ns, read(), len(self._cells) + 1, before)
        self._cells.append((text, read))

    def _stored(self, name: str, value: Any) -> int:
        word = name.lstrip(".")
        for at in range(len(self._cells), 0, -1):
            text, read = self._cells[at - 1]
            if (word in text or "run" in text) and any(
                isinstance(each, Store) and each.name == name and each.may_give(value) for each in read()
            ):
                return at
        return 0

    def _read(self, text: str, package: str = "", until: int | None = None) -> list[Import | Store]:
        """Read what code that was executed in the notebook, magics and all, imports and binds."""
        try:
            text = self._shell.transform_cell(text)
        except Exception:  # noqa: BLE001  (transformers may be anyone's; the cell itself fails, then)
            return []
        package = package or str(self._shell.user_ns.get("__package__") or "")
        return read_statements(text, self._expand, package=package, until=until)

    def _expand(self, magic: str, line: str, cell: str | None = None) -> Sequence[Import | Store]:
        if magic == "run":
            return self._read_script(line)
        found = self._read(cell if cell is not None else line)
        if magic in _EXECUTING:
            return found
        # Nobody knows what it does with its text: what is bound will tell.
        return [each._replace(is_certain=False) for each in found if isinstance(each, Import)]

    def _read_script(self, line: str) -> list[Import | Store]:
        try:
            words = shlex.split(line)
        except ValueError:
            return []
        if "-m" in words[:-1]:
            name = words[words.index("-m") + 1]
            return [each for file in _module_file(name) for each in self._read_file(file, name.rpartition(".")[0])]
        for word in words:
            for file in (Path(word).expanduser(), Path(f"{word}.py").expanduser()):
                if file.suffix in {".py", ".ipy", ".ipynb"} and file.is_file():
                    return self._read_file(file)
        return []

    def _read_file(self, file: Path, package: str = "") -> list[Import | Store]:
        try:
            text = file.read_text(encoding="utf-8")
            cells = _code_cells(json.loads(text)) if file.suffix == ".ipynb" else [text]
        except (OSError, ValueError, LookupError, TypeError):
            return []
        return [each for cell in cells for each in self._read(cell, package)]

    def _take_start(self) -> None:
        """Take what the shell executed while it started, by its profile and its command line."""
        if not Application.initialized():
            return
        app = Application.instance()
        folder = getattr(getattr(app, "profile_dir", None), "startup_dir", None)
        files: list[str] = sorted(map(str, Path(folder).glob("*.py"))) if folder else []
        files += [*getattr(app, "exec_files", ()), getattr(app, "file_to_run", "")]
        for file in filter(None, files):
            self._take(f"%run {shlex.quote(file)}")
        for text in (*getattr(app, "exec_lines", ()), getattr(app, "code_to_run", "")):
            self._take(text)


def _may_import(text: str) -> bool:
    return "import" in text or "run" in text


def _module_file(name: str) -> Iterable[Path]:
    """Find the file that ``%run -m`` has executed, importing nothing."""
    parent = name.rpartition(".")[0]
    if parent and parent not in sys.modules:
        return
    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None and name in sys.modules:
            spec = find_spec(f"{name}.__main__")
    except (ImportError, ValueError, AttributeError):
        return
    if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        yield Path(spec.origin)


def _code_cells(notebook: Any) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _last_line(result: ExecutionResult, shell: InteractiveShell) -> int | None:
    """Return the line of a cell at which an error ended it."""
    traceback = result.error_in_exec.__traceback__ if result.error_in_exec is not None else None
    while traceback is not None:
        if traceback.tb_frame.f_globals is shell.user_global_ns and traceback.tb_frame.f_code.co_name == "<module>":
            return traceback.tb_lineno
        traceback = traceback.tb_next
    return None


def _running_line(shell: InteractiveShell) -> int | None:
    """Return the line of the cell that is being executed."""
    frame = sys._getframe()  # noqa: SLF001  (the documented way to look at callers)
    while frame.f_back is not None:
        if frame.f_globals is shell.user_global_ns and frame.f_back.f_code.co_name == "run_code":
            return frame.f_lineno
        frame = frame.f_back
    return None
