"""Hooks: what plugins and projects may listen to. ``@hook_impl`` marks an implementation."""

from ipyproject.hooks.manager import HookManager, hook_impl

__all__ = ["HookManager", "hook_impl"]
