"""Registers the hooks of a project and of installed plugins, and calls those that exist."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pluggy

from ipyproject.errors import SettingsError
from ipyproject.hooks import specs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipyproject.memo import Memo

ENTRY_POINT_GROUP = "ipyproject.hooks"

hook_impl = pluggy.HookimplMarker("ipyproject")


class HookManager:
    """The hooks of one session.

    Args:
        hooks: Objects with methods marked by ``@hook_impl``.
        disabled_plugins: Names of installed distributions whose hooks stay out.

    Raises:
        SettingsError: An implementation does not fit its specification, or a plugin can't be imported.
    """

    def __init__(self, hooks: Iterable[object] = (), disabled_plugins: Iterable[str] = ()) -> None:
        manager = pluggy.PluginManager("ipyproject")
        for group in (specs.SessionSpecs, specs.RunSpecs, specs.NodeSpecs, specs.DatasetSpecs):
            manager.add_hookspecs(group)
        disabled = set(disabled_plugins)
        for entry_point in _installed_plugins(tuple(sys.path)):
            distribution = entry_point.dist.name if entry_point.dist is not None else entry_point.name
            if distribution not in disabled:
                _register(manager, _loaded(entry_point), f"plugin {distribution!r}")
        for hook in hooks:
            _register(manager, hook, f"HOOKS in settings.py, {type(hook).__name__}")
        self._manager = manager
        self._listening = {
            name for name, caller in vars(manager.hook).items() if not name.startswith("_") and caller.get_hookimpls()
        }

    @classmethod
    def of(cls, hooks: Iterable[object], disabled_plugins: Iterable[str], memo: Memo) -> HookManager:
        """Return the manager of the session before where one made now would be the same.

        Args:
            hooks: As for the class.
            disabled_plugins: As for the class.
            memo: Has it; others are let go, since their hooks hold the code that they were made of.

        Raises:
            SettingsError: As for the class.
        """
        hooks, disabled = tuple(hooks), tuple(disabled_plugins)
        # The hooks by what they are, not by what they call equal; their manager keeps the ids theirs.
        made_of = (*map(id, hooks), disabled, tuple(sys.path))
        known, manager = memo.last("hooks") or (None, None)
        if manager is None or known != made_of:
            _, manager = memo.put("hooks", (made_of, cls(hooks, disabled)))
        return manager

    def listens(self, *names: str) -> bool:
        """Whether anybody listens to one of these hooks; callers skip their preparations where nobody does."""
        return not self._listening.isdisjoint(names)

    def call(self, name: str, **arguments: Any) -> None:
        """Call a hook.

        Args:
            name: As in :mod:`ipyproject.hooks.specs`.
            arguments: All that its specification names.
        """
        if name in self._listening:
            getattr(self._manager.hook, name)(**arguments)


def _register(manager: pluggy.PluginManager, hook: object, origin: str) -> None:
    if manager.is_registered(hook):
        return
    try:
        manager.register(hook)
        manager.check_pending()
        if not manager.get_hookcallers(hook):
            raise SettingsError(
                f"{origin} has no method marked @hook_impl.", "Mark its methods, or take it out of HOOKS."
            )
    except (pluggy.PluginValidationError, ValueError) as error:
        reason = " ".join(str(error).split("\n")[-2:]).strip()
        raise SettingsError(f"{origin}: {reason}", "Mend the hook, or take it out of HOOKS.") from None


@lru_cache(maxsize=4)
def _installed_plugins(_path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Entry points of installed plugins; a scan of all distributions, so once per ``sys.path``."""
    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def _loaded(entry_point: EntryPoint) -> object:
    try:
        return entry_point.load()
    except Exception as error:
        raise SettingsError(
            f"The plugin {entry_point.value!r} can't be imported: {type(error).__name__}: {error}.",
            "Update or uninstall it, or name its distribution in DISABLE_HOOKS_FOR_PLUGINS.",
        ) from error
