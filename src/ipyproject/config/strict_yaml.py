"""The YAML loader: strict about repeated keys, and short of PyYAML's detours. Imported when YAML is first read."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import ConstructorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MERGE_TAG = "tag:yaml.org,2002:merge"
_VALUE_TAG = "tag:yaml.org,2002:value"  # of a plain `=`, which is a text where it is a key
_FLOAT_TAG = "tag:yaml.org,2002:float"
_TIMESTAMP_TAG = "tag:yaml.org,2002:timestamp"
_STR_TAG = "tag:yaml.org,2002:str"
_MAP_TAG = "tag:yaml.org,2002:map"
_SEQ_TAG = "tag:yaml.org,2002:seq"
_MAX_DEPTH = 150  # mappings and lists within each other; what walks through them needs several calls for each

# The C parser, where PyYAML was built with it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StrictLoader(_Base):  # type: ignore[misc]
    """A safe loader that refuses repeated keys and values that contain themselves, and merges as YAML specifies.

    It reads the scalars that OmegaConf reads. Texts, mappings with texts for keys, and lists are nearly everything, and
    PyYAML's way to them is long; they are constructed here, all else by PyYAML.
    """

    def construct_document(self, node: yaml.Node) -> Any:
        """Construct the value of a whole document."""
        # PyYAML then builds each value whole before it goes on, and so notices an alias inside its own value.
        self.deep_construct = True
        return super().construct_document(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Construct the value of a node, once however many aliases it has.

        Raises:
            RecursionError: It is nested more deeply than what walks through it later could follow.
        """
        tag = node.tag
        if tag == _STR_TAG and isinstance(node, yaml.ScalarNode):
            return node.value
        if tag == _MAP_TAG and isinstance(node, yaml.MappingNode):
            construct: Callable[..., Any] = self.construct_mapping
        elif tag == _SEQ_TAG and isinstance(node, yaml.SequenceNode):
            construct = self.construct_sequence
        else:
            return super().construct_object(node, deep=deep)
        if node in self.constructed_objects:
            return self.constructed_objects[node]
        if node in self.recursive_objects:
            raise ConstructorError(None, None, "found unconstructable recursive node", node.start_mark)
        if len(self.recursive_objects) == _MAX_DEPTH:
            raise RecursionError
        self.recursive_objects[node] = None
        value = construct(node, deep=True)
        self.constructed_objects[node] = value
        del self.recursive_objects[node]
        return value

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
        for key, value in node.value:
            for merged in self._merged(value) if key.tag == _MERGE_TAG else ():
                for name, item in merged.items():
                    mapping.setdefault(name, item)
        own = {self._construct_key(key): self.construct_object(value, deep=True) for key, value in written}
        if len(own) < len(written):
            self._refuse_repeated([key for key, _ in written])
        return {**mapping, **own}

    def _merged(self, node: yaml.Node) -> Iterator[dict[Any, Any]]:
        """Yield the mappings that stand behind a ``<<``."""
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            merged = self.construct_object(source, deep=True)
            if not isinstance(merged, dict):
                raise ConstructorError(None, None, "`<<` merges mappings, and this is none", source.start_mark)
            yield merged

    def _construct_key(self, node: yaml.Node) -> Any:
        key = node.value if node.tag == _VALUE_TAG else self.construct_object(node, deep=True)
        if not isinstance(key, Hashable):
            raise ConstructorError(None, None, "found unhashable key", node.start_mark)
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
