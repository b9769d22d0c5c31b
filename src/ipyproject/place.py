"""Who besides the user can change what a project executes: owners and modes of where it lies. Nothing is opened."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from ipyproject.project import METADATA_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from ipyproject.project import Project


def stranger_at(start: Path, project: Project) -> str | None:
    """Say where somebody else decides what a project executes, and who; None if nobody does.

    Whoever opens a project executes its files, and a search goes upward: through folders of others, and to a
    ``pyproject.toml`` that anybody may have put into ``/tmp``. Looked at are the folders from where the search began
    up to the root, ``pyproject.toml``, and the folders whose files are read. Not those above the root: who exchanges
    the root puts one of his own there, which is seen when it is opened or reloaded.

    Args:
        start: The folder where the search began, resolved.
        project: The project that was found.
    """
    if sys.platform == "win32":  # owners and modes don't say it there
        return None
    source = project.source_dir or project.package_dir
    passed = [project.root, *_upward(source, project.root), *_upward(start, project.root)]
    read = [project.root / METADATA_FILE, *_upward(project.package_dir, source), project.conf_source]
    places = dict.fromkeys(passed, True) | dict.fromkeys(read, False)
    faults = (_fault(place, sticky_is_safe=sticky_is_safe) for place, sticky_is_safe in places.items())
    return next(filter(None, faults), None)


def _upward(inner: Path, outer: Path) -> list[Path]:
    """Return the folders from one up to another that it lies in; else the one alone."""
    parents = inner.parents
    return [inner, *parents[: parents.index(outer) + 1]] if outer in parents else [inner]


def _fault(place: Path, *, sticky_is_safe: bool) -> str | None:
    try:
        link, there = place.lstat(), place.stat()
    except OSError:  # a conf/ that is not there; and what can't be looked at can't be read
        return None
    mine = _trusted_users()
    for owner in (link.st_uid, there.st_uid):
        if owner not in mine:
            return f"{place} belongs to {_user(owner)}, not to you ({_user(os.geteuid())})"
    mode = stat.S_IMODE(there.st_mode)
    # In a sticky folder nobody can take away or exchange what is yours. But a module or a catalog can be added.
    if mode & stat.S_ISVTX and sticky_is_safe:
        return None
    if mode & stat.S_IWOTH:
        return f"{place} can be written by everybody (mode {mode:04o})"
    if mode & stat.S_IWGRP and (group := _group_of_others(there.st_gid, mine)):
        return f"{place} can be written by the group {group} (mode {mode:04o})"
    return None


def _trusted_users() -> set[int]:
    """Root, and the user. Under sudo that is who called it, as git has it: root's own shell trusts nobody else."""
    user = os.geteuid()
    if user == 0 and (caller := os.environ.get("SUDO_UID", "")).isdecimal():
        user = int(caller)
    return {0, user}


def _group_of_others(gid: int, mine: set[int]) -> str | None:
    """Return the name of a group, unless it is the user's own.

    Where each user has a group of his own name (Debian, Fedora), the umask is 002 and everything can be written by that
    group: it counts as the user, as for Debian's ssh, as long as it lists nobody else. Asking whose primary group it is
    besides would mean listing all users, which a directory server may not allow.
    """
    import grp

    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return str(gid)
    names = {_user(uid) for uid in mine}
    return None if group.gr_name in names and names.issuperset(group.gr_mem) else group.gr_name


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
