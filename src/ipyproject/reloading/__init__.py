"""Execute what is stale of a project's code, and only that; all new, or all as it was."""

from ipyproject.reloading.instances import Holding
from ipyproject.reloading.load import Load
from ipyproject.reloading.loaded import LoadedCode
from ipyproject.reloading.rebinding import Lost, Rebinding, RebindingPlan, held_modules, plan_rebinding
from ipyproject.reloading.snapshot import Snapshot

__all__ = [
    "Holding",
    "Load",
    "LoadedCode",
    "Lost",
    "Rebinding",
    "RebindingPlan",
    "Snapshot",
    "held_modules",
    "plan_rebinding",
]
