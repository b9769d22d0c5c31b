"""Configuration: the files under ``conf/``, merged and resolved, and the parameters given for one run."""

from __future__ import annotations

from ipyproject.config.loader import ConfigLoader
from ipyproject.config.parameters import PARAMS_HELP, Condition, merge_params, parse_conditions, parse_params

__all__ = ["PARAMS_HELP", "Condition", "ConfigLoader", "merge_params", "parse_conditions", "parse_params"]
