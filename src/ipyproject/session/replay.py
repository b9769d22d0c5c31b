"""Run a recorded session again: with its env, parameters, configuration and selections, and with what differs said."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ipyproject.bootstrap import found_project
from ipyproject.config import merge_params
from ipyproject.errors import ProjectError, SessionError, format_error
from ipyproject.history import Status, open_history
from ipyproject.history.facts.packages import installed_packages
from ipyproject.history.questions.comparison import Difference, differences
from ipyproject.history.values import flattened, is_type_and_repr
from ipyproject.masking import is_hidden
from ipyproject.pipeline import Selection
from ipyproject.runners import make_runner
from ipyproject.session.facade import core_of
from ipyproject.session.origin import Origin
from ipyproject.session.provenance import code_version, runner_options
from ipyproject.session.running import RunRequest
from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from ipyproject.history import RunRecord, SessionRecord, Store
    from ipyproject.project import Project
    from ipyproject.session.core import SessionCore
    from ipyproject.session.facade import Facade
    from ipyproject.session.result import RunResult

S = TypeVar("S", bound="Facade")  # the session that users hold

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What was recorded of a session, and what will be done again.

    Attributes:
        record: The session's record.
        runs: Its runs, oldest first.
        resolved: Its resolved parameters, if they became known.
        packages: The distributions that were installed, if they became known.
        given: Parameters that differ this time, for the session and for each of its runs.
        project: The project to replay in.
    """

    record: SessionRecord
    runs: tuple[RunRecord, ...]
    resolved: Mapping[str, Any] | None
    packages: Mapping[str, str] | None
    given: Mapping[str, Any]
    project: Project

    @classmethod
    def read(cls, store: Store, name: str, project: Project, given: Mapping[str, Any] | None = None) -> ReplayPlan:
        """Read a session from a store.

        Args:
            store: Where it is recorded.
            name: Its id, a unique beginning of it, ``latest`` or ``latest~2``.
            project: The project to replay in.
            given: Parameters that differ this time.

        Raises:
            HistoryError: There is no such session.
            SessionError: Something of it was recorded in a form that can't be used again.
        """
        record = store.session(name)
        plan = cls(
            record=record,
            runs=tuple(store.runs(record.session_id)),
            resolved=store.parameters(record.session_id),
            packages=store.packages(record.session_id),
            given=given or {},
            project=project,
        )
        if record.package_name != project.package_name:
            raise SessionError(
                f"Session {record.session_id} is of another project: {record.project}.",
                "Replay it in that project: --project PATH.",
            )
        plan.check()
        return plan

    @property
    def extra_params(self) -> dict[str, Any]:
        """The parameters to open the session with: the recorded ones, those given now merged over them."""
        return self._with_given(self.record.extra_params)

    def _with_given(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        return merge_params(recorded, self.given)

    def check(self) -> None:
        """Check that everything can be done again.

        Raises:
            SessionError: Names what can't.
        """
        what = f"Session {self.record.session_id} can't be replayed"
        self._check_parameters(what)
        for run in self.runs:
            if "own_pipeline" in run.selection:
                raise SessionError(
                    f"{what}: run {run.run_id} was of a pipeline that is not in the registry.",
                    "Register the pipeline, and run it by its name from then on.",
                )
            if "inputs" in run.selection:
                raise SessionError(
                    f"{what}: run {run.run_id} was handed data for {', '.join(run.selection['inputs'])}.",
                    "Put the data into the catalog, and run without inputs= from then on.",
                )

    def _check_parameters(self, what: str) -> None:
        given = flattened(self.given)
        secret: dict[str, None] = {}  # names, in order
        described: dict[str, str] = {}
        records: tuple[SessionRecord | RunRecord, ...] = (self.record, *self.runs)
        for record in records:
            for name, value in flattened(self._with_given(record.extra_params)).items():
                if name in given:
                    continue
                if is_hidden((name, value)) and (record.hidden_params is None or name in record.hidden_params):
                    secret[name] = None
                elif _holds(value, is_type_and_repr):
                    described[name] = value["$repr"] if is_type_and_repr(value) else short_repr(value)
        if not secret and not described:
            return
        reasons = []
        if secret:
            hidden = (
                "or a part of it, is secret and was" if len(secret) == 1 else "or a part of each, are secret and were"
            )
            reasons.append(f"{_listed(secret)}, {hidden} not recorded")
        if described:
            repr_only = " and ".join(described.values())
            reasons.append(f"{_listed(described)} {'was' if len(described) == 1 else 'were'} kept only as {repr_only}")
        again = "them" if len(secret) + len(described) > 1 else "it"
        raise SessionError(
            f"{what}: {'; '.join(reasons)}.",
            f"Give {again} again: --params {','.join(f'{name}=...' for name in (*secret, *described))}"
            + (", as values that JSON can hold." if described else ""),
        )

    @property
    def conf_source(self) -> Path | None:
        """The folder or archive that configuration came from.

        Raises:
            SessionError: It is no longer there.
        """
        if self.record.conf_source is None:
            return None
        path = self.project.root / self.record.conf_source  # recorded relative to the project where it lies in it
        if not path.exists():
            raise SessionError(
                f"The conf source of session {self.record.session_id} is gone: {path}.", "Put it back and replay again."
            )
        return path

    def differences(self, session: SessionCore) -> tuple[Difference, ...]:
        """Return all that differs between the recorded session and one opened now to replay it."""
        found = list(self.code_differences())
        now = session.load_context().params
        if self.resolved is not None:
            recorded = flattened(self.resolved)
            given = flattened(session.as_recorded(now))
            found += [Difference("parameters", *each) for each in differences(recorded, given)]
        if self.record.conf_files:
            files = differences(self.record.conf_files, session.book.record.conf_files)
            found += [Difference("configuration", *each) for each in files]
        if self.packages is not None:
            found += [Difference("packages", *each) for each in differences(self.packages, installed_packages())]
        return (*found, *self._runner_differences(session))

    def _runner_differences(self, session: SessionCore) -> Iterator[Difference]:
        """Yield what of the runners, which are made anew from their classes, is not as it was."""
        for run in self.runs:
            if run.runner_options is not None:
                with suppress(ProjectError):  # raised when the run comes to it
                    now = session.as_recorded(runner_options(make_runner(run.runner)))
                    for name, old, new in differences(run.runner_options, now):
                        if not (is_type_and_repr(old) and is_type_and_repr(new) and old["$type"] == new["$type"]):
                            yield Difference("runner", f"{run.runner.rpartition('.')[2]}.{name}", old, new)

    def code_differences(self) -> tuple[Difference, ...]:
        """Return what differs between the recorded code and configuration and those of now, as git tells."""
        now = code_version(self.project, self.conf_source or self.project.conf_source)
        return tuple(Difference("code", *each) for each in differences(_code(self.record.git), _code(now)))

    def refuse_other_code(self) -> None:
        """Refuse to replay on other code than was recorded.

        Raises:
            SessionError: The code differs, or it is not known whether it does.
        """
        if not self.record.git.get("commit") or "dirty" not in self.record.git:
            raise SessionError(
                f"The code's version was not recorded with session {self.record.session_id}: git knew nothing of it.",
                "Replay without --strict.",
            )
        if changed := self.code_differences():
            told = ", ".join(f"{each.name} {each.before} -> {each.after}" for each in changed)
            raise SessionError(
                f"The code is not that of session {self.record.session_id}: {told}.",
                f"Check out {self.record.git['commit']}, or replay without --strict.",
            )

    def run_again(self, run: RunRecord, session: SessionCore) -> RunResult:
        """Do one of the runs again."""
        __tracebackhide__ = True
        selection = {key: value for key, value in run.selection.items() if key not in {"pipeline", "load_versions"}}
        request = RunRequest(
            run.selection["pipeline"],
            Selection.of(**selection),
            runner=run.runner or None,
            load_versions=run.selection.get("load_versions", {}),
            extra_params=self._with_given(run.extra_params) if run.extra_params else {},
        )
        return request.run(session)


@dataclass(frozen=True, slots=True)
class Replay(Generic[S]):
    """A session opened to repeat a recorded one. A context manager that closes it.

    Attributes:
        plan: What was recorded.
        session: The new session.
        differences: What differs from then.
        results: Of the runs that were done again; filled by :meth:`run`.
        failures: What those raised that failed again and were not the last; filled by :meth:`run`.
    """

    plan: ReplayPlan
    session: S
    differences: tuple[Difference, ...]
    results: list[RunResult] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def run(self) -> Self:
        """Do the recorded runs again, in their order.

        A run that had failed when it was recorded, and fails again, does not keep those after it from being done, as it
        did not then.

        Raises:
            Exception: Whatever another run, or the last one, raises; later ones are not done.
        """
        __tracebackhide__ = True
        core = core_of(self.session)
        for run in self.plan.runs:
            done = len(core.book.runs)
            try:
                self.results.append(self.plan.run_again(run, core))
            except Exception as error:
                began = len(core.book.runs) > done
                if not began or run.status is not Status.FAILED or run is self.plan.runs[-1]:
                    raise
                self.failures.append(error)
                told = visible(core.masked(format_error(error)))
                _logger.warning("Run %s failed again, as when it was recorded: %s", run.run_id, told)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        core_of(self.session).close(error)


def open_replay(
    opening: Callable[..., S],
    name: str,
    project_path: str | Path | None = None,
    *,
    extra_params: Mapping[str, Any] | None = None,
    strict: bool = False,
    save_on_close: bool = True,
    origin: Origin | None = None,
) -> Replay[S]:
    """Open a session to repeat a recorded one, and compare the two; its runs wait for :meth:`Replay.run`.

    Args:
        opening: ``Session.create``, or ``reload_project`` to execute the project's code anew.
        name: The recorded session: its id, a unique beginning of it, ``latest`` or ``latest~2``.
        project_path: A folder in the project.
        extra_params: Parameters that differ this time, merged over the recorded ones.
        strict: Refuse when the code differs.
        save_on_close: As for :meth:`Session.create`.
        origin: What opens it.

    Raises:
        HistoryError: There is no such session.
        SessionError: It can't be repeated, or not on this code; nothing was opened.
        ProjectError: The project can't be opened.
    """
    project = found_project(project_path, trust=project_path is not None)
    with open_history(project_path) as store:
        plan = ReplayPlan.read(store, name, project, extra_params)
    if strict:
        plan.refuse_other_code()
    session = opening(
        project_path,
        save_on_close,
        plan.record.env,
        plan.extra_params,
        plan.conf_source,
        origin=replace(origin or Origin(), replay_of=plan.record.session_id),
    )
    core = core_of(session)
    try:
        return Replay(plan, session, plan.differences(core))
    except BaseException as error:
        core.close(error)
        raise


def _holds(value: Any, is_one: Callable[[Any], bool]) -> bool:
    """Whether a value, or anything in the lists and mappings that it is made of, is one of a kind."""
    if is_one(value):
        return True
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds(part, is_one) for part in parts)


def _listed(names: Iterable[str]) -> str:
    texts = [f"{name!r}" for name in names]
    return f"the parameter{'s' if len(texts) > 1 else ''} {', '.join(texts)}"


def _code(state: Mapping[str, Any]) -> dict[str, Any]:
    """What of the state that git tells is the code: the branch's name is not."""
    return {name: state[name] for name in ("commit", "dirty", "diff_hash") if name in state}
