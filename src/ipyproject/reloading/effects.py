"""How a project's modules depend on each other, and what executing one of them may change in others."""

from __future__ import annotations

import operator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ipyproject.reloading.facts import ABSOLUTE, EVERYTHING, ITEM, How, Mutability, SourceFacts, Use
from ipyproject.reloading.imports import with_parents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from types import ModuleType

    from ipyproject.reloading.sources import SourceCache

_KEEPING_NOTHING = (
    "abc.",
    "collections.",
    "contextlib.",
    "dataclasses.",
    "datetime.",
    "enum.",
    "typing.",
    "ipyproject.",
)
_LOOKING_METHODS = frozenset(
    ["get", "items", "keys", "values", "copy", "index", "count", "union", "difference", "intersection", "issubset"]
)


@dataclass(frozen=True, slots=True)
class Traced:
    """What following some uses has found.

    Attributes:
        touched: Modules that may be written to.
        read: Module and name of what is read and may be changed by others.
        bound: Module and name of what is taken as it is, and may be another if somebody sets it.
        mutated: Module and name of what may be changed.
        patched: Module and name of what is set, or of which an attribute is set, from elsewhere.
        seen: The modules that were looked at, with the facts of each: while these are the same, so is the rest.
    """

    touched: frozenset[str]
    read: frozenset[tuple[str, str]]
    bound: frozenset[tuple[str, str]]
    mutated: frozenset[tuple[str, str]]
    patched: frozenset[tuple[str, str]]
    seen: Mapping[str, Sequence[SourceFacts]]


World = tuple[frozenset[str], frozenset[tuple[str, frozenset[str]]]]


@dataclass(slots=True)
class Memo:
    """What was found the last time, for as long as the same modules are loaded and no file has come or gone.

    Most edits change one file: nearly all that was found of the others holds.

    Attributes:
        world: The names of the loaded modules, and what they were seen to import.
        exists: Dotted name -> whether the project has such a module.
        names: Facts of a module -> the dotted names that it may depend on.
        traced: Kind of uses, module and facts -> what following them has found.
    """

    world: World | None = None
    exists: dict[str, bool] = field(default_factory=dict)
    names: dict[SourceFacts, list[str]] = field(default_factory=dict)
    traced: dict[tuple[str, str, SourceFacts], Traced] = field(default_factory=dict)

    def enter(self, world: World | None) -> None:
        """Forget all, unless the world is the one that it was found in; None is never the same."""
        if world is None or world != self.world:
            self.world = world
            self.exists, self.names, self.traced = {}, {}, {}

    def prune(self, known: AbstractSet[SourceFacts | None]) -> None:
        """Forget what was found of sources that are executed no more."""
        self.names = {facts: names for facts, names in self.names.items() if facts in known}
        self.traced = {key: traced for key, traced in self.traced.items() if key[2] in known}


class Graph:
    """The modules of a project, loaded or only there as files, and their imports.

    Args:
        loaded: The loaded ones.
        changed: Names of modules whose files changed, are gone or new.
        dynamic_imports: Module name -> names that it was seen to import.
        sources: Their sources.
        memo: What was found the last time.
    """

    def __init__(
        self,
        loaded: Mapping[str, ModuleType],
        changed: AbstractSet[str],
        dynamic_imports: Mapping[str, AbstractSet[str]],
        sources: SourceCache,
        memo: Memo,
    ) -> None:
        self.memo = memo
        self._loaded = loaded
        self._changed = changed
        self._dynamic = dynamic_imports
        self._sources = sources
        self._known = memo.exists
        self._known.update(dict.fromkeys(loaded, True))
        self._facts: dict[str, list[SourceFacts]] = {}
        self._noted: set[str] | None = None
        self._new: dict[str, SourceFacts | None] = {}
        self._children: dict[str, list[str]] = {}
        for name in loaded:
            self._children.setdefault(name.rpartition(".")[0], []).append(name)
        self._blind: set[str] = set()
        self._importers: dict[str, set[str]] = {}
        for name in self.modules():
            self._index(name)

    def modules(self) -> list[str]:
        """Return the names of the loaded modules and of the changed ones."""
        return list(dict.fromkeys([*self._loaded, *sorted(self._changed)]))

    def old(self, name: str) -> SourceFacts | None:
        """Return the facts of a loaded module as it was executed; None where they are not known."""
        known = self._sources.of_executed(name)
        if name not in self._loaded:
            return known  # one that failed, and left traces before
        return known if known is not None or name in self._changed else self.new(name)

    def new(self, name: str) -> SourceFacts | None:
        """Return the facts of a module's file as it is now; None where there is none."""
        if name not in self._new:
            known = None if name in self._changed else self._sources.of_executed(name)
            if known is None and (path := self._sources.find(name)) is not None:
                known = self._sources.of_file(name, path)
            self._new[name] = known
        return self._new[name]

    def facts(self, name: str) -> list[SourceFacts]:
        """Return the facts of a module as it was executed and as it is, without those that are not known."""
        if self._noted is not None:
            self._noted.add(name)
        known = self._facts.get(name)
        if known is None:
            old, new = self.old(name), self.new(name)
            known = [facts for facts in ([new] if old is new else [old, new]) if facts is not None]
            self._facts[name] = known
        return known

    @contextmanager
    def noting(self) -> Iterator[set[str]]:
        """Give the names of the modules whose facts are asked for in the block."""
        noted: set[str] = set()
        self._noted = noted
        try:
            yield noted
        finally:
            self._noted = None

    def exists(self, name: str) -> bool:
        """Whether the project has, or had, a module of that name."""
        if name not in self._known:
            parent = name.rpartition(".")[0]
            inside = not parent or (self.exists(parent) and self._is_package(parent))
            self._known[name] = inside and (name in self._changed or self._sources.is_there(name))
        return self._known[name]

    def children(self, name: str) -> list[str]:
        """Return the loaded modules directly in a package."""
        return self._children.get(name, [])

    def importers(self, name: str) -> set[str]:
        """Return the modules that import a name, those in a package of that name, and those that import anything.

        What lies in a package is imported after the package. Left loaded, it would be found before the package is
        executed again, and the order would be another one.
        """
        return self._importers.get(name, set()) | self._blind | set(self.children(name))

    def is_imported_without(self, target: str, name: str) -> bool:
        """Whether a module, or one in it, is imported by others than one that imports it no more."""
        below = [target, *(each for each in self._loaded if each.startswith(f"{target}."))]
        return any(self._importers.get(each, set()) - {name, *below} for each in below)

    def targets(self, name: str, facts: SourceFacts | None) -> list[str]:
        """Return the project modules that a module imports, in order; all of them where its imports are not known."""
        if facts is None or facts.imports.everything:
            return list(self._loaded)
        return [target for target in self._dependencies(name, facts) if self.exists(target)]

    def uncertain_targets(self, facts: SourceFacts) -> list[str]:
        """Return the project modules that executing a module imports or not, as it turns out."""
        if facts.imports.anything:
            return list(self._loaded)
        return [target for target in facts.imports.uncertain if self.exists(target)]

    def closure(self, names: Iterable[str]) -> set[str]:
        """Return modules and all that they import, transitively."""
        found: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += [target for facts in self.facts(name) for target in self.targets(name, facts)]
        return found

    def split(self, parts: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        """Split a dotted name into the longest module of the project and attributes; None for one outside."""
        module = None
        for length, name in enumerate(with_parents(".".join(parts)), start=1):
            if not self.exists(name):
                break
            module = (name, parts[length:])
        return module

    def _is_package(self, name: str) -> bool:
        module: Any = self._loaded.get(name)
        if module is not None and name not in self._changed:
            return hasattr(module, "__path__")
        return True

    def _index(self, name: str) -> None:
        known = self.facts(name)
        unknown = not known or (name in self._loaded and self.old(name) is None)
        is_namespace = name in self._loaded and getattr(self._loaded[name], "__file__", None) is None
        if unknown and name in self._loaded and not is_namespace:
            self._blind.add(name)
        for facts in known:
            if facts.imports.everything:
                self._blind.add(name)
            for target in self._dependencies(name, facts):
                self._importers.setdefault(target, set()).add(name)

    def _dependencies(self, name: str, facts: SourceFacts) -> list[str]:
        if facts not in self.memo.names:
            self.memo.names[facts] = list(self._names(name, facts))
        return self.memo.names[facts]

    def _names(self, name: str, facts: SourceFacts) -> Iterator[str]:
        """Dotted names that a module may depend on: imported ones, and attributes of packages that it uses."""
        yield from facts.imports.names
        for star in facts.imports.stars:
            yield from self.children(star)
        for used in (facts.executed, *facts.definitions.values()):
            for use in used:
                for target in facts.imports.bound.get(use.chain[0], ()):
                    if target.partition(".")[0] in self._loaded and self.children(target):
                        yield from self._below(target, use.chain[1:])
        yield from self._dynamic.get(name, ())

    def _below(self, package: str, attributes: tuple[str, ...]) -> Iterator[str]:
        if not attributes:
            yield from (name for name in self._loaded if name.startswith(f"{package}."))
        for attribute in attributes:
            package = f"{package}.{attribute}"
            yield package


class Effects:
    """What executing modules may change, followed from name to name through the project's definitions.

    Args:
        graph: The project's modules.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._of_execution: dict[tuple[str, int], set[str]] = {}
        self._mutated: set[tuple[str, str]] | None = None
        self._patched: set[tuple[str, str]] = set()
        self._lists_subclasses = any(facts.lists_subclasses for name in graph.modules() for facts in graph.facts(name))

    def of_execution(self, name: str, facts: SourceFacts) -> set[str]:
        """Return the modules that executing a module may write to, or whose changing state it reads."""
        key = (name, id(facts))
        if key not in self._of_execution:
            self._of_execution[key] = self.of(name, facts, facts.executed, "executed")
        return self._of_execution[key]

    def has_any(self, name: str) -> bool:
        """Whether executing a module, as it was or as it is, may change others or reads what changes."""
        return any(self.of_execution(name, facts) - {name} for facts in self._graph.facts(name))

    def of(self, name: str, facts: SourceFacts, uses: Iterable[Use], kind: str) -> set[str]:
        """Return the modules that some uses in a module may write to, or whose changing state they read.

        Args:
            name: The module in which they stand.
            facts: Its facts.
            uses: The uses.
            kind: Which of the module's uses they are: of one module and one kind they are always the same.
        """
        traced = self._traced(name, facts, uses, kind)
        touched = set(traced.touched)
        if traced.read:
            touched |= {module for module, attribute in traced.read & self._mutated_names()}
        if traced.bound:
            touched |= {module for module, attribute in traced.bound & self._patched_names()}
        return touched

    def _traced(self, name: str, facts: SourceFacts, uses: Iterable[Use], kind: str) -> Traced:
        memo, key = self._graph.memo, (f"{kind} {self._lists_subclasses}", name, facts)
        traced = memo.traced.get(key)
        if traced is None or not self._holds(traced):
            with self._graph.noting() as noted:
                trace = _Trace(self._graph, lists_subclasses=self._lists_subclasses and kind != "inner")
                trace.follow(name, facts, uses)
            seen = {module: self._graph.facts(module) for module in noted}
            traced = Traced(
                frozenset(trace.touched),
                frozenset(trace.read),
                frozenset(trace.bound),
                frozenset(trace.mutated),
                frozenset(trace.patched),
                seen,
            )
            memo.traced[key] = traced
        return traced

    def _holds(self, traced: Traced) -> bool:
        for module, known in traced.seen.items():
            now = self._graph.facts(module)
            if now is not known and (len(now) != len(known) or any(map(operator.is_not, now, known))):
                return False
        return True

    def _mutated_names(self) -> set[tuple[str, str]]:
        """Names of all modules whose content some code of the project may change after they were bound."""
        if self._mutated is None:
            self._mutated = set()
            for name in self._graph.modules():
                for facts in self._graph.facts(name):
                    traced = self._traced(name, facts, _later_uses(facts), "inner")
                    self._mutated |= traced.mutated
                    self._patched |= traced.patched
                    self._mutated |= {(name, rebound) for rebound in facts.rebound}
        return self._mutated

    def _patched_names(self) -> set[tuple[str, str]]:
        """Names of all modules that some code of the project sets from elsewhere, or whose attributes it sets."""
        self._mutated_names()
        return self._patched


def _later_uses(facts: SourceFacts) -> list[Use]:
    """Uses of what other modules hold, and those in functions, that may change something."""
    foreign = [use for use in facts.executed if use.chain[0] in facts.imports.bound]
    inner = [use for uses in facts.definitions.values() for use in uses]
    return [use for use in (*foreign, *inner) if use.how > How.READ]


class _Trace:
    """Follows uses of names through modules, functions and assignments."""

    def __init__(self, graph: Graph, *, lists_subclasses: bool) -> None:
        self.touched: set[str] = set()
        self.read: set[tuple[str, str]] = set()
        self.mutated: set[tuple[str, str]] = set()
        self.bound: set[tuple[str, str]] = set()
        self.patched: set[tuple[str, str]] = set()
        self._graph = graph
        self._lists_subclasses = lists_subclasses
        self._seen: set[tuple[str, int, tuple[str, ...], How]] = set()
        self._pending: list[tuple[str, SourceFacts, Use]] = []

    def follow(self, name: str, facts: SourceFacts, uses: Iterable[Use]) -> None:
        self._push(name, facts, uses)
        while self._pending:
            name, facts, use = self._pending.pop()
            key = (name, id(facts), use.chain, use.how)
            if key not in self._seen:
                self._seen.add(key)
                self._use(name, facts, use)

    def _push(self, name: str, facts: SourceFacts, uses: Iterable[Use], least: How = How.BIND) -> None:
        self._pending += [(name, facts, Use(use.chain, max(use.how, least))) for use in uses]

    def _use(self, name: str, facts: SourceFacts, use: Use) -> None:
        root, how = use.chain[0], use.how
        if use.chain == EVERYTHING:
            self._reach(self._graph.modules())
            return
        if root == ABSOLUTE:
            self._global(use.chain[1:], how)
            return
        if root in facts.definitions:
            self._definition(name, facts, use)
        if root in facts.assigned:
            self._assigned(name, facts, use)
        for target in facts.imports.bound.get(root, ()):
            self._global((*target.split("."), *use.chain[1:]), how)
        if not facts.binds(root) and root not in facts.imports.bound:
            for star in facts.imports.stars:
                self._global((*star.split("."), *use.chain), how, from_star=True)

    def _definition(self, name: str, facts: SourceFacts, use: Use) -> None:
        root, how = use.chain[0], use.how
        self.bound.add((name, root))
        if how <= How.READ:
            return
        if how is How.STORE:
            self.patched.add((name, root))
        registers = "register" in use.chain[1:] or self._is_kept_elsewhere(facts.bases.get(root, ()))
        if root in facts.state or how >= How.ESCAPE or self._lists_subclasses or registers:
            self.touched.add(name)
            self.mutated.add((name, root))
        self._push(name, facts, facts.definitions[root])

    def _is_kept_elsewhere(self, bases: Iterable[str]) -> bool:
        """Whether a class is derived from one of a library that may keep a list of those derived from it."""
        return any(
            not base.startswith(_KEEPING_NOTHING) and self._graph.split(tuple(base.split("."))) is None
            for base in bases
        )

    def _assigned(self, name: str, facts: SourceFacts, use: Use) -> None:
        root, how = use.chain[0], use.how
        mutability = facts.state.get(root)
        if _only_looks(use, mutability):
            how = How.READ
        self.bound.add((name, root))
        if how is How.BIND:
            if root in facts.rebound:
                self.touched.add(name)
            return
        if how is How.READ:
            self.read.add((name, root))
            if mutability is Mutability.UNKNOWN:
                self.touched.add(name)
        elif mutability is not None or how is How.STORE:
            self.touched.add(name)
            self.mutated.add((name, root))
        self._push(name, facts, facts.assigned[root], how)

    def _global(self, parts: tuple[str, ...], how: How, *, from_star: bool = False) -> None:
        found = self._graph.split(parts)
        if found is None:
            return
        module, attributes = found
        if not attributes:
            if how > How.READ:
                self._reach(self._graph.closure([module]))
            if how > How.CALL:
                self.touched.add(module)
            return
        if how is How.STORE:
            self.patched.add((module, attributes[0]))
            if len(attributes) == 1:
                self.touched.add(module)
                self.mutated.add((module, attributes[0]))
        for facts in self._graph.facts(module):
            first = attributes[0]
            if facts.binds(first) or first in facts.imports.bound or (facts.imports.stars and not from_star):
                self._push(module, facts, [Use(attributes, how)])
            elif not from_star and (how > How.READ or facts.binds("__getattr__")):
                self._reach(self._graph.closure([module]))

    def _reach(self, names: Iterable[str]) -> None:
        for name in names:
            for facts in self._graph.facts(name):
                if facts.state:
                    self.touched.add(name)
                    self.mutated.update((name, attribute) for attribute in facts.state)


def _only_looks(use: Use, mutability: Mutability | None) -> bool:
    """Whether a use of a list, dict or set leaves it, and what is in it, as it is."""
    if len(use.chain) < 2 or mutability in {None, Mutability.UNKNOWN}:  # noqa: PLR2004
        return False
    if mutability is Mutability.FLAT and use.how < How.STORE:
        return use.chain[1] == ITEM or use.chain[1] in _LOOKING_METHODS
    return use.how is How.CALL and use.chain[1] in _LOOKING_METHODS
