"""Tools and the choice among them, out of every form that clients send. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.chat.caching import cache_point
from app.core.prompt import Tool, ToolChoice
from app.core.request_options import allowed_mode, freeform_tool
from app.errors import InvalidRequest


def decode_tools(
    tools: list[dict[str, Any]], functions: list[dict[str, Any]]
) -> tuple[tuple[Tool, ...], frozenset[str]]:
    """The tools, and the names of those that are `custom` (freeform input instead of JSON arguments)."""
    decoded: list[Tool] = []
    custom: set[str] = set()
    for place, tool in enumerate(tools):
        kind = tool.get("type") or "function"
        if kind not in ("function", "custom"):
            raise InvalidRequest(
                f"Unknown tool type {str(kind)[:40]!r}; use 'function' or 'custom'.",
                param=f"tools.{place}.type",
                code="invalid_value",
            )
        # Some clients send the members flat, as the Responses API has them.
        body = _inner(tool, kind)
        name = _name(body, f"tools.{place}.{kind}.name")
        if kind == "custom":
            custom.add(name)
            decoded.append(_custom(name, body))
        else:
            decoded.append(_function(name, body, cache_point(tool) or cache_point(body)))
    for place, function in enumerate(functions):
        decoded.append(_function(_name(function, f"functions.{place}.name"), function, None))
    return tuple(decoded), frozenset(custom)


def _inner(holder: Mapping[str, Any], name: Any) -> Mapping[str, Any]:
    """The object under `name`, or the holder itself where the members stand flat."""
    body = holder.get(name) if isinstance(name, str) else None
    return body if isinstance(body, Mapping) else holder


def _name(body: Mapping[str, Any], param: str) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name or len(name) > 512:
        raise InvalidRequest("A tool needs a name.", param=param, code="missing_required_parameter")
    return name


def _function(name: str, body: Mapping[str, Any], cache: Any) -> Tool:
    description = body.get("description")
    strict = body.get("strict")
    return Tool(
        name,
        description if isinstance(description, str) else "",
        body.get("parameters", body.get("input_schema")),
        strict if isinstance(strict, bool) else None,
        cache,
    )


def _custom(name: str, body: Mapping[str, Any]) -> Tool:
    described = body.get("description")
    return freeform_tool(name, described if isinstance(described, str) else "", body)


def decode_tool_choice(choice: Any, function_call: Any) -> ToolChoice:
    """`tool_choice`, or the legacy `function_call` where there is none."""
    if choice is None:
        if isinstance(function_call, Mapping):
            return ToolChoice("tool", _chosen(function_call, "function_call.name"))
        choice, param = function_call, "function_call"
    else:
        param = "tool_choice"
    if choice is None:
        return ToolChoice()
    if isinstance(choice, str):
        mode = {"auto": "auto", "none": "none", "required": "any", "any": "any"}.get(choice)
        if mode is None:
            raise InvalidRequest(
                "tool_choice must be 'none', 'auto', 'required' or an object that names a tool.",
                param=param,
                code="invalid_value",
            )
        return ToolChoice(mode)  # type: ignore[arg-type]
    return _object_choice(choice, param)


def _object_choice(choice: Mapping[str, Any], param: str) -> ToolChoice:
    kind = choice.get("type", "function")
    if kind == "allowed_tools":
        inner = _inner(choice, "allowed_tools")
        mode = allowed_mode(inner.get("mode"), f"{param}.mode")
        listed = inner.get("tools")
        names = tuple(
            _chosen(_inner(tool, tool.get("type", "function")), f"{param}.tools") for tool in _mappings(listed)
        )
        return ToolChoice(mode, allowed=names)
    if kind in ("auto", "any", "none", "required"):
        return decode_tool_choice(kind, None)
    if kind in ("function", "custom", "tool"):
        return ToolChoice("tool", _chosen(_inner(choice, kind), f"{param}.{kind}.name"))
    raise InvalidRequest("Unknown form of tool_choice.", param=f"{param}.type", code="invalid_value")


def _chosen(body: Mapping[str, Any], param: str) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidRequest("The tool to call is not named.", param=param, code="missing_required_parameter")
    return name


def _mappings(listed: Any) -> list[Mapping[str, Any]]:
    return [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
