"""The library components of a session: what its project, environment and configuration come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipyproject.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ipyproject.config import ConfigLoader
    from ipyproject.project import Project


@dataclass(frozen=True, slots=True)
class Context:
    """Frozen; a change of input makes a new one.

    Attributes:
        project: The project.
        env: The environment in force.
        params: The resolved parameters, the session's extra ones included.
        config: Kind -> merged and resolved configuration: ``context.config["spark"]``.
        catalog: The live catalog.
    """

    project: Project
    env: str
    params: Mapping[str, Any]
    config: ConfigLoader
    catalog: Catalog

    def __repr__(self) -> str:
        return f"Context(project={self.project.project_name!r}, env={self.env!r}, {len(self.params)} parameters)"


def build_catalog(config: ConfigLoader, root: Path) -> Catalog:
    """Build the catalog that a configuration describes.

    Args:
        config: Gives ``catalog``, ``credentials`` and ``parameters``.
        root: Relative paths of datasets start here.

    Raises:
        CatalogError: A definition is not understood.
        ConfigError: A file can't be read.
    """
    definitions = config["catalog"]
    origins = {name: origin for name in definitions if (origin := config.origin("catalog", name)) is not None}
    return Catalog.from_config(
        definitions,
        credentials=config["credentials"],
        params=config["parameters"],
        project_root=root,
        origins=origins,
    )
