"""A YAML document that remembers on which line each setting stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from brain.core.errors import CatalogueError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class YamlDocument:
    """What a YAML text says, and where.

    Args:
        origin: How error messages call the text.
        root: The parsed tree with its positions.
        value: The same as plain Python values; an empty text is an empty mapping.
    """

    origin: str
    root: yaml.Node | None
    value: Any

    @classmethod
    def parse(cls, text: str, origin: str) -> YamlDocument:
        """Parse one document of plain values.

        Raises:
            CatalogueError: It is malformed, or names a key twice in one mapping.
        """
        try:
            document = cls(origin, yaml.compose(text, Loader=yaml.SafeLoader), None)
            document._refuse_duplicates(document.root, set())
            return cls(origin, document.root, yaml.safe_load(text) or {})
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
            raise wrong(origin, mark.line + 1 if mark else 1, f"malformed YAML ({reason})") from None

    def at(self, path: Sequence[str]) -> Any:
        """The value at `path`; None where there is nothing."""
        value = self.value
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def line(self, path: Sequence[str]) -> int:
        """Line of the deepest part of `path` that the document has; 1 where it has none of it."""
        return self.deepest(path)[1]

    def deepest(self, path: Sequence[str]) -> tuple[int, int]:
        """How many parts of `path` the document has, and the line of the last one."""
        node, line = self.root, 1
        for depth, part in enumerate(path):
            child = _child(node, part)
            if child is None:
                return depth, line
            line, node = child
        return len(path), line

    def wrong(self, path: Sequence[str], found: str) -> CatalogueError:
        """The error to raise for what stands at `path`."""
        return wrong(self.origin, self.line(path), found)

    def _refuse_duplicates(self, node: yaml.Node | None, visited: set[int]) -> None:
        """YAML silently lets the last of two equal keys win; here the second is an error."""
        if node is None or id(node) in visited:  # an alias leads to a node seen before, perhaps to its own parent
            return
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for value in node.value:
                self._refuse_duplicates(value, visited)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise wrong(self.origin, key.start_mark.line + 1, f"{key.value!r} twice")
                seen.add(str(key.value))
                self._refuse_duplicates(value, visited)


def wrong(origin: str, line: int, found: str) -> CatalogueError:
    """The error to raise for what stands on `line`."""
    return CatalogueError(
        f"{origin}, line {line}",
        found=found,
        expected="what docs/catalogue.md describes",
        remedy=f"Correct line {line} and run `brain doctor`.",
    )


def _child(node: yaml.Node | None, part: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            if str(index) == part or value.value == part:
                return value.start_mark.line + 1, value
    return None
