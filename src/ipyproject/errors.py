"""Every error that a user's mistake can cause.

The tree::

    ProjectError
    ├── ProjectNotFoundError        no pyproject.toml with a [tool.ipyproject] table above the folder
    ├── UntrustedProjectError       others can change what the project executes, and nobody has said that they may
    ├── MetadataError               broken TOML, unknown key, no package
    ├── SettingsError               a name or a value in settings.py that is not understood
    ├── ProjectCodeError            a module of the project does not compile or raises while it is imported
    ├── ConfigError                 a configuration file, a reference or a parameter string can't be read
    │   └── UnknownEnvError         no such folder under conf/
    ├── CatalogError                a dataset definition that is not understood
    │   ├── DatasetNotFoundError    no dataset of that name (also a KeyError)
    │   └── DatasetError            loading or saving failed
    ├── PipelineError               nodes that don't fit together, or a selection that matches nothing
    │   └── UnknownPipelineError    no pipeline of that name (also a KeyError)
    ├── SessionError                a step that the session's state does not allow
    │   └── FrozenContextError      an attribute set on a context (also an AttributeError)
    └── HistoryError                a record that can't be found or a store that can't be used

``Interrupted`` (a KeyboardInterrupt) says how things are after Ctrl-C.

The message of each names the culprit, then says what to do next. IPython shows it without a traceback, and the
command line as one ``Error:`` line; our own bugs are other exceptions and keep theirs.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from ipyproject.visible import visible_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMPARED = 500  # characters of a name, and a tenth of the names, that the closest match is looked for among


LOOKED_AT = 500_000  # characters of a text; what is behind is never shown, masked or not


class ProjectError(Exception):
    """A mistake in a project, its configuration or a command, told in one short message, with secrets in it hidden.

    Args:
        message: What is wrong, naming the culprit (file, line, key, name).
        hint: What to do next; shown on a line of its own.

    Attributes:
        where: File and line of the project's code that led here, shown before the message. Set by whoever executed
            that code, where the raiser of the error could not know.
    """

    where: str | None = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        from ipyproject.masking import masked_text

        message = masked_text(message)
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n{self.hint}" if self.hint else text

    def full_message(self) -> str:
        """Return the whole message as it is shown: with the notes that were added on its way, secrets in it hidden."""
        from ipyproject.masking import masked_text

        text = f"{self.where}: {self.message}" if self.where else self.message
        notes = [shortened(note) for note in getattr(self, "__notes__", ())]
        return visible_lines(
            "\n".join((masked_text(text), *([self.hint] if self.hint else []), *map(masked_text, notes)))
        )

    def _render_traceback_(self) -> list[str]:
        """IPython's protocol for exceptions that say themselves how they are shown."""
        return [f"{type(self).__name__}: {self.full_message()}"]


class ProjectNotFoundError(ProjectError):
    """No project was found at, or above, a folder."""


class UntrustedProjectError(ProjectError):
    """Somebody else can change what the project executes, and opening it was not asked for in so many words."""


class MetadataError(ProjectError):
    """The project's ``pyproject.toml`` can't be used."""


class SettingsError(ProjectError):
    """``settings.py`` holds a name or a value that is not understood."""


class ProjectCodeError(ProjectError):
    """A module of the project failed; the message carries the file and line of the project's own code."""


class ConfigError(ProjectError):
    """Configuration can't be read, merged or resolved."""


class UnknownEnvError(ConfigError):
    """The configuration has no folder for the environment asked for."""


class CatalogError(ProjectError):
    """A dataset's definition is not understood."""


class DatasetNotFoundError(CatalogError, KeyError):
    """The catalog has no dataset of that name."""


class DatasetError(CatalogError):
    """A dataset could not be loaded or saved."""


class PipelineError(ProjectError):
    """Nodes that can't form a pipeline, or a selection that matches nothing."""


class UnknownPipelineError(PipelineError, KeyError):
    """The project has no pipeline of that name."""


class SessionError(ProjectError):
    """The session's state does not allow the step."""


class FrozenContextError(SessionError, AttributeError):
    """An attribute of a context was to be set or deleted; contexts don't change."""


class HistoryError(ProjectError):
    """A record can't be found, or the store can't be used."""


class Interrupted(KeyboardInterrupt):
    """The user has interrupted something that was then put in order; the message says how things are now."""

    def _render_traceback_(self) -> list[str]:
        """IPython's protocol for exceptions that say themselves how they are shown."""
        return [visible_lines(f"KeyboardInterrupt: {self}")]


def format_error(error: BaseException, most: int = 400) -> str:
    """Return an exception's type and message, whatever its ``__str__`` does.

    Args:
        error: The exception.
        most: Characters of the message to keep.
    """
    message = message_of(error)
    if issubclass(type(error), SyntaxError) and isinstance(error.msg, str):  # type: ignore[attr-defined]
        message = error.msg  # type: ignore[attr-defined]  # without the place, which is said elsewhere
    return f"{type_name(error)}: {shortened(message, most)}" if message else type_name(error)


def message_of(error: BaseException) -> str:
    """Return what an exception says; nothing where its ``__str__`` raises or gives no text. Never raises."""
    try:
        return str.__str__(str(error))  # a text of a class of its own may do anything later
    except BaseException:  # noqa: BLE001  (an exception of the project's own may do anything, exit the process too)
        return ""


def type_name(error: BaseException) -> str:
    """Return the name of an exception's class, whatever its metaclass does."""
    name: str = type.__dict__["__name__"].__get__(type(error))
    return name


def shortened(text: str, most: int = 400) -> str:
    """Return a text that fits into a message: its secrets hidden, at most so many characters, in few lines."""
    from ipyproject.masking import masked_text

    text = masked_text(text.strip()[:LOOKED_AT])  # before it is cut: half a secret is not known any more
    lines = text.splitlines()
    kept = "\n".join(lines[:6])
    return text if len(lines) <= 6 and len(kept) <= most else f"{kept[:most].rstrip()} ..."  # noqa: PLR2004


def did_you_mean(name: str, known: Iterable[str], what: str = "Known") -> str:
    """Return the hint for a name that does not exist: the closest match, else the known ones.

    Args:
        name: The name that was asked for.
        known: The names that exist.
        what: How the list of known names is introduced.
    """
    names = sorted(known)
    if len(name) <= _COMPARED and len(names) <= _COMPARED * 10 and (close := get_close_matches(name, names, n=1)):
        return f"Did you mean {close[0]!r}?"
    if not names:
        return f"{what}: none."
    most = 12
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{what}: {', '.join(shortened(known, _COMPARED) for known in names[:most])}{more}."
