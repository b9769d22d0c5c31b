"""Configuration: the files under ``conf/``, merged and resolved, and the parameters given for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipyproject.config.parameters import PARAMS_HELP, Condition, merge_params, parse_conditions, parse_params

if TYPE_CHECKING:
    from ipyproject.config.loader import ConfigLoader

__all__ = ["PARAMS_HELP", "Condition", "ConfigLoader", "merge_params", "parse_conditions", "parse_params"]


def __getattr__(name: str) -> Any:
    # The help text of an option should not cost the loader.
    if name != "ConfigLoader":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ipyproject.config.loader import ConfigLoader

    return ConfigLoader
