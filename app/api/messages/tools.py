"""Tools and the choice among them. Pure; errors name the tool at fault.

A tool whose type Anthropic's API knows and that the client runs (`bash_...`, `text_editor_...`, `memory_...`, `computer_...`)
becomes a function with the arguments that its documentation gives it: so any model can call it, and Converse takes no other.
A tool that Anthropic's servers run has nobody to run it here: it is left out and told, and refused where nothing else is asked
for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.api.messages.blocks import cache_point
from app.api.messages.refuse import filled, missing, one_word, unknown_type, wrong
from app.api.messages.schema import ToolChoiceConfig
from app.core.prompt import Tool, ToolChoice

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_RANGE = {"type": "array", "items": _WHOLE, "minItems": 2, "maxItems": 2}
_EDITS = {
    "path": _TEXT,
    "file_text": _TEXT,
    "old_str": _TEXT,
    "new_str": _TEXT,
    "insert_line": _WHOLE,
    "insert_text": _TEXT,
    "view_range": _RANGE,
}
_ACTIONS = (
    *("screenshot", "cursor_position", "mouse_move", "left_click", "right_click", "middle_click", "double_click"),
    *("triple_click", "left_click_drag", "left_mouse_down", "left_mouse_up", "scroll", "key", "hold_key", "type"),
    *("wait", "zoom"),
)


def _chosen(name: str, words: Sequence[str]) -> dict[str, Any]:
    return {name: {"type": "string", "enum": list(words)}}


CLIENT: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "bash_": (
        "Run a command in a persistent bash session; `restart` starts a new one.",
        {"command": _TEXT, "restart": {"type": "boolean"}},
        (),
    ),
    "text_editor_": (
        "View, create and edit text files.",
        _chosen("command", ("view", "create", "str_replace", "insert", "undo_edit")) | _EDITS,
        ("command", "path"),
    ),
    "memory_": (
        "Keep notes in files under /memories, for later conversations.",
        _chosen("command", ("view", "create", "str_replace", "insert", "delete", "rename"))
        | _EDITS
        | {"old_path": _TEXT, "new_path": _TEXT},
        ("command",),
    ),
    "computer_": (
        "Use a computer's screen, mouse and keyboard.",
        _chosen("action", _ACTIONS)
        | {"coordinate": _RANGE, "start_coordinate": _RANGE, "text": _TEXT, "duration": {"type": "number"}}
        | _chosen("scroll_direction", ("up", "down", "left", "right"))
        | {"scroll_amount": _WHOLE, "region": {"type": "array", "items": _WHOLE}},
        ("action",),
    ),
}
"""Beginning of a type -> what it is for, its arguments, and which of them it needs."""

SERVER: tuple[str, ...] = ("web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "mcp_toolset")
SERVER += ("advisor_", "browser_toolset_", "computer_toolset_")
ADVICE = {
    "web_search_": 'Switch this tool off in the client (agents: "permissions": {"deny": ["WebSearch"]} in settings.json) '
    "and add a search tool that the client runs itself, such as an MCP server",
    "web_fetch_": "Switch this tool off in the client and add one that the client runs itself, such as an MCP server",
}
OTHER_ADVICE = "Send a tool that the client runs itself (type `custom`)"
UNUSED = ("defer_loading", "input_examples", "eager_input_streaming", "allowed_callers")
"""Members of a tool that change nothing on Bedrock."""


def decode_tools(tools: Sequence[Mapping[str, Any]]) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
    """The tools, and what was left out of them, by type or member."""
    decoded: list[Tool] = []
    ignored: dict[str, None] = {}
    for place, tool in enumerate(tools):
        param, kind = f"tools.{place}", tool.get("type") or "custom"
        if kind == "custom":
            decoded.append(_custom(tool, param))
            ignored |= {f"tools.{name}": None for name in UNUSED if _told(name, tool.get(name))}
        elif not isinstance(kind, str):
            wrong(f"{param}.type", "Input should be a valid string", "invalid_type")
        elif kind.startswith(SERVER):  # before the others: `computer_toolset_` is none of `computer_`
            ignored[f"tools.{one_word(kind)}"] = None
        else:
            decoded.append(_typed(kind, tool, param))
    if tools and not decoded:
        kind = one_word(tools[0].get("type"))
        wrong("tools.0.type", f"{kind} runs on its vendor's own servers, not on Amazon Bedrock. {_advice(kind)}",
              "unsupported_value")  # fmt: skip
    return tuple(decoded), tuple(ignored)


def _advice(kind: str) -> str:
    """What to do in the client where a request has no other tool, as agents send it for one search or page."""
    return next((advice for prefix, advice in ADVICE.items() if kind.startswith(prefix)), OTHER_ADVICE)


def _told(name: str, value: Any) -> bool:
    return bool(value) and not (name == "allowed_callers" and value == ["direct"])


def _custom(tool: Mapping[str, Any], param: str) -> Tool:
    schema, described, strict = tool.get("input_schema"), tool.get("description"), tool.get("strict")
    name = _name(tool, param)
    if schema is None:
        missing(f"{param}.custom.input_schema")
    if not isinstance(schema, Mapping):
        wrong(f"{param}.custom.input_schema", "Input should be a valid dictionary", "invalid_type")
    return Tool(
        name,
        described if isinstance(described, str) else "",
        schema,
        strict if isinstance(strict, bool) else None,
        cache_point(tool),
    )


def _typed(kind: str, tool: Mapping[str, Any], param: str) -> Tool:
    found = next((row for prefix, row in CLIENT.items() if kind.startswith(prefix)), None)
    if found is None:
        unknown_type(kind, ("custom", *(f"{prefix}..." for prefix in (*CLIENT, *SERVER))), param)
    described, properties, required = found
    width, height = tool.get("display_width_px"), tool.get("display_height_px")
    if isinstance(width, int) and isinstance(height, int):
        described += f" The screen has {width}x{height} pixels."
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Tool(_name(tool, param), described, schema, cache=cache_point(tool))


def _name(tool: Mapping[str, Any], param: str) -> str:
    name = filled(tool, "name", param)
    if len(name) > 512:
        wrong(f"{param}.name", "String should have at most 512 characters")
    return name


def decode_choice(choice: ToolChoiceConfig | None, tools: Sequence[Tool]) -> ToolChoice:
    """Who insists on a tool that was left out is told that there is none."""
    if choice is None or not tools:
        return ToolChoice()
    if choice.type != "tool":
        return ToolChoice(choice.type)
    if not choice.name:
        missing("tool_choice.tool.name")
    if choice.name not in {tool.name for tool in tools}:
        wrong("tool_choice.tool.name", f"Tool {one_word(choice.name)!r} not found in provided tools")
    return ToolChoice("tool", choice.name)
