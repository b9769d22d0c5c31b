"""The library components of a session: what its project, environment and configuration come to."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ipyproject.catalog import Catalog
from ipyproject.config.paths import copy_data
from ipyproject.errors import FrozenContextError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from ipyproject.config import ConfigLoader
    from ipyproject.project import Project


_SCALARS = frozenset({str, int, float, bool, type(None)})


class FrozenParams(dict[str, Any]):
    """Parameters as a dict that can't be changed by accident; copies of it can.

    Lists in it can be changed, so it has copies of those that it is given.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        for key, value in params.items():
            if type(value) not in _SCALARS:
                super().__setitem__(key, FrozenParams(value) if isinstance(value, dict) else copy_data(value))

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("The parameters of a context are read-only: give extra_params to the session or to a run.")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


@dataclass(frozen=True, slots=True)
class Context:
    """Frozen; a change of input makes a new one.

    Attributes:
        project: The project.
        env: The environment in force.
        params: The resolved parameters, the session's extra ones included.
        config: Kind -> merged and resolved configuration: ``context.config["spark"]``.
        catalog: The live catalog.

    Raises:
        FrozenContextError: An attribute is set or deleted.
    """

    project: Project
    env: str
    params: FrozenParams
    config: ConfigLoader
    catalog: Catalog

    def __repr__(self) -> str:
        return f"Context(project={self.project.project_name!r}, env={self.env!r}, parameters={len(self.params)})"


def _refuse_to_change(_: Context, name: str, *__: Any) -> NoReturn:
    raise FrozenContextError(
        f"The context is frozen: its attribute {name!r} can't be set or deleted.",
        "Keep what belongs to a session under its session_id in an object of your own, and put it on record with "
        "session.log(...); another value of what it has comes from conf, env or extra_params.",
    )


# After the decorator, which would refuse them: its own say neither why nor what to do instead.
Context.__setattr__ = Context.__delattr__ = _refuse_to_change  # type: ignore[method-assign, assignment]


def build_catalog(
    config: ConfigLoader, root: Path, *, live: Catalog | None = None, replaced_modules: Collection[str] = ()
) -> Catalog:
    """Build the catalog that a configuration describes.

    Args:
        config: Gives ``catalog``, ``credentials`` and ``parameters``.
        root: Relative paths of datasets start here.
        live: The catalog before: what it holds in memory is kept where the definition is the same.
        replaced_modules: Modules executed since then; datasets whose classes they define are made anew.

    Raises:
        CatalogError: A definition is not understood.
        ConfigError: A file can't be read.
    """
    definitions = config.resolved("catalog")
    parts: dict[str, Any] = {
        "credentials": config.resolved("credentials"),
        "params": config.resolved("parameters"),
        "origins": config.origins("catalog"),
    }
    if live is not None:
        return live.with_definitions(definitions, replaced_modules=replaced_modules, **parts)
    return Catalog.from_config(definitions, project_root=root, **parts)
