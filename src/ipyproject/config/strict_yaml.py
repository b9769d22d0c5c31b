"""The YAML loader: strict about repeated keys, and short of PyYAML's detours. Imported when YAML is first read."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import ConstructorError

from ipyproject.config.limits import MAX_DEPTH, MAX_DIGITS, MAX_REPEATED, TOO_DEEP, TOO_LONG_NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MERGE_TAG = "tag:yaml.org,2002:merge"
_VALUE_TAG = "tag:yaml.org,2002:value"  # of a plain `=`, which is a text where it is a key
_FLOAT_TAG = "tag:yaml.org,2002:float"
_TIMESTAMP_TAG = "tag:yaml.org,2002:timestamp"
_STR_TAG = "tag:yaml.org,2002:str"
_MAP_TAG = "tag:yaml.org,2002:map"
_SEQ_TAG = "tag:yaml.org,2002:seq"
_INT_TAG = "tag:yaml.org,2002:int"
_MAX_KEY_BITS = 64  # whole numbers of more bits can be chosen to have one hash, which makes a dict of them slow

_CONTAINERS = (dict, list, tuple, set)  # tuples are of !!pairs

# The C parser, where PyYAML was built with it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StrictLoader(_Base):  # type: ignore[misc]
    """A safe loader that refuses repeated keys and values that contain themselves, and merges as YAML specifies.

    It reads the scalars that OmegaConf reads. Texts, mappings with texts for keys, and lists are nearly everything, and
    PyYAML's way to them is long; they are constructed here, all else by PyYAML.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._repeated = 0  # values that aliases stood for, each time
        self._most_repeated = MAX_REPEATED + len(stream)
        self._extents: dict[int, tuple[int, int]] = {}  # by id, of some of what was constructed; it lives until the end

    def construct_document(self, node: yaml.Node) -> Any:
        """Construct the value of a whole document."""
        # PyYAML then builds each value whole before it goes on, and so notices an alias inside its own value.
        self.deep_construct = True
        return super().construct_document(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Construct the value of a node, once however many aliases it has.

        Raises:
            ConstructorError: It is nested too deeply, or aliases come to too many values.
        """
        tag = node.tag
        if tag == _STR_TAG and isinstance(node, yaml.ScalarNode):
            return node.value
        if isinstance(node, yaml.ScalarNode):
            if len(node.value) > MAX_DIGITS and tag == _INT_TAG:  # to read it takes the square of its length
                raise ConstructorError(None, None, TOO_LONG_NUMBER, node.start_mark)
            return super().construct_object(node, deep=deep)
        if node in self.constructed_objects:
            value = self.constructed_objects[node]
            self._repeat(*self._extent(value), node)
            return value
        if node in self.recursive_objects:
            raise ConstructorError(None, None, "found unconstructable recursive node", node.start_mark)
        if len(self.recursive_objects) == MAX_DEPTH:
            raise ConstructorError(None, None, TOO_DEEP, node.start_mark)
        if tag == _MAP_TAG and isinstance(node, yaml.MappingNode):
            construct: Callable[..., Any] = self.construct_mapping
        elif tag == _SEQ_TAG and isinstance(node, yaml.SequenceNode):
            construct = self.construct_sequence
        else:
            return super().construct_object(node, deep=deep)
        self.recursive_objects[node] = None
        value = construct(node, deep=True)
        self.constructed_objects[node] = value
        del self.recursive_objects[node]
        return value

    def _extent(self, value: Any) -> tuple[int, int]:
        """Return how many values are in one, at every depth, and how deep it is."""
        if not isinstance(value, _CONTAINERS):
            return 0, 0
        known = self._extents.get(id(value))
        if known is None:
            items = value.values() if isinstance(value, dict) else value
            inner = [self._extent(item) for item in items if isinstance(item, _CONTAINERS)]
            known = len(value) + sum(size for size, _ in inner), 1 + max((depth for _, depth in inner), default=0)
            self._extents[id(value)] = known
        return known

    def _repeat(self, size: int, depth: int, node: yaml.Node) -> None:
        """Count what an alias stands for: it is written once, but most of what is done with it is done each time."""
        if len(self.recursive_objects) + depth > MAX_DEPTH:
            raise ConstructorError(None, None, TOO_DEEP, node.start_mark)
        self._repeated += size
        if self._repeated > self._most_repeated:
            said = f"aliases (*name) come to more than {self._most_repeated:,} values"
            raise ConstructorError(None, None, said, node.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Construct a mapping.

        Raises:
            ConstructorError: A key is there twice; one that is also merged may be.
        """
        if not all(key.tag == _STR_TAG and isinstance(key, yaml.ScalarNode) for key, _ in node.value):
            return self._construct_unusual_mapping(node)
        mapping = {key.value: self.construct_object(value, deep=deep) for key, value in node.value}
        if len(mapping) < len(node.value):
            self._refuse_repeated([key for key, _ in node.value])
        return mapping

    def _construct_unusual_mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        """Construct a mapping with keys that are no texts or that merge others.

        Merging is not left to PyYAML, whose versions disagree on it. By YAML's specification of ``<<``, an earlier
        merged mapping wins over a later one, and the mapping's own keys win over all. The keys that are merged come
        first, in the order in which they are merged; an own key that is among them keeps that place.
        """
        written = [pair for pair in node.value if pair[0].tag != _MERGE_TAG]
        mapping: dict[Any, Any] = {}
        count = deepest = 0
        for key, value in node.value:
            for merged in self._merged(value) if key.tag == _MERGE_TAG else ():
                count += len(merged)
                if count > self._most_repeated:
                    break
                for name, item in merged.items():
                    mapping.setdefault(name, item)
        for item in mapping.values():
            if isinstance(item, _CONTAINERS):
                size, depth = self._extent(item)
                count, deepest = count + size, max(deepest, depth)
        self._repeat(count, deepest, node)
        own = {self._construct_key(key): self.construct_object(value, deep=True) for key, value in written}
        if len(own) < len(written):
            self._refuse_repeated([key for key, _ in written])
        return {**mapping, **own}

    def _merged(self, node: yaml.Node) -> Iterator[dict[Any, Any]]:
        """Yield the mappings that stand behind a ``<<``."""
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            known = self.constructed_objects.get(source)
            merged = self.construct_object(source, deep=True) if known is None else known
            if not isinstance(merged, dict):
                raise ConstructorError(None, None, "`<<` merges mappings, and this is none", source.start_mark)
            yield merged

    def _construct_key(self, node: yaml.Node) -> Any:
        key = node.value if node.tag == _VALUE_TAG else self.construct_object(node, deep=True)
        if not isinstance(key, Hashable):
            raise ConstructorError(None, None, "found unhashable key", node.start_mark)
        if isinstance(key, int) and key.bit_length() > _MAX_KEY_BITS:
            said = f"a key that is a whole number of more than {_MAX_KEY_BITS} bits"
            raise ConstructorError(None, None, said, node.start_mark)
        return key

    def _refuse_repeated(self, written: list[yaml.Node]) -> None:
        first: dict[Any, yaml.Node] = {}
        for node in written:
            key = self._construct_key(node)
            if key in first:
                said = f"the key {key!r} is there twice (first on line {first[key].start_mark.line + 1})"
                raise ConstructorError(None, None, said, node.start_mark)
            first[key] = node


# YAML 1.1 wants a dot in a float and a sign in its exponent; people write 1e-3 and 1.5e3, and OmegaConf takes them.
StrictLoader.add_implicit_resolver(
    _FLOAT_TAG, re.compile(r"^[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP_TAG]
    for first, resolvers in StrictLoader.yaml_implicit_resolvers.items()
}
