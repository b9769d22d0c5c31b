"""The magics of the extension."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display
from traitlets import Unicode

from ipyproject import current
from ipyproject.config import PARAMS_HELP, parse_params
from ipyproject.display.changes import render_changes
from ipyproject.display.messages import opened_text, run_text
from ipyproject.display.sessions import render_replay
from ipyproject.history.environment import notebook_name
from ipyproject.notebook.arguments import split_line
from ipyproject.notebook.imported import imported_names
from ipyproject.notebook.sessions import REPLAY, answer, read_line
from ipyproject.session import Origin, Session, open_replay, reload_project

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

NAMES = ("session", "context", "catalog", "pipelines")


@magics_class
class ProjectMagics(Magics):
    """``%reload_project``, and its defaults for a profile's configuration: ``c.ProjectMagics.env = "prod"``."""

    env = Unicode("", help="Environment where the line gives none.").tag(config=True)
    conf_source = Unicode("", help="Configuration folder or archive where the line gives none.").tag(config=True)

    shell: InteractiveShell
    _announcement: Callable[..., None] | None = None

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
    @argument("--params", metavar="KEY=VALUE,...", help="Extra parameters. " + PARAMS_HELP.replace("%", "%%"))
    @argument(
        "--conf-source",
        help="Folder or archive with the configuration. Default: c.ProjectMagics.conf_source, the project's own.",
    )
    @argument("--full", action="store_true", help="Start clean: also what the catalog holds in memory is dropped.")
    @argument("-q", "--quiet", action="store_true", help="Print nothing.")
    @argument("-h", "--help", action="store_true", help="Show this text.")
    @line_magic
    def reload_project(self, line: str) -> None:
        """Open the project anew: its code, configuration and catalog, in a new session.

        Puts ``session``, ``context``, ``catalog`` and ``pipelines`` into the namespace. If anything fails, everything
        is as it was before.
        """
        if said := self.open_and_describe(line):
            print(said)  # noqa: T201  (what a magic says goes to the cell's output)

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
        options = read_line(line)
        if options.question == REPLAY:
            self._replay(options, f"%sessions {line}".rstrip())
        else:
            display(answer(options))

    def open_and_describe(self, line: str) -> str:
        """Do what ``%reload_project LINE`` does, and return what it prints."""
        parser = self.reload_project.parser
        options = parser.parse_args(split_line(line, keep_quotes_of=("--params",)))
        if options.help:
            return str(parser.format_help())
        begin = time.perf_counter()
        is_first = current.current_session() is None
        session = self._open(options, f"%reload_project {line}".rstrip())
        seconds = time.perf_counter() - begin
        if options.quiet:
            return ""
        if is_first:
            return opened_text(session, seconds=seconds)
        return render_changes(session, seconds=seconds).text

    def announce(self, text: str) -> None:
        """Print a text when the next cell runs."""

        def say(*_: object) -> None:
            self.forget_events()
            print(text)  # noqa: T201

        self.forget_events()
        self._announcement = say
        self.shell.events.register("pre_run_cell", say)

    def forget_events(self) -> None:
        """Take back every callback registered with the shell."""
        if self._announcement is not None:
            self.shell.events.unregister("pre_run_cell", self._announcement)
            self._announcement = None

    def _open(self, options: Namespace, magic_line: str) -> Session:
        session = reload_project(
            options.path,
            env=options.env or self.env or None,
            extra_params=parse_params(options.params) if options.params else None,
            conf_source=options.conf_source or self.conf_source or None,
            origin=self._origin(magic_line),
            names=self.shell.user_ns,
            imported=imported_names(self.shell.user_ns.get("In", [])),
            full=options.full,
        )
        self._push(session)
        return session

    def _replay(self, options: Namespace, magic_line: str) -> None:
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
        name = notebook_name(self.shell.user_ns)
        return Origin("notebook", {"line": magic_line} | ({"notebook": name} if name else {}))
