"""Execute what is stale of a project's code, and only that; all new, or all as it was."""

from ipyproject.reloading.instances import Holding
from ipyproject.reloading.loaded import LoadedCode
from ipyproject.reloading.rebinding import Lost, Rebinding, RebindingPlan, held_modules, plan_rebinding, rebind
from ipyproject.reloading.snapshot import Snapshot
from ipyproject.reloading.transaction import ModuleTransaction

__all__ = [
    "Holding",
    "LoadedCode",
    "Lost",
    "ModuleTransaction",
    "Rebinding",
    "RebindingPlan",
    "Snapshot",
    "held_modules",
    "plan_rebinding",
    "rebind",
]
