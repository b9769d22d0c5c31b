"""The table of file formats: for each type name, a loader and a saver that exist already.

Loaders and savers get an open file, so that paths, compression, remote storage and safe replacement are the same for
all formats. Their libraries are imported when they are used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from ipyproject.interrupts import whole_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Format:
    """How one type of file is read and written.

    Args:
        load: ``(file, load_args) -> data``; None for a format that is only written.
        save: ``(data, file, save_args) -> None``.
        binary: Whether the file is opened for bytes or for text (UTF-8, line ends untouched).
        save_args: Defaults of ``save_args``.
        extra: The extra of this package that brings the library.
        suffix_argument: The save argument that gets the file's suffix, for a library that can't see the name.
    """

    load: Callable[[IO[Any], dict[str, Any]], Any] | None
    save: Callable[[Any, IO[Any], dict[str, Any]], None]
    binary: bool = True
    save_args: Mapping[str, Any] = field(default_factory=dict)
    extra: str | None = None
    suffix_argument: str | None = None


def _pandas(kind: str, **save_args: Any) -> Format:
    def load(file: IO[Any], args: dict[str, Any]) -> Any:
        return getattr(whole_module("pandas"), f"read_{kind}")(file, **args)

    def save(data: Any, file: IO[Any], args: dict[str, Any]) -> None:
        _method(data, f"to_{kind}")(file, **args)

    return Format(load, save, save_args=save_args, extra="pandas")


def _standard(module: str, **options: Any) -> Format:
    """The format of a module of the standard library with the functions ``load`` and ``dump``."""

    def load(file: IO[Any], args: dict[str, Any]) -> Any:
        return import_module(module).load(file, **args)

    def save(data: Any, file: IO[Any], args: dict[str, Any]) -> None:
        import_module(module).dump(data, file, **args)

    return Format(load, save, **options)


def _load_text(file: IO[Any], args: dict[str, Any]) -> Any:
    return file.read(**args)


def _save_text(data: Any, file: IO[Any], args: dict[str, Any]) -> None:
    if not isinstance(data, str):
        raise TypeError("only a str is text")
    file.write(data, **args)


def _load_yaml(file: IO[Any], args: dict[str, Any]) -> Any:
    import yaml

    return yaml.load(file, **{"Loader": getattr(yaml, "CSafeLoader", yaml.SafeLoader), **args})  # noqa: S506


def _save_yaml(data: Any, file: IO[Any], args: dict[str, Any]) -> None:
    import yaml

    yaml.dump(data, file, **{"Dumper": getattr(yaml, "CSafeDumper", yaml.SafeDumper), **args})


def _save_figure(data: Any, file: IO[Any], args: dict[str, Any]) -> None:
    _method(data, "savefig")(file, **args)


def _method(data: Any, name: str) -> Callable[..., Any]:
    if method := getattr(data, name, None):
        return method  # type: ignore[no-any-return]
    raise TypeError(f"it has no method {name}()")


FORMATS: dict[str, Format] = {
    "json.JSONDataset": _standard("json", binary=False, save_args={"indent": 2}),
    "matplotlib.MatplotlibDataset": Format(None, _save_figure, extra="matplotlib", suffix_argument="format"),
    "pandas.CSVDataset": _pandas("csv", index=False),
    "pandas.JSONDataset": _pandas("json"),
    "pandas.ParquetDataset": _pandas("parquet"),
    "pickle.PickleDataset": _standard("pickle"),
    "text.TextDataset": Format(_load_text, _save_text, binary=False),
    "yaml.YAMLDataset": Format(_load_yaml, _save_yaml, binary=False, save_args={"sort_keys": False}),
}
