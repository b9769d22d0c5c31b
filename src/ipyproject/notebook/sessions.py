"""``%sessions``: what the command line answers about recorded sessions, as tables in the notebook."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError

from ipyproject.display.sessions import render_differences, render_session, render_sessions
from ipyproject.history import SessionFilter, SessionHistory, Status, compare_sessions, moment, open_history
from ipyproject.history.questions.conditions import parameter_filter
from ipyproject.notebook.arguments import split_line
from ipyproject.visible import visible

if TYPE_CHECKING:
    from argparse import Namespace

    from ipyproject.display.tables import Rendering

LIST = "list"
REPLAY = "replay"
QUESTIONS = (LIST, "show", "diff", REPLAY)


class _Parser(ArgumentParser):
    """An argument parser whose errors are IPython's."""

    def error(self, message: str) -> NoReturn:
        """Raise the message as an error of usage.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{visible(message)}\n{self.format_usage().strip()}")


def read_line(line: str) -> Namespace:
    """Read what stands behind ``%sessions``; without a question the newest are listed.

    Raises:
        UsageError: It can't be understood.
    """
    words = split_line(line, keep_quotes_of=("--param", "--params"))
    if not words or words[0].startswith("--"):
        words.insert(0, LIST)
    return _parser().parse_args(words)


def answer(options: Namespace) -> Rendering:
    """Answer a question about the current project's sessions.

    Raises:
        ProjectError: No project, or no such session.
    """
    with open_history() as store:
        if options.question == "show":
            return render_session(SessionHistory.read(store, store.session(options.id)))
        if options.question == "diff":
            before, after = store.session(options.before), store.session(options.after)
            return render_differences(before.session_id, after.session_id, compare_sessions(store, before, after))
        found = store.sessions(options.limit, _filter(options))
        return render_sessions([(record, store.runs(record.session_id)) for record in found])


def _filter(options: Namespace) -> SessionFilter:
    conditions: dict[str, Any] = {"env": options.env, "pipeline": options.pipeline}
    if options.status is not None:
        conditions["status"] = Status(options.status)
    if options.since is not None:
        conditions["since"] = moment(options.since)
    return SessionFilter(**conditions, **parameter_filter(options.param))


def _parser() -> _Parser:
    parser = _Parser(prog="%sessions", add_help=False)
    questions = parser.add_subparsers(dest="question", parser_class=_Parser, required=True, metavar="|".join(QUESTIONS))
    listing = questions.add_parser(LIST, add_help=False)
    listing.add_argument("--env")
    listing.add_argument("--status", choices=[*Status])
    listing.add_argument("--param", metavar="KEY>=VALUE", action="append", default=[])
    listing.add_argument("--since", metavar="WHEN")
    listing.add_argument("--pipeline")
    listing.add_argument("--limit", type=int, default=20)
    showing = questions.add_parser("show", add_help=False)
    showing.add_argument("id", nargs="?", default="latest")
    comparing = questions.add_parser("diff", add_help=False)
    comparing.add_argument("before", nargs="?", default="latest~1")
    comparing.add_argument("after", nargs="?", default="latest")
    replaying = questions.add_parser(REPLAY, add_help=False)
    replaying.add_argument("id", nargs="?", default="latest")
    replaying.add_argument("--params", metavar="KEY=VALUE,...")
    replaying.add_argument("--strict", action="store_true")
    return parser
