"""Rules about toolConfig: schemas, choice, strictness, and who can stream with tools."""

import re
from collections.abc import Iterator
from typing import Any

from local.models import Thinking
from local.rules.asked import Asked, Block, model_says, unsupported

_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_LOOKAROUND = ("(?=", "(?!", "(?<=", "(?<!")


def broken(asked: Asked) -> Iterator[str]:
    """Violations within toolConfig."""
    if not asked.tools:
        return
    if asked.streaming and not asked.facts.streams_tools:
        yield "This model doesn't support tool use in streaming mode."
    specs = [(index, tool["toolSpec"]) for index, tool in enumerate(asked.tools) if "toolSpec" in tool]
    names = [spec["name"] for _, spec in specs]
    if len(set(names)) < len(names):
        yield model_says("tools: Tool names must be unique.")
    for index, spec in specs:
        yield from _spec(asked, spec, index)
    if not specs and not any("systemTool" in tool for tool in asked.tools):
        yield "toolConfig.tools must contain at least one tool."
    yield from _choice(asked, names)
    yield from _native_choice(asked)


def _spec(asked: Asked, spec: Block, index: int) -> Iterator[str]:
    path = f"toolConfig.tools.{index}.toolSpec"
    if "strict" in spec and not asked.facts.strict_tools:
        yield (
            model_says(f"tools.{index}.custom.strict: Extra inputs are not permitted")
            if asked.facts.is_claude
            else unsupported(f"{path}.strict")
        )
    schema = spec["inputSchema"].get("json")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield f"The value at {path}.inputSchema.json.type must be one of the following: object."
        return
    if schema.keys() & {"oneOf", "anyOf", "allOf"}:
        yield model_says(f"tools.{index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf "
                         "at the top level")  # fmt: skip
    if not all(_PROPERTY.fullmatch(name) for name in schema.get("properties") or ()):
        yield model_says(f"tools.{index}.custom.input_schema.properties: Property keys should match pattern "
                         "'^[a-zA-Z0-9_.-]{1,64}$'")  # fmt: skip
    if not asked.facts.lookaround and _has_lookaround(schema):
        yield model_says(f"Invalid schema for function '{spec['name']}': regex lookaround is not supported")


def _has_lookaround(schema: Any) -> bool:
    if isinstance(schema, dict):
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and any(mark in pattern for mark in _LOOKAROUND):
            return True
        return any(_has_lookaround(inner) for inner in schema.values())
    return isinstance(schema, list) and any(_has_lookaround(inner) for inner in schema)


def _choice(asked: Asked, names: list[str]) -> Iterator[str]:
    choice = (asked.body.get("toolConfig") or {}).get("toolChoice")
    if not choice:
        return
    kind = next(iter(choice))
    if kind not in asked.facts.tool_choice:
        yield unsupported(f"toolConfig.toolChoice.{kind}" if asked.facts.tool_choice else "toolConfig.toolChoice")
    elif kind != "auto" and asked.thinks and not asked.facts.forced_with_thinking:
        yield model_says("Thinking may not be enabled when tool_choice forces tool use.")
    if kind == "tool" and choice["tool"]["name"] not in names:
        yield (f"The toolChoice.tool.name {choice['tool']['name']} must match the name of a tool in toolConfig.tools.")


def _native_choice(asked: Asked) -> Iterator[str]:
    """Claude's own `tool_choice`, which carries `disable_parallel_tool_use`."""
    native = asked.native("tool_choice")
    if native.get("type") and (asked.body.get("toolConfig") or {}).get("toolChoice"):
        yield model_says("tool_choice.type: may be given in toolConfig.toolChoice or in tool_choice, not in both")
    forced = native.get("type") in ("any", "tool")
    always_refused = asked.facts.thinking is Thinking.ALWAYS and "any" not in asked.facts.tool_choice
    if forced and (always_refused or (asked.thinks and not asked.facts.forced_with_thinking)):
        yield model_says("Thinking may not be enabled when tool_choice forces tool use.")
