"""Load and unload the extension; unloading leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipyproject.notebook.autoload import is_starting, open_at_startup
from ipyproject.notebook.magics import ProjectMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load(shell: InteractiveShell) -> None:
    """Register the magics; where the extension was listed in a profile or given as ``--ext``, open the project too."""
    unload(shell)
    magics = ProjectMagics(shell=shell, is_starting=is_starting(shell))
    shell.register_magics(magics)
    open_at_startup(shell, magics)


def unload(shell: InteractiveShell) -> None:
    """Take the magics out again. The open session stays: its names are the user's."""
    manager = shell.magics_manager
    for instance in [item for item in shell.configurables if isinstance(item, ProjectMagics)]:
        instance.forget_events()
        for kind, names in instance.magics.items():
            for name in names:
                manager.magics[kind].pop(name, None)
                manager.lazy_magics.pop(name, None)  # a start-up file may have registered it; unloaded is unloaded
        shell.configurables.remove(instance)
    manager.registry.pop(ProjectMagics.__name__, None)
