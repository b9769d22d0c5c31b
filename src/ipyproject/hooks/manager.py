"""Registers the hooks of a project and of installed plugins, and calls those that exist."""

from __future__ import annotations

import inspect
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any

import pluggy

from ipyproject.errors import ProjectCodeError, SettingsError, did_you_mean, format_error
from ipyproject.hooks import specs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ipyproject.memo import Memo

ENTRY_POINT_GROUP = "ipyproject.hooks"

hook_impl = pluggy.HookimplMarker("ipyproject")


class HookManager:
    """The hooks of one session.

    Args:
        hooks: Objects with methods marked by ``@hook_impl``.
        disabled_plugins: Names of installed distributions whose hooks stay out.

    Raises:
        SettingsError: An implementation is of a hook that does not exist or asks for what its hook is not given, or a
            plugin can't be imported.
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

        Raises:
            ProjectCodeError: An implementation called ``sys.exit()``.
            Exception: Whatever else an implementation raises.
        """
        if name not in self._listening:
            return
        try:
            getattr(self._manager.hook, name)(**arguments)
        except SystemExit as error:  # it would end the process, or the run, as if all had gone well
            raise ProjectCodeError(
                f"A hook {name} called sys.exit({shown(error.code)}).",
                "Let it raise an exception that says what is wrong.",
            ) from error


def _register(manager: pluggy.PluginManager, hook: object, origin: str) -> None:
    if manager.is_registered(hook):
        return
    try:
        _check_methods(manager, hook, origin)
        manager.register(hook)
        manager.check_pending()
        if not manager.get_hookcallers(hook):
            raise SettingsError(
                f"{origin} has no method marked @hook_impl.",
                "Mark its methods (from ipyproject import hook_impl), or take it out of HOOKS.",
            )
    except (pluggy.PluginValidationError, TypeError, ValueError) as error:
        raise SettingsError(f"{origin}: {format_error(error)}", "Mend the hook, or take it out of HOOKS.") from None


def _check_methods(manager: pluggy.PluginManager, hook: object, origin: str) -> None:
    """Check that each marked method implements a hook that exists, and asks for what that hook gives."""
    for method_name in dir(hook):
        marked = manager.parse_hookimpl_opts(hook, method_name)
        if marked is None:
            continue
        name = marked.get("specname") or method_name
        caller = getattr(manager.hook, name, None)
        if caller is None or caller.spec is None:
            if marked.get("optionalhook"):
                continue
            known = [each for each in vars(manager.hook) if not each.startswith("_")]
            raise SettingsError(f"{origin}: unknown hook {name!r}.", did_you_mean(name, known, "Hooks"))
        given = caller.spec.argnames
        unknown = [each for each in _asked_for(getattr(hook, method_name)) if each not in given]
        if unknown:
            raise SettingsError(
                f"{origin}: {name} asks for {', '.join(map(repr, unknown))}, which it is not given.",
                f"Take it out; {name} is given: {', '.join(given)}.",
            )


def _asked_for(method: Callable[..., Any]) -> list[str]:
    """Return the arguments that a method can't be called without."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(method).parameters.values()
    return [each.name for each in parameters if each.kind in kinds and each.default is each.empty]


@lru_cache(maxsize=4)
def _installed_plugins(_path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Entry points of installed plugins; a scan of all distributions, so once per ``sys.path``."""
    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def _loaded(entry_point: EntryPoint) -> object:
    try:
        return entry_point.load()
    except Exception as error:
        raise SettingsError(
            f"The plugin {entry_point.value!r} can't be imported: {format_error(error)}.",
            "Update or uninstall it, or name its distribution in DISABLE_HOOKS_FOR_PLUGINS.",
        ) from error
