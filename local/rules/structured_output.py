"""Rules about outputConfig.textFormat: who takes it, and which schemas compile."""

import json
from collections.abc import Iterator
from typing import Any

from local.rules.asked import Asked, model_says, unsupported

_CONTAINERS = ("properties", "$defs", "definitions", "patternProperties")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_FORMS = dict.fromkeys(_CONTAINERS, dict) | dict.fromkeys(_LISTS, list)


def broken(asked: Asked) -> Iterator[str]:
    """Violations within the requested text format, in Converse's member or in Claude's own."""
    text_format = (asked.body.get("outputConfig") or {}).get("textFormat")
    native = asked.native("output_config").get("format") if asked.facts.is_claude else None
    if text_format is None and native is None:
        return
    if not asked.facts.text_format:
        refusal = model_says("output_config.format: Extra inputs are not permitted")
        yield refusal if asked.facts.is_claude else unsupported("outputConfig.textFormat")
        return
    if text_format is not None:
        yield from _schema_text(text_format["structure"]["jsonSchema"]["schema"])
    if isinstance(native, dict):
        yield from _schema(native.get("schema"))


def _schema_text(text: str) -> Iterator[str]:
    try:
        schema = json.loads(text)
    except ValueError:
        yield "The value at outputConfig.textFormat.structure.jsonSchema.schema is not a valid JSON Schema."
        return
    yield from _schema(schema)


def _schema(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield model_says("output_config.format.schema: Input should be an object")
        return
    for node in _nodes(schema):
        for name in (*_CONTAINERS, *_LISTS):
            if node.get(name) is not None and not isinstance(node[name], _FORMS[name]):
                yield model_says(f"output_config.format.schema: Invalid value for '{name}'")
                return
    if any(_is_object(node) and node.get("additionalProperties") is not False for node in _nodes(schema)):
        yield model_says(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    if any(not str(node.get("$ref", "#")).startswith("#") for node in _nodes(schema)):
        yield model_says("output_config.format.schema: External references are not supported")


def _is_object(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in node


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and every schema within it; values that only look like schemas (defaults, enums) are not visited."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name in _CONTAINERS:
        held = schema.get(name)
        for inner in held.values() if isinstance(held, dict) else ():
            yield from _nodes(inner)
    for name in _LISTS:
        held = schema.get(name)
        for inner in held if isinstance(held, list) else ():
            yield from _nodes(inner)
    for name in ("items", "additionalProperties", "not"):
        yield from _nodes(schema.get(name))
