"""The hook specifications, all in one place.

An implementation names only the arguments that it needs. ``session`` is what
:class:`~ipyproject.current.SessionInfo` describes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipyproject.catalog import Catalog
    from ipyproject.current import SessionInfo
    from ipyproject.pipeline import Node, Pipeline

hook_spec = pluggy.HookspecMarker("ipyproject")


class SessionSpecs:
    """The life of a session."""

    @hook_spec
    def after_session_created(self, session: SessionInfo) -> None:
        """Called once a session exists, before its context is loaded."""

    @hook_spec
    def after_context_created(self, context: Any, session: SessionInfo) -> None:
        """Called with the context that ``session.load_context()`` made."""

    @hook_spec
    def after_catalog_created(self, catalog: Catalog, session: SessionInfo) -> None:
        """Called with the catalog, before the context that holds it exists."""

    @hook_spec
    def before_session_closed(self, session: SessionInfo) -> None:
        """Called while the session can still be used."""


class RunSpecs:
    """The life of a run."""

    @hook_spec
    def before_pipeline_run(self, run_id: str, pipeline: Pipeline, catalog: Catalog, session: SessionInfo) -> None:
        """Called before the first node."""

    @hook_spec
    def after_pipeline_run(
        self, run_id: str, run_result: Mapping[str, Any], pipeline: Pipeline, catalog: Catalog, session: SessionInfo
    ) -> None:
        """Called after the last node of a run that completed."""

    @hook_spec
    def on_pipeline_error(
        self, error: BaseException, run_id: str, pipeline: Pipeline, catalog: Catalog, session: SessionInfo
    ) -> None:
        """Called when a run stopped with an exception, which is raised afterwards."""


class NodeSpecs:
    """The life of a node in a run."""

    @hook_spec
    def before_node_run(self, node: Node, catalog: Catalog, inputs: Mapping[str, Any], session: SessionInfo) -> None:
        """Called with the data that the node is about to get."""

    @hook_spec
    def after_node_run(
        self,
        node: Node,
        catalog: Catalog,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        session: SessionInfo,
    ) -> None:
        """Called with what the node returned, before it is saved."""

    @hook_spec
    def on_node_error(
        self, error: BaseException, node: Node, catalog: Catalog, inputs: Mapping[str, Any], session: SessionInfo
    ) -> None:
        """Called when a node raised."""


class DatasetSpecs:
    """The traffic between nodes and datasets."""

    @hook_spec
    def before_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """Called before a node's input is loaded."""

    @hook_spec
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Node) -> None:
        """Called with the data of a node's input."""

    @hook_spec
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Called before a node's output is saved."""

    @hook_spec
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Called after a node's output was saved."""
