"""The magics of the extension.

Registering them imports next to nothing of ours: a profile may load the extension in every kernel, project or not. Each
magic imports what it needs.
"""

from __future__ import annotations

import re
import time
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display
from traitlets import Bool, Unicode, observe

from ipyproject import current
from ipyproject.config import PARAMS_HELP, parse_params
from ipyproject.errors import ProjectError, SessionError
from ipyproject.notebook.arguments import split_line
from ipyproject.notebook.imported import ImportWatch
from ipyproject.visible import visible, visible_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell

    from ipyproject.display.tables import Rendering
    from ipyproject.session import Origin, Session, Watch

NAMES = ("session", "context", "catalog", "pipelines")
_RELOADING = re.compile(r"^\s*%(?:reload_project|sessions\s+replay)\b", re.MULTILINE)


@magics_class
class ProjectMagics(Magics):
    """``%reload_project``, and its defaults for a profile's configuration: ``c.ProjectMagics.env = "prod"``."""

    env = Unicode("", help="Environment where the line gives none.").tag(config=True)
    conf_source = Unicode("", help="Configuration folder or archive where the line gives none.").tag(config=True)
    auto = Bool(default_value=False, help="Before each cell, reload the open project if a file of it has changed.").tag(
        config=True
    )

    shell: InteractiveShell
    _announcement: Callable[..., None] | None = None
    _watch: Watch

    def __init__(self, shell: InteractiveShell, *, is_starting: bool = False) -> None:
        self._last = self.reload_project.parser.parse_args([])
        self._imports = ImportWatch(shell, is_starting=is_starting)  # before --auto, which asks it
        super().__init__(shell=shell)

    @magic_arguments()
    @argument(
        "path",
        nargs="?",
        help="A folder in the project. Default: the project opened last, else the one found upward from here.",
    )
    @argument(
        "-e",
        "--env",
        help="Environment, a folder under conf/. Default: c.ProjectMagics.env, IPYPROJECT_ENV, the project's default.",
    )
    @argument("--params", metavar="KEY=VALUE,...", help=PARAMS_HELP.replace("%", "%%"))
    @argument(
        "--conf-source",
        help="Folder or archive with the configuration. Default: c.ProjectMagics.conf_source, the project's own.",
    )
    @argument("--auto", action="store_true", help="From now on, reload before each cell if a file has changed.")
    @argument("--no-auto", action="store_true", help="No more reloading before cells.")
    @argument("--trust", action="store_true", help="Open it although others can change what it executes.")
    @argument("--full", action="store_true", help="Start clean: also what the catalog holds in memory is dropped.")
    @argument("-q", "--quiet", action="store_true", help="Print nothing.")
    @argument("-h", "--help", action="store_true", help="Show this text.")
    @line_magic
    def reload_project(self, line: str) -> None:
        """Open the project anew: its code, configuration and catalog, in a new session.

        Puts ``session``, ``context``, ``catalog`` and ``pipelines`` into the namespace. If anything fails, everything
        is as it was before.
        """
        _say(self.open_and_describe(line))

    @line_magic
    def sessions(self, line: str) -> None:
        """Look at recorded sessions.

        ::

            %sessions                    the newest; --env --status --since --param a.b=1 --pipeline --limit
            %sessions show ID            one session and its runs
            %sessions diff A B           what differs between two, by default the last two
            %sessions replay ID          open and run one again; --params a.b=1, --strict (the same code)

        An ID is a session's id, a unique beginning of one, ``latest`` or ``latest~2``.
        """
        from ipyproject.notebook.sessions import REPLAY, answer, read_line

        options = read_line(line)
        if options.question == REPLAY:
            self._replay(options, f"%sessions {line}".rstrip())
        else:
            display(answer(options))

    def open_and_describe(self, line: str) -> Rendering | str:
        """Do what ``%reload_project LINE`` does, and return what it shows."""
        parser = self.reload_project.parser
        words = split_line(line, keep_quotes_of=("--params",))
        try:
            options = parser.parse_args(words)
        except UsageError as error:
            raise UsageError(f"{visible(str(error))}\n%reload_project --help shows what there is.") from None
        if options.help:
            return str(parser.format_help())
        if options.auto and options.no_auto:
            raise UsageError("--auto and --no-auto exclude each other.")
        said = self._open_and_describe(options, f"%reload_project {line}".rstrip())
        if options.auto or options.no_auto:
            self.auto = options.auto
        if options.conf_source:  # wherever the working directory is by then
            from ipyproject.session.facade import core_of

            options.conf_source = str(core_of(current.open_sessions()[-1]).conf_source)
        self._last = options
        return said

    def _open_and_describe(self, options: Namespace, magic_line: str, *, within_cell: bool = True) -> Rendering | str:
        begin = time.perf_counter()
        from ipyproject.bootstrap import found_project
        from ipyproject.session import reload_project

        if options.path or options.trust:  # a path in Python says that it is trusted; here --trust does
            found_project(options.path, trust=options.trust)
        is_first = current.current_session() is None
        session = reload_project(
            options.path,
            env=options.env or self.env or None,
            extra_params=parse_params(options.params) if options.params else None,
            conf_source=options.conf_source or self.conf_source or None,
            origin=self._origin(magic_line),
            names=self.shell.user_ns,
            imported=self._imports.names(within_cell=within_cell),
            publish=self._push,
            full=options.full,
        )
        seconds = time.perf_counter() - begin
        if options.quiet:
            return ""
        if is_first:
            from ipyproject.display.messages import opened_text

            return opened_text(session, seconds=seconds)
        from ipyproject.display.changes import render_changes

        return render_changes(session, seconds=seconds)

    @observe("auto")
    def _switch_auto(self, change: Any) -> None:
        """Follow the trait, whoever sets it: the line, a profile or ``%config``."""
        if change["old"] is True:
            self.shell.events.unregister("pre_run_cell", self._reload_if_changed)
        if change["new"]:
            from ipyproject.session import Watch

            self._watch = Watch()
            self.shell.events.register("pre_run_cell", self._reload_if_changed)

    def _reload_if_changed(self, info: ExecutionInfo) -> None:
        """Reload before a cell if a file has changed; what fails is said once, and the cell runs on the old state."""
        if _RELOADING.search(info.raw_cell or "") or not self._watch.calls_for_reload():
            return
        line = {**vars(self._last), "path": None, "full": False}
        try:
            said = self._open_and_describe(Namespace(**line), "%reload_project --auto", within_cell=False)
        except SessionError:
            self._watch = type(self._watch)()  # a run is going on: later
        except ProjectError as error:
            print(f"Not reloaded: {error.full_message()}")  # noqa: T201
        except KeyboardInterrupt as interrupt:  # IPython would show this method, and execute the cell all the same
            self._watch = type(self._watch)()  # the files are not at fault: before the next cell
            print(f"KeyboardInterrupt: {interrupt}")  # noqa: T201
        else:
            _say(said)

    def announce(self, text: str) -> None:
        """Print a text when the next cell runs."""

        def say(*_: object) -> None:
            self._forget_announcement()
            print(visible_lines(text))  # noqa: T201

        self._forget_announcement()
        self._announcement = say
        self.shell.events.register("pre_run_cell", say)

    def forget_events(self) -> None:
        """Take back every callback registered with the shell."""
        self.auto = False
        self._imports.stop()
        self._forget_announcement()

    def _forget_announcement(self) -> None:
        if self._announcement is not None:
            self.shell.events.unregister("pre_run_cell", self._announcement)
            self._announcement = None

    def _replay(self, options: Namespace, magic_line: str) -> None:
        from ipyproject.display.messages import run_text
        from ipyproject.display.sessions import render_replay
        from ipyproject.session import open_replay, reload_project

        replay = open_replay(
            reload_project,
            options.id,
            extra_params=parse_params(options.params) if options.params else None,
            strict=options.strict,
            origin=self._origin(magic_line),
        )
        self._push(replay.session)
        display(render_replay(replay))
        replay.run()
        for result in replay.results:
            print(run_text(replay.session, result))  # noqa: T201

    def _push(self, session: Session) -> None:
        context = session.load_context()
        self.shell.push(dict(zip(NAMES, (session, context, context.catalog, session.pipelines), strict=True)))

    def _origin(self, magic_line: str) -> Origin:
        from ipyproject.history.facts.environment import notebook_name
        from ipyproject.session import Origin

        name = notebook_name(self.shell.user_ns)
        return Origin("notebook", {"line": magic_line} | ({"notebook": name} if name else {}))


def _say(said: Rendering | str) -> None:
    """Show what a magic says in the cell's output."""
    if isinstance(said, str):
        if said:
            print(said)  # noqa: T201
    else:
        display(said)
