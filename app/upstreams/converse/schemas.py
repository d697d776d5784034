"""JSON Schemas of tools as Converse takes them: an object at the root, without unions there. Everything below stays.

One MCP tool with a union at its root, or without a type, makes Bedrock refuse the whole request
("inputSchema.json.type must be one of: object", "does not support oneOf, allOf, anyOf at the top level").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UNIONS = ("anyOf", "oneOf")
_LOOKAROUND = re.compile(r"\(\?<?[=!]")
_MAX_REFERENCES = 8
_MAX_NODES = 500
_MAX_NAMES = 50_000
_MAX_STEPS = 200
"""Of the path of a reference: the parser takes no deeper nesting."""


def tool_schema(schema: Any, *, lookaround: bool = True) -> tuple[dict[str, Any], bool]:
    """The schema to send and whether it had to be changed. An absent or meaningless schema is that of no arguments."""
    if not isinstance(schema, Mapping) or not schema:
        return {"type": "object", "properties": {}}, schema not in (None, {})
    root: dict[str, Any] = dict(schema)
    changed = False
    if not _is_plain(root):
        root, changed = _as_object(root), True
    if not lookaround:
        root, stripped = _without_lookaround(root)
        changed = changed or stripped
    return root, changed


def _is_plain(root: Mapping[str, Any]) -> bool:
    unions = any(name in root for name in (*_UNIONS, "allOf", "$ref"))
    return root.get("type") == "object" and not unions and isinstance(root.get("properties", {}), Mapping)


def _as_object(root: dict[str, Any]) -> dict[str, Any]:
    """An object schema that accepts at least what the root did: unions become one object with what all branches require."""
    merged = _Merged(root)
    kept = {
        name: value
        for name, value in root.items()
        if name not in (*_UNIONS, "allOf", "$ref", "type", "properties", "required")
    }
    result: dict[str, Any] = {"type": "object", "properties": merged.properties()}
    if merged.required:
        result["required"] = list(merged.required)
    return result | kept


_MERGED = ("properties", "required", "allOf", *_UNIONS)


class _Merged:
    """Collects the properties of a node and its branches; of a union only what every branch requires stays required.

    The number of branches is bounded: those that refer to one another would multiply without end. So is the number of
    required names, which may be read again for each branch; to require less than the client did is always allowed.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.required: dict[str, None] = {}
        self._root = root
        self._left = _MAX_NODES
        self._names_left = _MAX_NAMES
        self._found: dict[int, Mapping[str, Any]] = {}
        self._gather(root, self.required)

    def properties(self) -> dict[str, Any]:
        """A property that several branches have takes the schemas of all, each once."""
        shapes, known = _Shapes(), set()
        ways: dict[str, list[Any]] = {}
        for properties in self._found.values():
            for name, way in properties.items():
                if (name, shape := shapes.of(way)) not in known:
                    known.add((name, shape))
                    ways.setdefault(name, []).append(way)
        # Below the root a union is welcome.
        return {name: each[0] if len(each) == 1 else {"anyOf": each} for name, each in ways.items()}

    def _gather(self, node: Mapping[str, Any], required: dict[str, None]) -> None:
        self._left -= 1
        members = _resolved(node, self._root)
        self._require(members.get("required"), required)
        own = members.get("properties")
        if isinstance(own, Mapping):
            self._found.setdefault(id(own), own)
        for group in ("allOf", *_UNIONS):
            listed = members.get(group)
            listed = listed[: self._left + 1] if isinstance(listed, list) else ()
            branches = [each for each in listed if isinstance(each, Mapping)]
            demands = [required] * len(branches) if group == "allOf" or len(branches) == 1 else [{} for _ in branches]
            for branch, demanded in zip(branches, demands, strict=True):
                if self._left <= 0:
                    return
                self._gather(branch, demanded)
            if len(demands) > 1 and demands[0] is not required:
                shared = frozenset(demands[0]).intersection(*demands[1:])
                required.update((name, None) for name in demands[0] if name in shared)

    def _require(self, names: Any, required: dict[str, None]) -> None:
        if isinstance(names, list):
            names = names[: self._names_left]
            self._names_left -= len(names)
            required.update((name, None) for name in names if isinstance(name, str))


class _Shapes:
    """Numbers that equal JSON values share. Each object and array is read once, however many values it is part of."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._known: dict[int, int] = {}

    def of(self, value: Any) -> int:
        if not isinstance(value, Mapping | list):
            return self._number((type(value), value))
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = self._number(self._parts(value))
        return known

    def _parts(self, value: Any) -> Any:
        if isinstance(value, list):
            return (list, *map(self.of, value))
        return frozenset((name, self.of(each)) for name, each in value.items())

    def _number(self, key: Any) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def _resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a node that are merged, its own before those its `$ref` leads to, if that stays inside the schema."""
    members: dict[str, Any] = {}
    for _ in range(_MAX_REFERENCES + 1):
        members = {name: node[name] for name in _MERGED if name in node} | members
        reference = node.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Any = root
        for step in reference[2:].split("/", _MAX_STEPS):
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            break
        node = target
    return members


def _without_lookaround(node: Any) -> tuple[Any, bool]:
    """The schema without patterns that look around, which some models' grammars refuse."""
    if isinstance(node, list):
        items = [_without_lookaround(item) for item in node]
        return [item for item, _ in items], any(changed for _, changed in items)
    if not isinstance(node, Mapping):
        return node, False
    kept, changed = {}, False
    for name, value in node.items():
        if name == "pattern" and isinstance(value, str) and _LOOKAROUND.search(value):
            changed = True
            continue
        kept[name], stripped = _without_lookaround(value)
        changed = changed or stripped
    return kept, changed
