"""``${...}`` references, resolved as OmegaConf does: by it, but for those that need no parser.

Making OmegaConf's objects is slow, so it is handed only the top-level values that some reference names; the text of a
reference elsewhere is evaluated beside them, one at a time.
"""

from __future__ import annotations

import inspect
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.config.explanation import Explanation
from ipyproject.config.limits import (
    MAX_DEPTH,
    MAX_EVALUATIONS,
    MAX_INNER,
    MAX_REFERENCE,
    MAX_REFERENCES,
    MAX_REFERRING,
    TOO_DEEP,
    Allowance,
    ExcessError,
    excess,
)
from ipyproject.config.paths import KeyPath, copy_data, dotted, follow, is_same_data, leaves, split_path
from ipyproject.config.references import has_reference, referring_texts
from ipyproject.config.simple_references import SimpleReferences, UnusualReferenceError, named_keys
from ipyproject.errors import ConfigError, shortened
from ipyproject.forks import fork_safe_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ipyproject.config.references import References

_LOCK = fork_safe_lock()
# A reference within a reference, an escaped or a quoted key: which names it reaches can't be read off the text.
_COMPUTED = re.compile(r"\$\{[^}]*(?:\$\{|[\\'\"])")
_RELATIVE = re.compile(r"\$\{(?:[^}]*[:,\s])?\.")
_RESOLVER = re.compile(r"\$\{\s*([\w.-]+)\s*:")
_BRACKET = re.compile(r"[\[{]")
_UNCLOSED = re.compile(r"\$\{[^}]*")
_NAME = re.compile(r"[^\s.:,$(){}\[\]]+")
# OmegaConf's own resolvers that look at nothing but their arguments and the keys named in them.
_NAMING_RESOLVERS = frozenset({"oc.env", "oc.select", "oc.dict.keys", "oc.dict.values", "oc.deprecated", "oc.coerce"})
_TREE_ARGUMENTS = frozenset({"_root_", "_parent_", "_node_"})
_SCRATCH = "\0"
_LONG = 10_000  # characters of a text that count when it is referred to
_COST = 3  # of a value in OmegaConf's objects, over that of a plain one
_NESTED = "references lead from one to the next, or stand within each other, too often"


class Kind(NamedTuple):
    """What a kind's references are resolved with.

    Attributes:
        resolvers: The functions behind ``${name:...}``, beside OmegaConf's own.
        locate: Returns the file that a value came from, for messages.
        check: Called with the path and value of each reference that a resolver may have had a part in; may refuse it
            with a ConfigError.
    """

    resolvers: Mapping[str, Callable[..., Any]]
    locate: Callable[[KeyPath], str]
    check: Callable[[KeyPath, Any], None]


class Resolved(NamedTuple):
    """The result of :func:`resolve_references`, and what it is good for as long as it is the same.

    Attributes:
        values: The wanted keys, resolved; shared by loaders, so nothing may change them.
        unresolved: All top-level keys, not resolved.
        reached: Those that a reference may reach.
    """

    values: dict[Any, Any]
    unresolved: Mapping[Any, Any]
    reached: Mapping[Any, Any]


def resolve_references(
    values: Mapping[Any, Any],
    kind: Kind,
    wanted: Iterable[Any],
    references: References,
    earlier: Resolved | None = None,
) -> Resolved:
    """Resolve the references in the values of some top-level keys.

    Args:
        values: All top-level keys, those that are only referred to among them.
        kind: What to resolve with.
        wanted: The top-level keys to return.
        references: The keys that may hold references; more than do is no harm.
        earlier: A result for other values, with the same globals and parameters given at run time. What has the same
            references to the same values is taken over from it.

    Returns:
        The wanted keys; values without references are those of `values`, not copies.

    Raises:
        ConfigError: A reference can't be resolved; names the file, the key and the reference.
    """
    resolved = {key: values[key] for key in wanted}
    referring = {key for key in references.keys if key in values and has_reference(values[key])}
    left = [key for key in resolved if key in referring]
    if not left:
        return Resolved(resolved, values, {})
    for key in referring:
        _refuse_endless(values[key], key, kind)
    reached = _reached(values, referring, kind.resolvers)
    if earlier is not None and references.unsteady.isdisjoint(reached) and _are_same(reached, earlier.reached):
        unknown = []
        for key in left:
            known = key in earlier.values and earlier.unresolved[key] is values[key]
            if known and key not in references.unsteady:
                resolved[key] = earlier.values[key]
            else:
                unknown.append(key)
        left = unknown
    allowance = Allowance()
    fresh = left
    left = _resolve_simple(values, left, resolved, kind, allowance)
    if left:
        with _registered(kind.resolvers):
            resolution = _Resolution(values, kind, reached, allowance)
            for key in left:
                resolved[key] = resolution.of(key)
    for key in fresh:
        if said := excess(resolved[key], MAX_DEPTH - 1):
            raise _too_much(kind, (key,), said)
    return Resolved(resolved, values, reached)


def _too_much(kind: Kind, path: KeyPath, said: str) -> ConfigError:
    return ConfigError(
        f"{kind.locate(path)}: {shortened(dotted(path))}: {said}.", "Refer to less, or write the value itself."
    )


def _refuse_endless(value: Any, key: Any, kind: Kind) -> None:
    """Refuse a text with more, or longer, references than any project writes: OmegaConf would take minutes for it."""
    for path, text in leaves(value, (key,)):
        if not isinstance(text, str) or "${" not in text:
            continue
        if text.count("${") > MAX_REFERENCES:
            raise _too_much(kind, path, f"more than {MAX_REFERENCES:,} references in one text")
        if len(text) > MAX_REFERRING:
            raise _too_much(kind, path, f"a text of more than {MAX_REFERRING:,} characters with references in it")
        for found in _UNCLOSED.findall(text):
            if len(found) > MAX_REFERENCE:
                raise _too_much(kind, path, f"a reference of more than {MAX_REFERENCE:,} characters")
            if found.count("${") > MAX_INNER:
                raise _too_much(kind, path, f"more than {MAX_INNER} references within each other")


def _resolve_simple(
    values: Mapping[Any, Any], keys: Iterable[Any], resolved: dict[Any, Any], kind: Kind, allowance: Allowance
) -> list[Any]:
    """Resolve the keys whose references are all plain, and return the others."""
    plain = SimpleReferences(values, allowance)
    others = []
    for key in keys:
        try:
            resolved[key] = plain.resolved(values[key])
        except UnusualReferenceError:
            others.append(key)
        except ExcessError as error:
            raise _too_much(kind, (key,), str(error)) from None
    return others


def _are_same(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    """Tell whether the mappings hold the very same objects in the same order."""
    return is_same_data(list(one), list(other)) and all(value is other[key] for key, value in one.items())


def _reached(values: Mapping[Any, Any], referring: set[Any], resolvers: Mapping[str, Any]) -> dict[Any, Any]:
    """Return the top-level values that a reference may reach: those that one names, or all when unsure."""
    names: set[str] = set()
    relative: set[Any] = set()
    for key in referring:
        for text in referring_texts(values[key]):
            plain = named_keys(text)
            if plain is not None:
                names.update(plain)
                continue
            if _COMPUTED.search(text) or any(_reads_tree(name, resolvers) for name in _RESOLVER.findall(text)):
                return _handable(values)
            names.update(_NAME.findall(text))
            if _RELATIVE.search(text):
                relative.add(key)
    return {
        key: value
        for key, value in _handable(values).items()
        if key in relative or key in names or not isinstance(key, str)  # 1 is named by ${1}
    }


def _handable(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Leave out the keys that OmegaConf does not take and no reference can name, as null is."""
    return {key: value for key, value in values.items() if isinstance(key, (str, int, float))}


def _reads_tree(name: str, resolvers: Mapping[str, Callable[..., Any]]) -> bool:
    if name not in resolvers:
        return name not in _NAMING_RESOLVERS
    try:
        return not _TREE_ARGUMENTS.isdisjoint(inspect.signature(resolvers[name]).parameters)
    except (TypeError, ValueError):  # a builtin that does not tell; OmegaConf then passes it its arguments only
        return False


@contextmanager
def _registered(resolvers: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Register resolvers for the duration; OmegaConf keeps one table per process, which is then as it was before."""
    from omegaconf import OmegaConf
    from omegaconf.basecontainer import BaseContainer

    with _LOCK:
        # OmegaConf can register and forget, but not hand back what it had under a name.
        before = {name: BaseContainer._resolvers.get(name) for name in resolvers}  # noqa: SLF001
        try:
            for name, resolver in resolvers.items():
                _register(name, resolver)
            yield
        finally:
            for name, previous in before.items():
                OmegaConf.clear_resolver(name)
                if previous is not None:
                    BaseContainer._resolvers[name] = previous  # noqa: SLF001


def _register(name: str, resolver: Callable[..., Any]) -> None:
    from omegaconf import OmegaConf

    try:
        # Annotations are the project's own business: OmegaConf would warn of those that it can't check.
        OmegaConf.register_resolver(name, resolver, replace=True, annotation_validation="off")
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The resolver {name!r} can't be used: {error}.", "Mend CONFIG in settings.py.") from None


def _is_recursion(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, RecursionError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Watched(str):
    """A text in OmegaConf's objects that counts how often it is looked at for references, and takes that as it may.

    OmegaConf resolves a reference anew each time that another one leads to it, so that thirty texts of two references
    each come to a thousand million; there is nothing else by which it could be stopped.
    """

    __slots__ = ("allowance",)
    allowance: Allowance

    def __contains__(self, part: str, /) -> bool:  # type: ignore[override]
        found = super().__contains__(part)
        if self.allowance.is_watched:
            self.allowance.take(evaluations=found, text=len(self))
        return found

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str.__str__(self),)


class _Resolution:
    """Walks plain values beside OmegaConf's objects and replaces each text that holds a reference."""

    def __init__(self, values: Mapping[Any, Any], kind: Kind, reached: Mapping[Any, Any], allowance: Allowance) -> None:
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        self._values = values
        self._check = kind.check
        self._explanation = Explanation(values, kind.locate, kind.resolvers)
        self._open: set[int] = set()  # the containers now being copied; meeting one again is a cycle
        self._reached = reached
        self._kind = kind
        self._allowance = allowance
        try:
            watched = {key: self._watched(value) for key, value in reached.items()}
            self._config = OmegaConf.create(watched, flags={"allow_objects": True})
        except (OmegaConfBaseException, RecursionError) as error:
            if _is_recursion(error):  # and it does not say in which text
                path, _ = max(leaves(reached), key=lambda leaf: len(_BRACKET.findall(str(leaf[1]))))
                raise _too_much(kind, path, _NESTED) from None
            path = follow(values, split_path(getattr(error, "full_key", None) or "")).path
            raise self._explanation.classify(error, path) from None
        allowance.is_watched = True

    def _watched(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._watched(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._watched(item) for item in value]
        if type(value) is not str or not ("${" in value or len(value) > _LONG):
            return value
        watched = _Watched(value)
        watched.allowance = self._allowance
        return watched

    def of(self, key: Any) -> Any:
        return self._walk(self._values[key], self._config if key in self._reached else None, (key,))

    def _walk(self, value: Any, container: Any, path: KeyPath) -> Any:
        """Copy `value`; `container` is OmegaConf's object around it, or None where no reference reaches."""
        if isinstance(value, str):
            if "${" not in value:
                return value
            self._allowance.evaluations = MAX_EVALUATIONS
            return self._resolved(container, path, value)
        if not isinstance(value, (dict, list)):
            return value
        inner = None if container is None else container[path[-1]]
        if isinstance(value, dict):
            return {key: self._walk(item, inner, (*path, key)) for key, item in value.items()}
        return [self._walk(item, inner, (*path, position)) for position, item in enumerate(value)]

    def _evaluate(self, container: Any, key: Any, text: str | None) -> Any:
        if container is None:
            self._config[_SCRATCH] = text
            container, key = self._config, _SCRATCH
        return container[key]

    def _resolved(self, container: Any, path: KeyPath, text: str | None = None) -> Any:
        from omegaconf.errors import OmegaConfBaseException

        try:
            value = self._evaluate(container, path[-1], text)
            self._check(path, value)
            self._allowance.take(text=len(value) if isinstance(value, str) else 0)
        except (OmegaConfBaseException, ConfigError, ExcessError, RecursionError) as error:
            said = self._allowance.exceeded() or (_NESTED if _is_recursion(error) else None)
            if said is not None:
                raise _too_much(self._kind, path, said) from None
            raise self._explanation.of(error, path, self._failure) from None
        return self._to_container(value, path)

    def _to_container(self, value: Any, path: KeyPath) -> Any:
        from omegaconf import OmegaConf

        if not OmegaConf.is_config(value):
            return str(value) if isinstance(value, str) else copy_data(value)  # OmegaConf has a str of its own
        if id(value) in self._open:
            raise self._explanation.cycle([follow(self._values, path).path])
        if len(self._open) == MAX_DEPTH:
            raise _too_much(self._kind, path, TOO_DEEP)
        self._open.add(id(value))
        try:
            self._allowance.take(values=len(value) * _COST)
            if OmegaConf.is_dict(value):
                return {key: self._resolved(value, (*path, key)) for key in value}
            return [self._resolved(value, (*path, position)) for position in range(len(value))]
        except ExcessError as error:
            raise _too_much(self._kind, path, str(error)) from None
        finally:
            self._open.discard(id(value))

    def _failure(self, path: KeyPath) -> Exception | None:
        """Evaluate the one text at `path` again and return how it fails."""
        from omegaconf.errors import OmegaConfBaseException

        container: Any = None
        try:
            if path[0] in self._reached:
                container = self._config
                for key in path[:-1]:
                    container = container[key]
            self._evaluate(container, path[-1], follow(self._values, path).value)
        except OmegaConfBaseException as error:
            return error
        return None
