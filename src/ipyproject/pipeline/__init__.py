"""Nodes, pipelines and how a project's pipelines are found."""

from ipyproject.pipeline.discovery import find_pipelines, load_pipelines
from ipyproject.pipeline.node import Node
from ipyproject.pipeline.pipeline import Pipeline
from ipyproject.pipeline.registry import PipelineRegistry
from ipyproject.pipeline.selection import Selection

__all__ = ["Node", "Pipeline", "PipelineRegistry", "Selection", "find_pipelines", "load_pipelines"]
