"""Execute a project's modules anew, all or none. No IPython here."""

from ipyproject.reloading.rebinding import Rebinding, rebind
from ipyproject.reloading.snapshot import Snapshot
from ipyproject.reloading.transaction import ModuleTransaction

__all__ = ["ModuleTransaction", "Rebinding", "Snapshot", "rebind"]
