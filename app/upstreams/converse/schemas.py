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
    properties, required = merged.gather(_resolved(root, root))
    kept = {
        name: value
        for name, value in root.items()
        if name not in (*_UNIONS, "allOf", "$ref", "type", "properties", "required")
    }
    result: dict[str, Any] = {"type": "object", "properties": {name: _one(ways) for name, ways in properties.items()}}
    if required:
        result["required"] = list(dict.fromkeys(required))
    return result | kept


Properties = dict[str, list[Any]]
"""The schemas a property has in several branches, each once."""


def _one(ways: list[Any]) -> Any:
    """One schema for a property: below the root a union is welcome."""
    return ways[0] if len(ways) == 1 else {"anyOf": ways}


class _Merged:
    """Collects the properties of a node and its branches; of a union only what every branch requires stays required.

    The number of nodes is bounded: branches that refer to one another would multiply without end.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MAX_NODES

    def gather(self, node: Mapping[str, Any]) -> tuple[Properties, list[str]]:
        self._left -= 1
        own, names = node.get("properties"), node.get("required")
        properties: Properties = {name: [way] for name, way in own.items()} if isinstance(own, Mapping) else {}
        required = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        for group in ("allOf", *_UNIONS):
            demands: list[list[str]] = []
            for branch in _branches(node, group, self._root):
                if self._left <= 0:
                    return properties, required
                found, demanded = self.gather(branch)
                for name, ways in found.items():
                    known = properties.setdefault(name, [])
                    known.extend(way for way in ways if way not in known)
                demands.append(demanded)
            if group == "allOf":
                required.extend(name for demanded in demands for name in demanded)
            elif demands:
                required.extend(name for name in demands[0] if all(name in other for other in demands[1:]))
        return properties, required


def _branches(node: Mapping[str, Any], group: str, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    branches = node.get(group)
    if not isinstance(branches, list):
        return []
    return [_resolved(branch, root) for branch in branches if isinstance(branch, Mapping)]


def _resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """The node with its own `$ref` followed, if that stays inside the schema."""
    for _ in range(_MAX_REFERENCES):
        reference = node.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Any = root
        for step in reference[2:].split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            break
        node = dict(target) | {name: value for name, value in node.items() if name != "$ref"}
    return dict(node)


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
