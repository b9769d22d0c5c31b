"""Execute what is stale of a project's code, and only that; all new, or all as it was."""

from ipyproject.reloading.load import Load
from ipyproject.reloading.loaded import LoadedCode
from ipyproject.reloading.rebinding import ImportedNames, Rebinding, held_modules, rebind
from ipyproject.reloading.snapshot import Snapshot

__all__ = ["ImportedNames", "LoadedCode", "Load", "Rebinding", "Snapshot", "held_modules", "rebind"]
