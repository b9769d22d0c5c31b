"""Configuration: the files under ``conf/``, merged and resolved, and the parameters given for one run."""

from __future__ import annotations

from ipyproject.config.loader import ConfigLoader
from ipyproject.config.parameters import PARAMS_HELP, merge_params, parse_params

__all__ = ["PARAMS_HELP", "ConfigLoader", "merge_params", "parse_params"]
