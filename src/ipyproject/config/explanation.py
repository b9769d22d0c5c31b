"""Why a reference can't be resolved, told in the words of the files instead of OmegaConf's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ipyproject.config.paths import MISSING_VALUE, Found, KeyPath, dotted, follow, key_paths, split_path
from ipyproject.errors import ConfigError, did_you_mean, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_REFERENCE = re.compile(r"(?<!\\)\$\{([^${}:]+)\}")
_ANY_REFERENCE = re.compile(r"(?<!\\)\$\{[^{}]*\}")
_RESOLVER = re.compile(r"(?<!\\)\$\{\s*([\w.-]+)\s*:")
_UNSET = re.compile(r"Environment variable '([^']+)' not found")
_STANDARD_RESOLVERS = ("oc.env", "oc.select", "oc.decode", "oc.create", "oc.dict.keys", "oc.dict.values")


class Explanation:
    """Turns an error of OmegaConf's into a ConfigError that names the value where the mistake stands.

    Args:
        values: The merged values, references not resolved.
        locate: Returns the file that a value came from.
        resolvers: The resolvers beside OmegaConf's own.
    """

    def __init__(
        self, values: Mapping[Any, Any], locate: Callable[[KeyPath], str], resolvers: Iterable[str] = ()
    ) -> None:
        self._values = dict(values)
        self._locate = locate
        self._resolvers = resolvers

    def of(self, error: Exception, path: KeyPath, failure: Callable[[KeyPath], Exception | None]) -> ConfigError:
        """Explain the error that the value at `path` gave.

        The mistake may stand in a value that it refers to, so those are tried first.

        Args:
            error: OmegaConf's error.
            path: The value whose reference failed.
            failure: Evaluates the text at a path again and returns its error, if any.
        """
        real = follow(self._values, split_path(getattr(error, "full_key", None) or ""))
        if real.complete and real.path:
            path = real.path  # differs where the value was reached through a reference to what holds it
        order: list[KeyPath] = []
        cycle = self._visit(path, (), order)
        if cycle:
            return self.cycle(cycle)
        for dependency in order[:-1]:
            if cause := failure(dependency):
                return self.classify(cause, dependency)
        return self.classify(error, path)

    def _visit(self, path: KeyPath, above: tuple[KeyPath, ...], order: list[KeyPath]) -> Sequence[KeyPath]:
        """Add to `order` the texts that `path` depends on, then itself; return the way around if it leads back."""
        if path in order:
            return ()
        way = (*above, path)
        for _, found in self._targets(path):
            if not found.complete and not _is_computed(found.value):
                continue
            for position, passed in enumerate(way):
                if passed[: len(found.path)] == found.path:  # back at a value on the way, or at what holds it
                    return (*way[position:], found.path)
            if _is_computed(found.value) and (cycle := self._visit(found.path, way, order)):
                return cycle
        order.append(path)
        return ()

    def _targets(self, path: KeyPath) -> Iterator[tuple[str, Found]]:
        """Yield each plain reference in the text at `path`, absolute, and where it leads."""
        text = follow(self._values, path).value
        for written in map(str.strip, _REFERENCE.findall(text if isinstance(text, str) else "")):
            dots = len(written) - len(written.lstrip("."))
            steps = [*(path[:-dots] if dots else ()), *split_path(written)]
            yield dotted(steps), follow(self._values, steps)

    def cycle(self, way: Sequence[KeyPath]) -> ConfigError:
        """Return the error for a value that depends on itself, along the paths of `way`."""
        told = " -> ".join(dotted(path) for path in way) if len(way) > 1 else "what it refers to holds itself"
        return ConfigError(f"{self._where(way[0])} refers to itself: {told}.", "Give one of them a value of its own.")

    def classify(self, error: Exception, path: KeyPath) -> ConfigError:
        """Return the error for a mistake that stands in the text at `path` itself."""
        from omegaconf.errors import GrammarParseError, KeyValidationError

        where = self._where(path)
        chain = list(_chain(error))
        for cause in chain:
            if isinstance(cause, ConfigError):
                return ConfigError(f"{where}: {cause.message.rstrip('.')}.", cause.hint)
        if any(isinstance(cause, GrammarParseError) for cause in chain):
            hint = r"References look like ${key.inner}; write \${ for text that is none."
            return ConfigError(f"{where}: a reference in it is not well formed.", hint)
        if isinstance(error, KeyValidationError):
            hint = "Beside references, keys are text, whole numbers or booleans."
            return ConfigError(f"{where}: a key in it is none that can be referred to.", hint)
        if follow(self._values, path).value == MISSING_VALUE:
            return ConfigError(f"{where} has no value yet ({MISSING_VALUE!r}).", "Give it one.")
        return self._bad_target(where, path) or self._bad_resolver(where, path) or self._other(where, chain)

    def _bad_target(self, where: str, path: KeyPath) -> ConfigError | None:
        for written, found in self._targets(path):
            if found.value == MISSING_VALUE:
                said = f"{where} refers to ${{{shortened(written)}}}, which has no value yet ({MISSING_VALUE!r})."
                return ConfigError(said, f"Give {dotted(found.path)} a value.")
            if not found.complete and not _is_computed(found.value):
                hint = did_you_mean(written, key_paths(self._values), "Known keys")
                return ConfigError(f"{where} refers to ${{{shortened(written)}}}, which does not exist.", hint)
        return None

    def _bad_resolver(self, where: str, path: KeyPath) -> ConfigError | None:
        from omegaconf import OmegaConf

        text = follow(self._values, path).value
        for name in _RESOLVER.findall(text if isinstance(text, str) else ""):
            if not OmegaConf.has_resolver(name):
                hint = did_you_mean(name, {*_STANDARD_RESOLVERS, *self._resolvers}, "Known resolvers")
                return ConfigError(f"{where}: there is no resolver {name!r} for ${{{name}:...}}.", hint)
        return None

    def _other(self, where: str, chain: Sequence[BaseException]) -> ConfigError:
        from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

        if any(isinstance(cause, InterpolationToMissingValueError) for cause in chain):
            return ConfigError(f"{where}: what it refers to has no value yet ({MISSING_VALUE!r}).", "Give it one.")
        hint = "Mend the reference or what it names."
        foreign = next((cause for cause in chain if not isinstance(cause, OmegaConfBaseException)), None)
        if foreign is None:
            reason = shortened(str(chain[0]).partition("\n")[0])
        elif isinstance(foreign, KeyError) and foreign.args:
            reason = str(foreign.args[0])
            if unset := _UNSET.match(reason):
                hint = f"Set {unset[1]}, or write a default: ${{oc.env:{unset[1]},default}}."
        else:
            reason = f"{type(foreign).__name__}: {foreign}"
        return ConfigError(f"{where}: its reference can't be resolved: {reason}.", hint)

    def _where(self, path: KeyPath) -> str:
        return f"{self._locate(path)}: {shortened(dotted(path))}"


def _is_computed(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
