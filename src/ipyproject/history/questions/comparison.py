"""What differs between two sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipyproject.history.values import content_hash, flattened, jsonable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ipyproject.history.records import SessionRecord
    from ipyproject.history.stores.store import Store


class _Absent:
    """Stands where one of two sessions has nothing; the one instance is `ABSENT`."""

    def __repr__(self) -> str:
        return "-"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two sessions don't share.

    Attributes:
        section: ``session``, ``parameters``, ``code``, ``environment``, ``packages``, ``timings`` (seconds per node) or
            ``metrics``.
        name: What it is: a parameter's dotted name, a distribution, a node.
        before: Its value in the first session, or `ABSENT`.
        after: Its value in the second session, or `ABSENT`.
    """

    section: str
    name: str
    before: Any
    after: Any

    def as_document(self) -> dict[str, Any]:
        """Return what JSON holds; a side that has nothing is left out."""
        sides = {"before": self.before, "after": self.after}
        return {"section": self.section, "name": self.name} | {
            side: jsonable(value) for side, value in sides.items() if value is not ABSENT
        }


def compare_sessions(store: Store, before: SessionRecord, after: SessionRecord) -> tuple[Difference, ...]:
    """Return all that differs between two sessions of a store, section by section.

    Raises:
        HistoryError: The store can't be read.
    """
    return tuple(
        Difference(section, *difference)
        for section, facts in SECTIONS.items()
        for difference in differences(facts(store, before), facts(store, after))
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield name and both values of each entry that two mappings don't share; 1, 1.0 and True are not the same."""
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if _differ(old, new):
            yield name, old, new


def _differ(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return True
    if isinstance(old, (list, dict, float)):
        return content_hash(old) != content_hash(new)  # what they are made of is compared so, too, and NaN is NaN
    return bool(old != new)


def _session(_store: Store, record: SessionRecord) -> dict[str, Any]:
    return {"env": record.env, "conf source": record.conf_source, "project": record.project}


def _parameters(store: Store, record: SessionRecord) -> dict[str, Any]:
    resolved = store.parameters(record.session_id)
    return flattened(record.extra_params if resolved is None else resolved)


def _code(_store: Store, record: SessionRecord) -> dict[str, Any]:
    known = {"package version": record.package_version, **record.git}
    return {name: value for name, value in known.items() if value is not None}


def _environment(_store: Store, record: SessionRecord) -> dict[str, Any]:
    return {
        "user": record.user,
        "host": record.host,
        "python": record.python,
        "platform": record.platform,
        "ipyproject": record.ipyproject_version,
        **record.environment,
    }


def _packages(store: Store, record: SessionRecord) -> dict[str, Any]:
    return store.packages(record.session_id) or {}


def _timings(store: Store, record: SessionRecord) -> dict[str, Any]:
    """Seconds per node; of a node that ran several times the last."""
    return {
        node.name: round(node.duration, 6) for run in store.runs(record.session_id) for node in store.nodes(run.run_id)
    }


def _metrics(store: Store, record: SessionRecord) -> dict[str, Any]:
    """Each metric's last value."""
    return {metric.name: metric.value for metric in store.metrics(record.session_id)}


SECTIONS: dict[str, Callable[[Store, SessionRecord], dict[str, Any]]] = {
    "session": _session,
    "parameters": _parameters,
    "code": _code,
    "environment": _environment,
    "packages": _packages,
    "timings": _timings,
    "metrics": _metrics,
}
