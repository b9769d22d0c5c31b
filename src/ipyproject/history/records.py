"""What is known of sessions, runs and nodes: frozen records, and their form as JSON documents."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ipyproject.errors import LOOKED_AT, message_of, type_name
from ipyproject.history.values import ParameterDocument, jsonable, revived

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance

StartedBy = Literal["cli", "notebook", "script"]
Record = TypeVar("Record", bound="DataclassInstance")


class Status(StrEnum):
    """How far a session, a run or a node got.

    A session is OPEN, then COMPLETED or FAILED; a run or node is RUNNING, then COMPLETED or FAILED. INTERRUPTED means
    that the user stopped it, or that its process is gone; UNREADABLE that the store has something of it that makes no
    sense.
    """

    OPEN = "open"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNREADABLE = "unreadable"


MAX_MESSAGE = 10_000  # characters


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """An exception as it is kept: its type's name, its message and the trimmed traceback ("" where there is none)."""

    type: str
    message: str
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException, traceback: str = "", mask: Callable[[str], str] = str) -> ErrorRecord:
        """Return the record of an exception; one whose text can't be made is kept by its type."""
        return cls(type_name(error), mask(message_of(error)[:LOOKED_AT])[:MAX_MESSAGE], traceback)


def _read_error(document: Mapping[str, Any] | None) -> ErrorRecord | None:
    return None if document is None else from_document(ErrorRecord, document)


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _read_names(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


# What is said of fields: how they are read back from a document that JSON held ("read"), and how secrets in them are
# hidden ("plain": there are none. Names, ids, times, and what we said ourselves: a known secret that happens to read
# like one of them would spoil the record).
PLAIN: dict[str, Any] = {"plain": True}
NAMES = PLAIN | {"read": _read_names}
TIME = PLAIN | {"read": _read_time}
STATUS = PLAIN | {"read": Status}
ERROR: dict[str, Any] = {"read": _read_error}
GIVEN: dict[str, Any] = {"read": revived}
COMMAND = {"read": tuple, "masked": "command_line"}
LINE = {"masked": "line"}
SELECTION = {"masked": "selection"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One session: what was opened, how, where, and how it ended. Times are aware and in UTC.

    Attributes:
        session_id: See `new_id`.
        project: The project's name.
        package_name: Its package.
        project_root: The folder that was opened ("" for a packaged project without one).
        env: The environment in force.
        start: When the session opened.
        package_version: The version of the project's package, where it has one.
        conf_source: The folder or archive that configuration came from.
        extra_params: The parameters given at opening; what a record can't hold reads back as its type and repr.
        hidden_params: Dotted names of those of them in which a secret was hidden; None where that is not known.
        started_by: The door: command line, notebook or a script.
        command_line: The process's arguments.
        invocation: More about the door: command path and flags, or the magic line and notebook, or the script.
        user: Who.
        host: On which machine.
        pid: In which process.
        process: What tells this process from a later one with the same pid; None where the system can't say.
        python: Version of Python.
        platform: Operating system, release and machine.
        ipyproject_version: Our version.
        conf_files: The files of parameters and catalog, each with the beginning of its SHA-256.
        environment: The environment variables that are kept.
        git: Commit, branch, whether the tree is dirty and the hash of the difference, where known.
        replay_of: The session that this one replays.
        status: OPEN until it is closed; INTERRUPTED when it never was and its process is gone.
        end: When it was closed.
        exception: What it failed with.
        parameters_hash: The content hash of its resolved parameters, once they are known.
        packages_hash: The content hash of the installed distributions, once they are known.
    """

    session_id: str = field(metadata=PLAIN)
    project: str = field(metadata=PLAIN)
    package_name: str = field(metadata=PLAIN)
    project_root: str = field(metadata=PLAIN)
    env: str = field(metadata=PLAIN)
    start: datetime = field(metadata=TIME)
    package_version: str | None = field(default=None, metadata=PLAIN)
    conf_source: str | None = None
    extra_params: Mapping[str, Any] = field(default_factory=dict, metadata=GIVEN)
    hidden_params: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    started_by: StartedBy = field(default="script", metadata=PLAIN)
    command_line: tuple[str, ...] = field(default=(), metadata=COMMAND)
    invocation: Mapping[str, Any] = field(default_factory=dict, metadata=LINE)
    user: str = field(default="", metadata=PLAIN)
    host: str = field(default="", metadata=PLAIN)
    pid: int = field(default=0, metadata=PLAIN)
    process: str | None = field(default=None, metadata=PLAIN)
    python: str = field(default="", metadata=PLAIN)
    platform: str = field(default="", metadata=PLAIN)
    ipyproject_version: str | None = field(default=None, metadata=PLAIN)
    conf_files: Mapping[str, str] = field(default_factory=dict, metadata=PLAIN)
    environment: Mapping[str, str] = field(default_factory=dict)
    git: Mapping[str, Any] = field(default_factory=dict)
    replay_of: str | None = field(default=None, metadata=PLAIN)
    status: Status = field(default=Status.OPEN, metadata=STATUS)
    end: datetime | None = field(default=None, metadata=TIME)
    exception: ErrorRecord | None = field(default=None, metadata=ERROR)
    parameters_hash: str | None = field(default=None, metadata=PLAIN)
    packages_hash: str | None = field(default=None, metadata=PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run of a session.

    Attributes:
        run_id: See `new_id`; also the version under which versioned datasets are saved.
        session_id: The session it belongs to.
        start: When it began (aware, UTC).
        selection: What was asked for: ``{"pipeline": "modelling", "tags": [...], ...}``.
        runner: The runner's class.
        runner_options: Its public attributes as the run began; None where they are not known.
        extra_params: The parameters given for this run.
        hidden_params: As of a session.
        status: RUNNING until it has ended.
        end: When it ended.
        exception: What it failed with.
    """

    run_id: str = field(metadata=PLAIN)
    session_id: str = field(metadata=PLAIN)
    start: datetime = field(metadata=TIME)
    selection: Mapping[str, Any] = field(default_factory=dict, metadata=SELECTION)
    runner: str = field(default="", metadata=PLAIN)
    runner_options: Mapping[str, Any] | None = None
    extra_params: Mapping[str, Any] = field(default_factory=dict, metadata=GIVEN)
    hidden_params: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    status: Status = field(default=Status.RUNNING, metadata=STATUS)
    end: datetime | None = field(default=None, metadata=TIME)
    exception: ErrorRecord | None = field(default=None, metadata=ERROR)


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node of a run that has finished, well or not.

    Attributes:
        name: The node's name, unique within its run.
        status: COMPLETED, FAILED or INTERRUPTED.
        start: When it began (aware, UTC).
        duration: Seconds.
        outputs: What it wrote: dataset -> ``{"type": "DataFrame", "shape": [344, 8], "bytes": 20752}``, as known.
    """

    name: str
    status: Status = field(metadata=STATUS)
    start: datetime = field(metadata=TIME)
    duration: float
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """One value of a metric, logged by a plugin or by the user: `time` is aware and in UTC."""

    name: str
    value: float
    time: datetime = field(metadata=TIME)
    run_id: str | None = field(default=None, metadata=PLAIN)


def as_document(record: DataclassInstance) -> dict[str, Any]:
    """Return a record, or anything that holds records, as what JSON holds; times are ISO texts."""
    return {each.name: _written(getattr(record, each.name)) for each in fields(record)}


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, ParameterDocument):
        return json.loads(value.text)
    if is_dataclass(value) and not isinstance(value, type):
        return as_document(value)
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return [as_document(each) for each in value]
    return jsonable(value)


def from_document(kind: type[Record], document: Mapping[str, Any]) -> Record:
    """Return the record that `as_document` wrote; keys that a later version added are left out.

    Raises:
        ValueError: A value is not of its field's kind, which others rely on.
        TypeError: A value is missing, or none that can be read.
    """
    values: dict[str, Any] = {}
    for name, read, kinds in _fields(kind):
        if name in document:
            value = values[name] = read(document[name]) if read else document[name]
            if not isinstance(value, kinds):
                raise ValueError(f"{name} is of another kind: {type(value).__name__}")
    return kind(**values)


@cache
def _fields(kind: type[DataclassInstance]) -> list[tuple[str, Callable[[Any], Any] | None, tuple[type, ...]]]:
    """Return of each field its name, how it is read, and of which kinds its value is."""
    found = []
    for each in fields(kind):
        words = re.findall(r"\w+", str(each.type))  # "Mapping[str, Any] | None"
        kinds = (*_KINDS.get(words[0], (object,)), *([NoneType] if words[-1] == "None" else []))
        found.append((each.name, each.metadata.get("read"), kinds))
    return found


_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "StartedBy": (str,),
    "int": (int,),
    "float": (int, float),
    "datetime": (datetime,),
    "Mapping": (dict,),
}
