"""Runners: how the nodes of a pipeline are executed."""

from ipyproject.runners.base import NodeOutcome, RunListener, Runner, make_runner
from ipyproject.runners.sequential import SequentialRunner

__all__ = ["NodeOutcome", "RunListener", "Runner", "SequentialRunner", "make_runner"]
