"""The configuration of one env, by kind: ``loader["parameters"]``, ``loader["catalog"]``, ``loader["spark"]``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.config.interpolation import Kind, Resolved, resolve_references
from ipyproject.config.layers import (
    MISSING_MARK,
    RUNTIME_MARK,
    Layer,
    Layers,
    is_template,
    locate,
    merge_layers,
)
from ipyproject.config.lookups import GlobalsLookup, RuntimeLookup
from ipyproject.config.parameters import merge_params
from ipyproject.config.paths import MISSING_VALUE, KeyPath, copy_data, dotted, is_same_data, leaves
from ipyproject.config.references import References
from ipyproject.config.source import open_source
from ipyproject.errors import ConfigError, UnknownEnvError, did_you_mean
from ipyproject.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from pathlib import Path

    from ipyproject.config.source import ConfSource

STANDARD_KINDS = ("parameters", "catalog", "credentials", "globals")
_KIND_NAME = re.compile(r"\w[\w.-]*")


class _Read(NamedTuple):
    """A kind as it was read, and what its resolved values depend on.

    Attributes:
        stack: Its layers.
        extra_params: The extra parameters then.
        references: Which of its values hold references.
        globals: The globals that a reference asked for; None where none did.
        variables: The environment variables that references have used; they are looked for in credentials only.
        resolved: The result.
    """

    stack: Sequence[Layer]
    extra_params: Mapping[str, Any]
    references: References
    globals: Mapping[Any, Any] | None
    variables: frozenset[str]
    resolved: Resolved


class ConfigLoader(Mapping[str, dict[Any, Any]]):
    """A mapping from kind to that kind's configuration: ``conf/base``, with ``conf/<env>`` over it, resolved.

    Parameters merge deeply; of every other kind the env's top-level keys replace those of the base whole. Top-level
    keys that begin with ``_`` are templates: references see them, the result does not hold them. Each file is read
    once, when its kind is first asked for. What ``loader[kind]`` returns is a fresh copy, the caller's to change.

    A loader made after another one gives what it would give without it, in less time: a file that holds the same is not
    parsed again, and a kind that comes to the same is the very same object (see :meth:`resolved`).
    References are resolved anew where a resolver could give another value.

    Args:
        conf_source: The conf folder, or a ``.zip`` or ``.tar.gz`` of one.
        env: The folder over the base; `default_env` when None.
        base_env: The folder that is always read.
        default_env: The env in force when none is named; its folder need not exist.
        patterns: File patterns of a kind, in place of ``<kind>*``, ``<kind>*/**`` and ``**/<kind>*``; relative to the
            env folder, without suffix.
        resolvers: Functions behind ``${name:...}`` references, beside OmegaConf's own, `globals` and `runtime_params`.
        extra_params: Merged deeply over the parameters, before references are resolved.
        memo: What loaders before have made, of whatever conf source and env.
        files: Stands for the files of the conf source as they are: the caller knows that none was added, changed or
            removed since a loader was made with an equal one. What such a loader has read of `STANDARD_KINDS` is not
            looked at again.

    Raises:
        ConfigError: The conf source or its base folder is not there.
        UnknownEnvError: It has no folder for `env`.
    """

    def __init__(
        self,
        conf_source: Path,
        *,
        env: str | None = None,
        base_env: str = "base",
        default_env: str = "local",
        patterns: Mapping[str, Sequence[str]] | None = None,
        resolvers: Mapping[str, Callable[..., Any]] | None = None,
        extra_params: Mapping[str, Any] | None = None,
        memo: Memo | None = None,
        files: Hashable = None,
    ) -> None:
        self.conf_source = conf_source.absolute()
        self.env = default_env if env is None else env
        self._base_env = base_env
        self._patterns = {kind: tuple(globs) for kind, globs in (patterns or {}).items()}
        self._resolvers = dict(resolvers or {})
        self._extra_params = merge_params({}, extra_params or {})
        self._kinds: dict[str, _Read] = {}
        self._memo = memo if memo is not None else Memo()
        stamp = None if files is None else (self.conf_source, base_env, files)
        self._source, self._tops = self._opened(stamp)
        self._layers = Layers(
            self._source,
            self._folders(default_env),
            self._patterns,
            self._memo,
            stamp=stamp,
            stamped=STANDARD_KINDS,  # another kind may have been read at any time since
        )

    def _opened(self, stamp: Hashable) -> tuple[ConfSource, list[str]]:
        """The conf source and its folders; an archive known to be the same is not opened again."""
        known: tuple[Hashable, ConfSource, list[str]] | None = self._memo.last("source")
        if known is None or stamp is None or known[0] != stamp:
            source = open_source(self.conf_source, self._base_env)
            known = self._memo.put("source", (stamp, source, source.folders()))
        return known[1:]

    def _folders(self, default_env: str) -> list[str]:
        if self.env in self._tops:
            return list(dict.fromkeys((self._base_env, self.env)))
        if self.env == default_env and _is_folder_name(self.env):
            return [self._base_env]  # a fresh clone has no conf/local
        raise UnknownEnvError(
            f"The conf source {self.conf_source} has no env {self.env!r}.",
            did_you_mean(self.env, {*self.known_envs(), default_env}, "Known envs"),
        )

    def known_envs(self) -> list[str]:
        """Return the names of the envs that have a folder, sorted."""
        return [folder for folder in self._source.folders() if folder != self._base_env]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.conf_source)!r}, env={self.env!r})"

    def __getitem__(self, kind: str) -> dict[Any, Any]:
        """Return a kind's configuration, a fresh copy.

        Raises:
            ConfigError: A file or a reference can't be read, or no file is of that kind.
        """
        return dict(copy_data(self.resolved(kind)))

    def resolved(self, kind: str) -> Mapping[Any, Any]:
        """Return a kind's configuration itself, not a copy: it is shared with other loaders and must not be changed.

        Raises:
            ConfigError: As for ``loader[kind]``.
        """
        return self._read(kind).resolved.values

    def variables(self) -> frozenset[str]:
        """Return the names of the environment variables that references in credentials, as ``${oc.env:NAME}``, use.

        Raises:
            ConfigError: As for ``loader["credentials"]``.
        """
        return self._read("credentials").variables

    def __contains__(self, kind: object) -> bool:
        """Tell whether the kind is one of the standard ones, or has a file."""
        if not isinstance(kind, str) or not _KIND_NAME.fullmatch(kind):
            return False
        return kind in STANDARD_KINDS or self._layers.has_files(kind)

    def __iter__(self) -> Iterator[str]:
        """Yield the standard kinds, then those of `patterns` that have a file."""
        return (kind for kind in dict.fromkeys((*STANDARD_KINDS, *self._patterns)) if kind in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, kind: str, default: Any = None) -> Any:
        """Return a kind's configuration, or `default` when no file is of that kind."""
        return self[kind] if kind in self else default  # noqa: SIM401 - that would call itself

    def origin(self, kind: str, key: Any) -> str | None:
        """Return the file that gave a top-level key, as in ``conf/local/catalog.yml``; None when no file has it."""
        return locate(self._layers.stack(kind).layers, (key,))

    def origins(self, kind: str) -> Mapping[Any, str]:
        """Return the file that gave each top-level key, templates included; shared, and not to be changed.

        Raises:
            ConfigError: A file can't be read.
        """
        return self._layers.stack(kind).origins

    def file_hashes(self, kind: str) -> dict[str, str]:
        """Return each file of a kind with the beginning of its SHA-256: ``conf/base/parameters.yml`` -> 16 digits.

        Raises:
            ConfigError: A file can't be read.
        """
        return {name: digest for layer in self._layers.stack(kind).layers for name, digest in layer.hashes.items()}

    @property
    def extra_params(self) -> dict[str, Any]:
        """The parameters merged over those of the files, nested; a fresh copy."""
        return merge_params({}, self._extra_params)

    def with_extra_params(self, extra: Mapping[str, Any]) -> ConfigLoader:
        """Return a loader of the same files, with `extra` merged deeply over this one's extra parameters."""
        other = copy(self)
        other._extra_params = merge_params(self._extra_params, extra)  # noqa: SLF001 - one of this class
        other._memo = self._memo.apart()  # noqa: SLF001
        other._kinds = {  # noqa: SLF001
            kind: read
            for kind, read in self._kinds.items()
            if kind != "parameters" and not _marked(read.stack, RUNTIME_MARK)
        }
        return other

    def _read(self, kind: str) -> _Read:
        read = self._kinds.get(kind)
        if read is None:
            if kind not in self:
                looked_for = ", ".join(self._layers.patterns(kind)) if _KIND_NAME.fullmatch(kind) else "nothing"
                raise ConfigError(
                    f"No configuration of the kind {kind!r} in {self.conf_source} (looked for {looked_for}).",
                    "Add such a file (.yml, .yaml, .json, .toml), or its patterns to CONFIG in settings.py.",
                )
            stack = self._layers.stack(kind).layers
            earlier: _Read | None = self._memo.last(("kind", kind))
            if earlier is not None and self._gives_the_same(kind, earlier, stack):
                read = earlier
            else:
                read = self._resolve(kind, stack, earlier)
            self._kinds[kind] = self._memo.put(("kind", kind), read)
        return read

    def _gives_the_same(self, kind: str, earlier: _Read, stack: Sequence[Layer]) -> bool:
        """Tell whether resolving a kind could give nothing but what it gave before."""
        if stack is not earlier.stack:
            return False
        if not earlier.references.keys:
            return kind != "parameters" or is_same_data(earlier.extra_params, self._extra_params)
        return not earlier.references.unsteady and self._looks_up_the_same(earlier)

    def _looks_up_the_same(self, earlier: _Read) -> bool:
        """Tell whether the references to globals and to the extra parameters lead to what they led to before."""
        if not is_same_data(earlier.extra_params, self._extra_params):
            return False
        try:
            return earlier.globals is None or self.resolved("globals") is earlier.globals
        except ConfigError:
            return False  # said by the reference that asks for them

    def _resolve(self, kind: str, files: Sequence[Layer], earlier: _Read | None) -> _Read:
        stack = files
        if kind == "parameters" and self._extra_params:
            stack = [*files, _runtime_layer(self._extra_params)]

        def origin(path: KeyPath) -> str:
            # A path through a reference stands in no file; what it begins with does.
            return locate(stack, path) or locate(stack, path[:1]) or kind

        values = merge_layers(stack, deep=kind == "parameters")
        wanted = [key for key in values if not is_template(key)]
        if _marked(stack, MISSING_MARK):
            _refuse_missing({key: values[key] for key in wanted}, origin)
        references = References.among(layer.references for layer in stack)
        asked: list[Mapping[Any, Any]] = []
        variables: set[str] = set()
        if references.keys:
            runtime = RuntimeLookup(None if kind == "globals" else self._extra_params)

            def read_globals() -> Mapping[Any, Any]:
                if kind == "globals":
                    raise ConfigError("globals refer to each other by ${key}, not ${globals:key}")
                asked[:] = [self.resolved("globals")]
                return asked[0]

            resolvers: dict[str, Callable[..., Any]] = {
                **self._resolvers,
                "globals": GlobalsLookup(read_globals),
                "runtime_params": runtime,
            }
            if kind == "credentials":
                resolvers["oc.env"] = _noting(variables, resolvers.get("oc.env"))
            check = runtime.refuse_class if kind == "catalog" else (lambda *_: None)
            known = earlier.resolved if earlier is not None and self._looks_up_the_same(earlier) else None
            resolved = resolve_references(values, Kind(resolvers, origin, check), wanted, references, known)
            if known is not None and earlier is not None and not asked and earlier.globals is not None:
                asked.append(earlier.globals)  # by what was taken over
        else:
            resolved = Resolved({key: values[key] for key in wanted}, values, {})
        if earlier is not None:
            resolved = resolved._replace(values=_same_objects(earlier.resolved.values, resolved.values))
        return _Read(files, self._extra_params, references, asked[0] if asked else None, frozenset(variables), resolved)


def _noting(names: set[str], read: Callable[..., Any] | None) -> Callable[..., Any]:
    """Return OmegaConf's resolver ``oc.env``, or the project's own of that name, that notes what it is asked for."""

    def env(name: Any, *default: Any) -> Any:
        from omegaconf.resolvers import oc

        names.add(str(name))
        return (read or oc.env)(name, *default)

    return env


def _is_folder_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and not set(name) & set("/\\\0")


def _runtime_layer(extra_params: Mapping[str, Any]) -> Layer:
    values = dict(extra_params)
    origins = dict.fromkeys(extra_params, "the parameters given at run time")
    return Layer(values, origins, frozenset({MISSING_MARK}), References.of(values))


def _marked(stack: Sequence[Layer], mark: bytes) -> bool:
    return any(mark in layer.marks for layer in stack)


def _same_objects(before: dict[Any, Any], now: dict[Any, Any]) -> dict[Any, Any]:
    """Return `before` if it is the same data as `now`, else `now` with those values of `before` that are."""
    try:
        same = {
            key: before[key]
            for key, value in now.items()
            if key in before and (before[key] is value or is_same_data(before[key], value))
        }
        if len(same) == len(now) == len(before) and is_same_data(list(before), list(now)):
            return before
    except RecursionError:  # nested as deeply as can just be read
        return now
    return {**now, **same}


def _refuse_missing(values: Mapping[Any, Any], origin: Callable[[KeyPath], str]) -> None:
    for path, value in leaves(values):
        if isinstance(value, str) and value == MISSING_VALUE:
            raise ConfigError(
                f"{origin(path)}: {dotted(path)} has no value yet ({MISSING_VALUE!r}).",
                "Give it one in a file of the env in force, or, for a parameter, with --params.",
            )
