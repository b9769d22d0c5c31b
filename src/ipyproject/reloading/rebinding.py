"""Names outside the project, in a notebook, that are bound to objects of modules which were executed anew."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.imported import MISSING, SHARED, Identity, ImportedNames, attribute_of, exported_names, namespace_of
from ipyproject.reloading.instances import Holding, LeftBehind, Moves, plan_moves

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

_DEFINED = (type, FunctionType, BuiltinFunctionType)  # their ``__module__`` is where they were defined


class Home(NamedTuple):
    """A module, and an attribute of it, dotted for one within a class; no attribute for the module itself."""

    module: str
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a name is bound to still, though it is gone from the code.

    Attributes:
        home: What it was.
        identity: Which object it is.
    """

    home: Home
    identity: Identity


@dataclass(frozen=True, slots=True)
class Rebinding:
    """What was done to names; it holds none of the objects.

    Attributes:
        rebound: Names that are bound to the successor of what they were bound to.
        gone: Names whose object has no successor: they are bound to the old one still.
        moved: Names of instances, and of what holds some, that are instances of the class as it is now.
        old_instances: Names of those that Python could not move, or whose class is gone.
        lost: Every name so far whose object was gone: it may come back.
        left: Every class so far that was gone, or could not take its instances: it may come back, too.
    """

    rebound: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    old_instances: tuple[str, ...] = ()
    lost: Mapping[str, Lost] = field(default_factory=dict, repr=False, compare=False)
    left: Mapping[int, LeftBehind] = field(default_factory=dict, repr=False, compare=False)

    @property
    def lost_modules(self) -> frozenset[str]:
        """The modules of what was gone: those to be imported again if they are there again."""
        return frozenset(lost.home.module for lost in self.lost.values()) | {left.module for left in self.left.values()}


@dataclass(slots=True)
class RebindingPlan:
    """What is to be done to names: found out first, then done in one step that can't fail.

    It holds old objects; drop it when it is done.
    """

    names: MutableMapping[str, Any]
    imported: ImportedNames
    moves: Moves
    bind: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Home] = field(default_factory=dict)
    stars: dict[str, frozenset[str]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    lost: dict[str, Lost] = field(default_factory=dict)

    def apply(self) -> Rebinding:
        """Bind the names and move the instances."""
        self.names.update(self.bind)
        moved, old = self.moves.apply()
        for name, value in self.bind.items():
            self.imported.follow(name, value, self.sources.get(name))
        for module, exported in self.stars.items():
            self.imported.follow_star(module, exported)
        return Rebinding(tuple(self.bind), tuple(self.gone), moved, old, self.lost, self.moves.left)


def plan_rebinding(
    names: MutableMapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    imported: ImportedNames | None = None,
    earlier: Rebinding = Rebinding(),
    held: Iterable[Holding] = (),
) -> RebindingPlan:
    """Find out what names are to be bound to now, and which instances are to be moved to the classes of now.

    A name that was imported is bound to what importing it again would give. Any other is bound to an object of a module
    if it is that very object, or defined there; to a value that many share, such as a number or a text, only if it has
    the same name there and no code was seen that bound it. A function or a class from elsewhere is nobody's here.

    Args:
        names: The names; those that begin with ``_`` are left alone, if they were not imported.
        before: Module that was executed again or dropped -> what ``sys.modules`` held for it before.
        after: Module of the project -> what it holds now; without those that are gone.
        imported: What the names were imported from.
        earlier: What the reload before has done: what it could not rebind or move may have come back.
        held: Other objects in which instances are looked for.
    """
    imported = imported or ImportedNames()
    bound = [(name, value) for name, value in list(names.items()) if isinstance(name, str)]
    homes = _Homes(before, after, imported, bound)
    plan = RebindingPlan(names, imported, plan_moves((), before, after, earlier.left))
    for name, value in bound:
        known = earlier.lost.get(name)
        if known is not None and not _is_lost_still(name, value, known, imported):
            known = None
        found = homes.of(name, value, None if known is None else known.home)
        if not found:
            if not name.startswith("_"):
                plan.moves.take(Holding(name, value, partial(names.__setitem__, name)))
            continue
        home, successor = homes.successor(name, found)
        if successor is MISSING:
            plan.lost[name] = Lost(found[0], Identity(value))
            if known is None:
                plan.gone.append(name)
        elif successor is not value:
            plan.bind[name] = successor
            if home not in found:
                plan.sources[name] = home
    _plan_stars(plan, after)
    for holding in held:
        plan.moves.take(holding)
    return plan


def _is_lost_still(name: str, value: Any, lost: Lost, imported: ImportedNames) -> bool:
    is_shared = issubclass(type(value), SHARED) and imported.source(name, value) is None
    return lost.identity.of(value) and not (is_shared and imported.is_own(name, value))


def _plan_stars(plan: RebindingPlan, after: Mapping[str, Any]) -> None:
    """Plan to bind the names that modules imported with a star give only now, unless the user has them."""
    for module, given in plan.imported.stars():
        if module not in after:
            continue
        exported = frozenset(exported_names(after[module]))
        if exported == given:
            continue
        plan.stars[module] = exported
        for name in sorted(exported - given - plan.names.keys() - plan.bind.keys()):
            value = attribute_of(after[module], name)
            if value is not MISSING:
                plan.bind[name] = value
                plan.sources[name] = Home(module, name)


def held_modules(
    names: Mapping[str, Any],
    before: Mapping[str, Any],
    imported: ImportedNames | None = None,
    held: Iterable[Holding] = (),
) -> set[str]:
    """Return the modules of which a notebook, or a module outside the project, holds something.

    Args:
        names: The names of the notebook.
        before: Module that is to be executed again -> what ``sys.modules`` held for it before.
        imported: What the names were imported from.
        held: Other objects that may be instances of its classes.
    """
    imported = imported or ImportedNames()
    bound = [(name, value) for name, value in list(names.items()) if isinstance(name, str)]
    homes = _Homes(before, {}, imported, bound, others=True)
    found = imported.modules & before.keys()
    for name, value in bound:
        found.update(home.module for home in homes.of(name, value))
    found |= plan_moves([*(Holding(*each) for each in bound), *held], before, {}).modules
    for name, module in list(sys.modules.items()):
        if name not in before and issubclass(type(module), ModuleType):
            values = list(namespace_of(module).values())
            found.update(home.module for value in values if homes.has(value) for home in homes.of_object(value))
    return found


class _Homes:
    """Tells which modules and attributes an object was before.

    Args:
        before: Module that was executed again or dropped -> what ``sys.modules`` held for it before.
        after: Module of the project -> what it holds now.
        imported: What the names were imported from.
        names: The names and values that will be asked for.
        others: Any other object may be asked for, too.
    """

    def __init__(
        self,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        imported: ImportedNames,
        names: Iterable[tuple[str, Any]],
        *,
        others: bool = False,
    ) -> None:
        self._before = before
        self._after = after
        self._imported = imported
        self._by_id: dict[int, list[Home]] = {id(module): [Home(name)] for name, module in before.items()}
        self._by_name: dict[str, list[str]] = {}
        wanted = {id(value) for _, value in names if not issubclass(type(value), SHARED)}
        shared = {name for name, value in names if issubclass(type(value), SHARED)}
        for module in before:
            namespace = namespace_of(before[module])
            for name in shared.intersection(list(namespace)):
                self._by_name.setdefault(name, []).append(module)
            for attribute, value in list(namespace.items()):
                if (others or id(value) in wanted) and self._is_own(attribute, value):
                    self._by_id.setdefault(id(value), []).append(Home(module, attribute))

    def has(self, value: Any) -> bool:
        """Whether an object lay in one of the modules; quick, for who asks of many."""
        return id(value) in self._by_id

    def of(self, name: str, value: Any, lost: Home | None = None) -> list[Home]:
        """Return what a name's value was, the likeliest first; nothing for what is no one's.

        Args:
            name: The name.
            value: What it is bound to.
            lost: What it was, if that was gone.
        """
        source = self._imported.source(name, value)
        if source is None and name.startswith("_"):
            return []
        found = [Home(*source)] if source is not None and (source[0] in self._before or lost is not None) else []
        if lost is not None:
            found.append(lost)
        found += self.of_object(value, is_imported=source is not None)
        if not found and source is None and issubclass(type(value), SHARED):
            found = self._of_shared(name, value)
        return found

    def of_object(self, value: Any, *, is_imported: bool = False) -> list[Home]:
        """Return what an object was that is known by its identity."""
        kind = type(value)
        if issubclass(kind, SHARED):
            return []
        found = self._by_id.get(id(value))
        if found is None:
            return self._defined(value) if issubclass(kind, (type, FunctionType)) else []
        if issubclass(kind, _DEFINED):  # the module that defines it counts first
            return sorted(found, key=lambda home: home.module != value.__module__)
        if is_imported or issubclass(kind, ModuleType):
            return found
        # An object that a cell has put there need not be the module's own.
        return [home for home in found if not home.attribute or not self._imported.is_patched(home.attribute)]

    def successor(self, name: str, found: list[Home]) -> tuple[Home, Any]:
        """Return what has taken the place of an object, and where it lies; `MISSING` for what is gone."""
        first = found[0]
        stars = [
            Home(module, name)
            for module, _ in self._imported.stars()
            if module in self._after and name in exported_names(self._after[module])
        ]
        for home in (first, *stars, *found[1:]):
            value = attribute_of(self._after[home.module], home.attribute) if home.module in self._after else MISSING
            if value is not MISSING:
                return home, value
        return first, MISSING

    def _is_own(self, attribute: str, value: Any) -> bool:
        """Whether an attribute's object is the modules' own, and to be known by its identity."""
        kind = type(value)  # not isinstance(): a proxy answers for something else, or raises
        if issubclass(kind, (ModuleType, *SHARED)) or (attribute.startswith("__") and attribute.endswith("__")):
            return False
        return not issubclass(kind, _DEFINED) or value.__module__ in self._before

    def _defined(self, value: Any) -> list[Home]:
        """Return where a function or a class was defined that no module holds under a name of its own."""
        module, path = value.__module__, value.__qualname__
        if not isinstance(module, str) or module not in self._before or "<" in path:
            return []
        there = attribute_of(self._before[module], path)
        # Another tool may have bound another function there; one of its own has the module's namespace.
        is_its_own = isinstance(value, FunctionType) and value.__globals__ is namespace_of(self._before[module])
        return [Home(module, path)] if there is value or (is_its_own and isinstance(there, FunctionType)) else []

    def _of_shared(self, name: str, value: Any) -> list[Home]:
        """Return the modules that had the same value by the same name, if it is clear which one is meant."""
        found = _having(name, value, self._before, self._by_name.get(name, ()))
        if not found or self._imported.is_own(name, value):
            return []
        found += _having(name, value, self._after, self._after.keys() - self._before.keys())
        successors = {id(attribute_of(self._after.get(home.module), name)) for home in found if self._after}
        return found if len(successors) <= 1 else []


def _having(name: str, value: Any, modules: Mapping[str, Any], among: Iterable[str]) -> list[Home]:
    return [Home(module, name) for module in among if namespace_of(modules[module]).get(name, MISSING) is value]
