"""The command line; each command is imported when it is called."""

from ipyproject.cli.app import main

__all__ = ["main"]
