"""A node: a function, the names of the datasets it reads and the names of those it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import CoroutineType
from typing import Any

from ipyproject.errors import PipelineError, shortened
from ipyproject.pipeline.callables import WAIT, gives_no_data, name_of, place_of, signature_of, surely_takes

InputNames = str | list[str] | dict[str, str] | None
OutputNames = str | list[str] | dict[str, str] | None

_SAFE_NAME = re.compile(r"[\w.-]+")
TRANSCODING_HINT = "Give each use a transcoding, such as table@pandas and table@spark, or none."


class Node:
    """A step of a pipeline. Immutable.

    Args:
        func: What is called.
        inputs: Names of the datasets handed to it: one name, a list (by position), a dict (argument -> dataset), or
            None.
        outputs: Names that its result is saved under: one name, a list (a tuple or list of that length is
            returned), a dict (key of the returned mapping -> dataset), or None (it returns nothing).
        name: Letters, digits, ``_``, ``-`` and ``.``. By default the function's name followed by those of its outputs,
            which are unique in a pipeline.
        tags: Names to select nodes by.
        namespace: Dotted prefix of the node's name.
        confirms: Names of datasets whose ``confirm()`` is called once the node has run.

    Raises:
        PipelineError: Names are of the wrong type, none are given, one is given twice or both read and written, or the
            function can't be called with that many inputs.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        inputs: InputNames,
        outputs: OutputNames,
        *,
        name: str | None = None,
        tags: str | Iterable[str] | None = None,
        namespace: str | None = None,
        confirms: str | Iterable[str] | None = None,
    ) -> None:
        if not callable(func):
            raise PipelineError(f"A node needs a function, not {func!r}.", "Give the function itself, not its result.")
        if (told := gives_no_data(func)) is not None:
            raise PipelineError(f"{name_of(func)!r} is {told[0]}, which a node can't run yet.", told[1])
        self._func = func
        self._inputs = _copied(inputs)
        self._outputs = _copied(outputs)
        self._name = name
        self._namespace = namespace
        self._tags = frozenset(as_names(tags))
        self._confirms = tuple(dict.fromkeys(as_names(confirms)))
        self._input_names = _flat_names(inputs, "inputs", self)
        self._output_names = _flat_names(outputs, "outputs", self)
        self._check()

    @property
    def func(self) -> Callable[..., Any]:
        """The function."""
        return self._func

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the datasets it reads, in the order of its definition."""
        return self._input_names

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the datasets it writes, in the order of its definition."""
        return self._output_names

    @cached_property
    def name(self) -> str:
        """The node's full name: unique in a pipeline, led by its namespace."""
        own = self._name or self._default_name()
        return f"{self._namespace}.{own}" if self._namespace else own

    @property
    def tags(self) -> frozenset[str]:
        """Names to select it by."""
        return self._tags

    @property
    def namespace(self) -> str | None:
        """Dotted prefix of its name."""
        return self._namespace

    @property
    def confirms(self) -> tuple[str, ...]:
        """Names of the datasets that are confirmed once it has run."""
        return self._confirms

    @cached_property
    def func_name(self) -> str:
        """A readable name of the function, whatever kind of callable it is."""
        return name_of(self._func)

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Call the function.

        Args:
            data: Dataset name -> data, for each of ``inputs``.

        Returns:
            Dataset name -> data, for each of ``outputs``.

        Raises:
            PipelineError: The result does not have the shape that ``outputs`` promises.
            Exception: Whatever the function raises.
        """
        __tracebackhide__ = True
        inputs = self._inputs
        if isinstance(inputs, str):
            result = self._func(data[inputs])
        elif isinstance(inputs, dict):
            result = self._func(**{argument: data[name] for argument, name in inputs.items()})
        else:
            result = self._func(*[data[name] for name in inputs or ()])
        return self._named_result(result)

    def tagged(self, tags: str | Iterable[str]) -> Node:
        """Return the same node with more tags."""
        return Node(
            self._func,
            self._inputs,
            self._outputs,
            name=self._name,
            tags=self._tags.union(as_names(tags)),
            namespace=self._namespace,
            confirms=self._confirms,
        )

    def place(self) -> str:
        """Where the function is defined, for messages: ``nodes.py, line 12``."""
        return place_of(self._func)

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Node) else NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Node({self.func_name}, {self._inputs!r}, {self._outputs!r}, name={self.name!r})"

    def __str__(self) -> str:
        read, written = (", ".join(names) or "None" for names in (self.inputs, self.outputs))
        return f"{self.name}: {self.func_name}({read}) -> {written}"

    @cached_property
    def _key(self) -> tuple[object, ...]:
        def hashable(names: InputNames) -> object:
            # The order of a dict never matters: its keys say where each goes.
            if isinstance(names, dict):
                return frozenset(names.items())
            return tuple(names) if isinstance(names, list) else names

        return (self._func, hashable(self._inputs), hashable(self._outputs), self.name, self._tags, self._confirms)

    @cached_property
    def _hash(self) -> int:
        return hash(self._key[1:])  # without the function: a callable object need not be hashable

    def _default_name(self) -> str:
        names, flat = (self._outputs, self._output_names) if self._output_names else (self._inputs, self._input_names)
        named_after = sorted(flat) if isinstance(names, dict) else flat
        return re.sub(r"[^\w.-]", "_", "__".join((self.func_name, *named_after)))

    def _check(self) -> None:
        if not self._input_names and not self._output_names:
            raise PipelineError(f"The node of {self.func_name} has neither inputs nor outputs.", "Name at least one.")
        for what in (self._name, *self._tags):
            if what is not None and not _SAFE_NAME.fullmatch(what):
                raise PipelineError(
                    f"{what!r} can't be the name or a tag of a node.", "Use letters, digits, '_', '-' and '.'."
                )
        self._check_names()
        self._check_signature()

    def _check_names(self) -> None:
        written: set[str] = set()
        read = set(map(plain_name, self._input_names))
        for output in self._output_names:
            plain = plain_name(output)
            if plain in written:
                raise PipelineError(f"Node {self.name!r} writes {output!r} twice.", "Give each output its own name.")
            if output.startswith("params:") or output == "parameters":
                raise PipelineError(f"Node {self.name!r} writes the parameter {output!r}.", "Parameters are only read.")
            if plain in read:
                raise PipelineError(
                    f"Node {self.name!r} both reads and writes {output!r}.", "Write to a dataset of another name."
                )
            written.add(plain)
        for name in self._input_names:
            if is_transcoded(name) and (plain := plain_name(name)) in self._input_names:
                raise PipelineError(
                    f"Node {self.name!r} reads {plain!r} with a transcoding and without.", TRANSCODING_HINT
                )

    def _check_signature(self) -> None:
        if surely_takes(self._func, self._inputs):
            return
        try:
            signature = signature_of(self._func)
        except (TypeError, ValueError):  # some built-ins don't tell; the call will
            return
        inputs = self._inputs
        try:
            if isinstance(inputs, dict):
                signature.bind(**dict.fromkeys(inputs))
            else:
                signature.bind(*self._input_names)
        except TypeError as error:
            raise PipelineError(
                f"Node {self.name!r} can't call {self.func_name}{signature} with its inputs {inputs!r}: {error}.",
                f"Make the node's inputs fit the function ({self.place()}).",
            ) from None

    def _named_result(self, result: Any) -> dict[str, Any]:
        outputs = self._outputs
        if isinstance(result, CoroutineType):
            result.close()
            raise PipelineError(
                f"Node {self.name!r} returned something to wait for: {self.func_name} calls an async function "
                f"({self.place()}).",
                WAIT,
            )
        if outputs is None:
            return {}
        if isinstance(outputs, str):
            return {outputs: result}
        if isinstance(outputs, dict):
            return self._from_mapping(result, outputs)
        if not isinstance(result, (list, tuple)) or len(result) != len(outputs):
            got = f"{len(result)} values" if isinstance(result, (list, tuple)) else f"a {type(result).__name__}"
            raise PipelineError(
                f"Node {self.name!r} must return {len(outputs)} values for {outputs!r}, and returned {got}.",
                f"Make {self.func_name} return a tuple of {len(outputs)} ({self.place()}).",
            )
        return dict(zip(outputs, result, strict=True))

    def _from_mapping(self, result: Any, outputs: dict[str, str]) -> dict[str, Any]:
        if not isinstance(result, Mapping) or set(result) != set(outputs):
            got = (
                f"the keys {sorted(map(str, result))}" if isinstance(result, Mapping) else f"a {type(result).__name__}"
            )
            raise PipelineError(
                f"Node {self.name!r} must return a mapping with the keys {sorted(map(str, outputs))}, and returned "
                f"{shortened(got)}.",
                f"Mend what {self.func_name} returns ({self.place()}).",
            )
        return {dataset: result[key] for key, dataset in outputs.items()}


def plain_name(name: str) -> str:
    """Return a dataset's name without its transcoding: ``table`` for ``table@pandas``."""
    return name.partition("@")[0] if "@" in name and is_transcoded(name) else name


def is_transcoded(name: str) -> bool:
    """Tell whether a name has a transcoding; what follows an ``@`` in a parameter's name is part of it."""
    return "@" in name and not name.startswith("params:")


def as_names(names: str | Iterable[str] | None) -> list[str]:
    """Return one name, several or none as a list.

    Raises:
        PipelineError: It is none of these.
    """
    if names is None:
        return []
    found = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    if not all(isinstance(name, str) for name in found):
        raise PipelineError(f"{names!r} is neither a name nor a list of names.", "Names are texts.")
    return found


def _copied(names: InputNames) -> InputNames:
    if isinstance(names, dict):
        return dict(names)
    return list(names) if isinstance(names, (list, tuple)) else names


def _flat_names(names: InputNames, what: str, node: Node) -> tuple[str, ...]:
    flat: Iterable[object] = (names,)
    if isinstance(names, dict):
        flat = names.values()
    elif names is None or isinstance(names, (list, tuple)):
        flat = names or ()
    for name in flat:
        if not isinstance(name, str) or not name:
            raise PipelineError(
                f"The {what} of the node of {node.func_name} hold {name!r}, which is no name of a dataset.",
                "Give a text, a list of texts, a dict of texts, or None.",
            )
    return tuple(str(name) for name in flat)
