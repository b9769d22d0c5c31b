"""What is told of a module by its source alone: which names it uses, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from ipyproject.reloading.imports import Imports


class How(IntEnum):
    """How a name is used; the greater, the more may happen to what it stands for."""

    BIND = 0
    """Imported by name: another name for it."""
    READ = 1
    CALL = 2
    """Called, subclassed, or used as a decorator."""
    CALL_AND_KEEP = 3
    """Called, and something is done with the result, which may be state."""
    ESCAPE = 4
    """Handed to code that may do anything to it."""
    STORE = 5
    """Something is assigned into it or deleted from it."""


class Mutability(IntEnum):
    """What a name of module level holds, if it can change."""

    UNKNOWN = 0
    NESTED = 1
    """A list, dict or set."""
    FLAT = 2
    """One of constants: what is taken out of it can't change."""


ITEM = "[]"
"""Stands in a chain for what is taken out of a container."""
EVERYTHING = ("*",)
"""Stands for whatever a dynamic import may bring."""
ABSOLUTE = ""
"""First part of a use whose other parts are an absolute module name and attributes."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a name and its attributes, such as ``("registry", "add")``."""

    chain: tuple[str, ...]
    how: How


@dataclass(slots=True, eq=False)
class SourceFacts:
    """What the source of one module tells without executing it. Read once per content, and compared by identity.

    Attributes:
        imports: Its imports.
        executed: Uses while it is imported: of module level, class bodies, decorators, defaults.
        definitions: Functions and classes of module level -> uses in their bodies.
        assigned: Other names of module level -> uses in what was assigned.
        state: Names of module level that hold something mutable -> what it is.
        rebound: Names that its functions declare global.
        lists_subclasses: It asks a class for its subclasses.
        bases: Classes of module level -> imported names that they are derived from.
    """

    imports: Imports = field(default_factory=Imports)
    executed: set[Use] = field(default_factory=set)
    definitions: dict[str, set[Use]] = field(default_factory=dict)
    assigned: dict[str, set[Use]] = field(default_factory=dict)
    state: dict[str, Mutability] = field(default_factory=dict)
    rebound: set[str] = field(default_factory=set)
    lists_subclasses: bool = False
    bases: dict[str, set[str]] = field(default_factory=dict)

    def binds(self, name: str) -> bool:
        """Whether a name is bound at module level by other than an import."""
        return name in self.definitions or name in self.assigned
