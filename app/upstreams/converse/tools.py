"""`toolConfig`: tool specs, the choice among them, and the cache point behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from app.core.plan import Plan
from app.core.prompt import Tool
from app.upstreams.converse.messages import cache_point
from app.upstreams.converse.names import tool_name
from app.upstreams.converse.property_names import Names, with_aliases
from app.upstreams.converse.schemas import tool_schema


def to_tool_config(plan: Plan, repairs: Counter[str]) -> tuple[dict[str, Any] | None, Mapping[str, Names]]:
    """The `toolConfig` member, None where the plan has no tools. Order and keys stay as the client sent them.

    With it, by a tool's alias, the aliases of its arguments, for those tools that have any.
    """
    tools: list[dict[str, Any]] = []
    properties: dict[str, Names] = {}
    for tool in _distinct(plan.tools, repairs):
        spec, names = _spec(tool, plan, repairs)
        if names:
            properties[spec["name"]] = names
        tools.append({"toolSpec": spec})
        if tool.cache is not None and plan.cache_points and plan.target.traits.cache_tools:
            tools.append(cache_point(tool.cache.ttl))
    if plan.grounding:
        tools.append({"systemTool": {"name": plan.target.traits.grounding_tool}})
    if not tools:
        return None, properties
    config: dict[str, Any] = {"tools": tools}
    match plan.tool_choice.mode:
        case "any":
            config["toolChoice"] = {"any": {}}
        case "tool":
            config["toolChoice"] = {"tool": {"name": tool_name(plan.tool_choice.name)}}
        case _:
            pass  # auto is what Converse does by itself, and some families refuse to be told
    return config, properties


def _distinct(tools: tuple[Tool, ...], repairs: Counter[str]) -> list[Tool]:
    """The tools without repetitions of a name, which Bedrock refuses; the first one stays."""
    distinct: dict[str, Tool] = {}
    for tool in tools:
        distinct.setdefault(tool_name(tool.name), tool)
    if len(distinct) < len(tools):
        repairs["duplicate-tool"] += len(tools) - len(distinct)
    return list(distinct.values())


def _spec(tool: Tool, plan: Plan, repairs: Counter[str]) -> tuple[dict[str, Any], Names]:
    traits = plan.target.traits
    name = tool_name(tool.name)
    if name != tool.name:
        repairs["tool-name"] += 1
    schema, changed = tool_schema(tool.schema, lookaround=traits.regex_lookaround)
    if changed:
        repairs["tool-schema"] += 1
    schema, names = with_aliases(schema)
    if names:
        repairs["property-name"] += len(names)
    spec: dict[str, Any] = {"name": name}
    if tool.description.strip():
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": schema}
    if tool.strict and traits.strict:
        spec["strict"] = True
    return spec, names
