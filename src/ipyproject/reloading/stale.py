"""Which loaded modules must be executed again. When in doubt: more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipyproject.reloading.naming import with_parents

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ipyproject.reloading.naming import NamedModules


@dataclass(frozen=True, slots=True)
class KnownModule:
    """What is known of a loaded module.

    Attributes:
        named: The modules that its source names.
        seen: Those whose import began while it was executed.
        reached: Those of which it holds something.
        is_touched: Others have changed what it holds, or may have.
    """

    named: NamedModules
    seen: Collection[str]
    reached: Collection[str]
    is_touched: bool


def stale_modules(
    modules: Mapping[str, KnownModule],
    changed: Collection[str],
    now: Mapping[str, NamedModules],
    kept: Collection[str] = (),
) -> set[str]:
    """Tell which modules are stale after some have changed.

    The changed ones; whoever names a stale one, was seen importing it, or holds something of it; modules below a stale
    package; those that others have touched, with whatever is stale; what only changed modules named that name it no
    more: nobody may import it again; and what one that is executed looks up without importing it: in a fresh process it
    may not be there yet.

    Args:
        modules: The loaded modules by name.
        changed: Names of modules whose file has changed, has come or is gone, loaded or not.
        now: What the changed ones, and those that may be executed for the first time, name now; changed ones that are
            missing are gone.
        kept: Modules that stay whatever happens.
    """
    return _Spreading(modules, changed, now, kept).spread({*changed, *_abandoned(modules, changed, now)})


class _Spreading:
    """Adds stale modules until nothing is missing."""

    def __init__(
        self,
        modules: Mapping[str, KnownModule],
        changed: Collection[str],
        now: Mapping[str, NamedModules],
        kept: Collection[str],
    ) -> None:
        self._now = now
        self._children: dict[str, list[str]] = {}
        for name in modules:
            *packages, _ = with_parents(name)
            for package in packages:
                self._children.setdefault(package, []).append(name)
        self._kept = set(kept)
        self._touched = [name for name, module in modules.items() if module.is_touched]
        self._modules = modules
        self._with_any = [name for name, module in modules.items() if module.named.anything]
        self._dependents: dict[str, list[str]] = {}
        self._below: dict[str, list[str]] = {}
        every = {*modules, *changed}
        for name, module in modules.items():
            parent = name.rpartition(".")[0]
            for other in {*(module.named.names & every), *module.seen, *module.reached, *([parent] if parent else [])}:
                self._dependents.setdefault(other, []).append(name)
            for package in module.named.below:
                self._below.setdefault(package, []).append(name)

    def spread(self, names: Iterable[str]) -> set[str]:
        names, stale = set(names), set[str]()
        pending = [*names, *self._touched, *self._with_any]
        looking = self._modules if self._may_order_differ(names) else self._now
        pending += [other for name in looking if (found := self._looked_up(name)) for other in (name, *found)]
        while pending:
            name = pending.pop()
            if name in stale or name in self._kept:
                continue
            stale.add(name)
            pending += self._dependents.get(name, ())
            for package in with_parents(name):
                pending += self._below.get(package, ())
            pending += self._looked_up(name)
        return stale & self._modules.keys()

    def _may_order_differ(self, changed: Iterable[str]) -> bool:
        """Whether modules may be imported in another order: then what is found without an import may be other."""
        known = {name: self._modules[name].named.imports for name in changed if name in self._modules}
        return any(name not in self._now or self._now[name].imports != known.get(name) for name in changed)

    def _looked_up(self, name: str) -> set[str]:
        """Return the loaded modules that a module, once it is executed, would find without importing them."""
        module = self._modules.get(name)
        sources = [self._now[name]] if name in self._now else []
        sources += [module.named] if module is not None else []
        found = {other for named in sources for other in named.looked_up & self._modules.keys()}
        return found.union(*(self._children.get(package, ()) for named in sources for package in named.below))


def _abandoned(
    modules: Mapping[str, KnownModule], changed: Collection[str], now: Mapping[str, NamedModules]
) -> set[str]:
    """Return the modules that changed ones have imported and no longer do, and that nobody else imports."""
    gone = set(changed)
    found: set[str] = set()
    pending = [name for name in changed if name in modules]
    while pending:
        name = pending.pop()
        named = now.get(name)
        before = {*modules[name].named.names, *modules[name].seen} & modules.keys()
        for other in before - found - gone:
            still = named is not None and named.has(other) and other not in named.looked_up
            if not still and not any(
                (other in module.named.names and other not in module.named.looked_up) or other in module.seen
                for holder, module in modules.items()
                if holder not in gone and holder not in found and holder != other
            ):
                found.add(other)
                pending.append(other)
    return found
