"""The pipelines of a project by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ipyproject.pipeline.pipeline import Pipeline


class PipelineRegistry(Mapping[str, Pipeline]):
    """Name -> pipeline, ``__default__`` among them; read-only."""

    def __init__(self, pipelines: Mapping[str, Pipeline]) -> None:
        self._pipelines = dict(pipelines)

    def __getitem__(self, name: str) -> Pipeline:
        return self._pipelines[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pipelines)

    def __len__(self) -> int:
        return len(self._pipelines)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._pipelines)

    def __repr__(self) -> str:
        width = max(map(len, self._pipelines), default=0)
        return "\n".join(f"{name:<{width}}  {pipeline!r}" for name, pipeline in self._pipelines.items())
