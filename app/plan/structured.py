"""`response_format`: natively, by a forced tool, or by instruction; and the schema each way needs."""

from __future__ import annotations

import json
from typing import Any

from app.core.prompt import Json, ResponseFormat, Tool, ToolChoice
from app.plan.draft import Draft

_UNSUPPORTED = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
    "uniqueItems": "items all different",
}
"""Constraints that the native grammar refuses; the model is told them in words instead."""

MAX_PROPERTIES = 64
"""Above this many properties a grammar tends not to compile on models where native output is new (litellm, 2026-10)."""


def decide_structured(draft: Draft) -> None:
    """Fills `text_format`, or the json tool, or an instruction."""
    wanted = draft.prompt.response_format
    if wanted is None:
        return
    if wanted.kind == "json_object":
        draft.json_answer = True
        draft.instructions.append("Respond with a single JSON object and nothing else: no prose, no code fences.")
        return
    verdict = draft.traits.structured
    native = native_schema(wanted.schema) if verdict != "no" else None
    if native is not None and (verdict == "yes" or _size(wanted.schema) <= MAX_PROPERTIES):
        draft.text_format = ResponseFormat("json_schema", native, wanted.name, wanted.description)
    elif draft.traits.tool_use:
        _by_tool(draft, wanted)
    else:
        draft.json_answer = True
        schema = json.dumps(wanted.schema, ensure_ascii=False)
        draft.instructions.append(
            f"Respond with a single JSON value and nothing else. It must match this schema: {schema}"
        )


def _by_tool(draft: Draft, wanted: ResponseFormat) -> None:
    schema: Json = wanted.schema
    if not (isinstance(schema, dict) and schema.get("type") == "object"):
        draft.unwrap = "value"
        definitions = {
            name: schema[name] for name in ("$defs", "definitions") if isinstance(schema, dict) and name in schema
        }
        schema = {"type": "object", "properties": {"value": schema}, "required": ["value"]} | definitions
    taken = {tool.name for tool in draft.tools}
    name = "json_response"
    while name in taken:
        name += "_"
    told = wanted.description or "Give the final answer to the user as JSON, by calling this tool."
    draft.json_tool = name
    others = bool(draft.tools) and not draft.silent_tools
    if draft.tool_choice.mode == "auto":
        draft.tool_choice = ToolChoice("any") if others else ToolChoice("tool", name)
    draft.tools = (*draft.tools, Tool(name, told, schema))
    draft.instructions.append(f"Give your final answer only by calling the tool `{name}`.")


def native_schema(schema: Json) -> Json | None:
    """The schema as the native mode takes it: objects closed, refused constraints as words. None where it can't be:
    recursive, with references outside itself, or with maps."""
    if not isinstance(schema, dict) or _is_recursive(schema) or _refers_outside(schema) or _has_maps(schema):
        return None
    return _closed(schema)


def _closed(node: Json) -> Json:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed: dict[str, Any] = {}
    words = []
    for name, value in node.items():
        if name in _UNSUPPORTED and not isinstance(value, dict):
            words.append(_UNSUPPORTED[name].format(value))
        elif name == "minItems" and value not in (0, 1):
            words.append(f"at least {value} items")
        elif name in ("enum", "const", "default", "examples", "required"):
            closed[name] = value
        elif name in ("properties", "$defs", "definitions") and isinstance(value, dict):
            closed[name] = {key: _closed(item) for key, item in value.items()}
        else:
            closed[name] = _closed(value)
    if words:
        closed["description"] = "; ".join(filter(None, [str(closed.get("description", "")), *words]))
    if "properties" in closed or _is_object(closed.get("type")):
        closed["additionalProperties"] = False
    return closed


def _is_object(kind: Json) -> bool:
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _has_maps(schema: Json) -> bool:
    """Whether any object may have properties it does not name (`dict[str, float]`), which the native mode can't say."""
    todo = [schema]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            if at.get("additionalProperties", False) is not False or at.get("patternProperties"):
                return True
            todo.extend(at.values())
        elif isinstance(at, list):
            todo.extend(at)
    return False


def _references(node: Json) -> list[str]:
    """Every `$ref` in a schema."""
    found: list[str] = []
    todo = [node]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            if isinstance(at.get("$ref"), str):
                found.append(at["$ref"])
            todo.extend(at.values())
        elif isinstance(at, list):
            todo.extend(at)
    return found


def _refers_outside(schema: dict[str, Any]) -> bool:
    return any(not ref.startswith(("#/$defs/", "#/definitions/")) for ref in _references(schema))


def _is_recursive(schema: dict[str, Any]) -> bool:
    """Whether a definition can reach itself, or anything refers to the root."""
    definitions: dict[str, Any] = {}
    for group in ("$defs", "definitions"):
        if isinstance(schema.get(group), dict):
            definitions |= {f"#/{group}/{name}": node for name, node in schema[group].items()}
    edges = {name: definitions.keys() & set(_references(node)) for name, node in definitions.items()}
    users: dict[str, list[str]] = {name: [] for name in edges}
    for name, references in edges.items():
        for reference in references:
            users[reference].append(name)
    # Definitions are put aside once all that they refer to is (Kahn's algorithm): what stays is in a cycle, or leads to one.
    unresolved = {name: len(references) for name, references in edges.items()}
    resolved = [name for name, count in unresolved.items() if not count]
    for name in resolved:
        for user in users[name]:
            unresolved[user] -= 1
            if not unresolved[user]:
                resolved.append(user)
    return len(resolved) < len(edges)


def _size(schema: Json) -> int:
    """How many properties a schema declares in all."""
    count, todo = 0, [schema]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            properties = at.get("properties")
            count += len(properties) if isinstance(properties, dict) else 0
            todo.extend(at.values())
        elif isinstance(at, list):
            todo.extend(at)
    return count
