"""Execute what is stale of a project's code, and only that; all new, or all as it was."""

from ipyproject.reloading.loaded import LoadedCode
from ipyproject.reloading.rebinding import ImportedNames, Rebinding, held_modules, rebind
from ipyproject.reloading.snapshot import Snapshot
from ipyproject.reloading.transaction import ModuleTransaction

__all__ = ["ImportedNames", "LoadedCode", "ModuleTransaction", "Rebinding", "Snapshot", "held_modules", "rebind"]
