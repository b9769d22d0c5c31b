"""The YAML loader: strict about repeated keys, and short of PyYAML's detours. Imported when YAML is first read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import ConstructorError

if TYPE_CHECKING:
    from collections.abc import Callable

_MERGE_TAG = "tag:yaml.org,2002:merge"
_FLOAT_TAG = "tag:yaml.org,2002:float"
_TIMESTAMP_TAG = "tag:yaml.org,2002:timestamp"
_STR_TAG = "tag:yaml.org,2002:str"
_MAP_TAG = "tag:yaml.org,2002:map"
_SEQ_TAG = "tag:yaml.org,2002:seq"
_MAX_DEPTH = 150  # mappings and lists within each other; what walks through them needs several calls for each

# The C parser, where PyYAML was built with it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StrictLoader(_Base):  # type: ignore[misc]
    """A safe loader that refuses repeated keys and values that contain themselves.

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
            return self._construct_unusual_mapping(node, deep=deep)
        mapping = {key.value: self.construct_object(value, deep=deep) for key, value in node.value}
        if len(mapping) < len(node.value):
            self._refuse_repeated([key for key, _ in node.value])
        return mapping

    def _construct_unusual_mapping(self, node: yaml.MappingNode, *, deep: bool) -> dict[Any, Any]:
        """Construct a mapping with keys that are no texts or that merge others."""
        written = [key for key, _ in node.value if key.tag != _MERGE_TAG]
        merges = len(written) < len(node.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if merges or len(mapping) < len(written):
            self._refuse_repeated(written)
        return mapping

    def _refuse_repeated(self, written: list[yaml.Node]) -> None:
        first: dict[Any, yaml.Node] = {}
        for node in written:
            key = self.construct_object(node, deep=True)
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
