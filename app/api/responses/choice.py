"""`tool_choice`, out of every form it has. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.responses.tools import SEARCH, Toolbox, hosted
from app.core.prompt import ToolChoice
from app.core.request_options import allowed_mode
from app.errors import InvalidRequest

_WORDS = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("any"),
    "any": ToolChoice("any"),
}


def decode_choice(choice: Any, box: Toolbox) -> ToolChoice:
    """A hosted tool can't be forced: that is told, and the model is free. Without tools there is nothing to choose."""
    if isinstance(choice, Mapping) and choice.get("type") in tuple(_WORDS):
        choice = choice["type"]
    if choice is None or (isinstance(choice, str) and choice in _WORDS):
        return _without_tools(box, _WORDS[choice or "auto"])
    if not isinstance(choice, Mapping):
        raise _unknown("tool_choice")
    kind = choice.get("type")
    if kind == "allowed_tools":
        return _allowed(choice, box)
    if hosted(kind):
        box.ignored["tool_choice"] = None
        return ToolChoice()
    if kind not in ("function", "custom", SEARCH):
        raise _unknown("tool_choice.type")
    found = _names(choice, box, f"tool_choice.{'name' if kind != SEARCH else 'type'}")
    if not box.tools:
        return _without_tools(box, ToolChoice("any"))
    if not found:
        raise InvalidRequest(
            "tool_choice names a tool that is not among the tools.", param="tool_choice", code="invalid_value"
        )
    return ToolChoice("tool", found[0])


def _without_tools(box: Toolbox, choice: ToolChoice) -> ToolChoice:
    """The choice, where there are tools. Without any a call cannot be forced, which is reported."""
    if box.tools:
        return choice
    if choice.mode == "any":
        box.ignored["tool_choice"] = None
    return ToolChoice()


def _allowed(choice: Mapping[str, Any], box: Toolbox) -> ToolChoice:
    held = choice.get("allowed_tools")  # the form of chat completions
    inner = held if isinstance(held, Mapping) else choice
    listed = inner.get("tools")
    if not isinstance(listed, list) or not all(isinstance(tool, Mapping) for tool in listed):
        raise InvalidRequest("allowed_tools needs tools.", param="tool_choice.tools", code="missing_required_parameter")
    mode = allowed_mode(inner.get("mode"), "tool_choice.mode")
    if not box.tools:
        box.ignored["tool_choice"] = None
        return ToolChoice()
    ours = [tool for tool in listed if not hosted(tool.get("type"))]
    names: dict[str, None] = {}
    spaces: set[str] = set()
    for tool in ours:
        if tool.get("type") == "namespace" and isinstance(space := tool.get("name"), str):
            if space in spaces:  # its tools would be gone through again for each mention
                continue
            spaces.add(space)
        names |= dict.fromkeys(_names(tool, box, "tool_choice.tools"))
    if not names and ours:
        raise InvalidRequest(
            "tool_choice allows none of the tools that are given.", param="tool_choice", code="invalid_value"
        )
    if not names:
        return ToolChoice("none")
    return ToolChoice(mode, allowed=tuple(names))


def _names(tool: Mapping[str, Any], box: Toolbox, param: str) -> list[str]:
    """What a model sees of the tool that is named: one name, a namespace's, or none."""
    kind = tool.get("type", "function")
    held = tool.get(kind) if isinstance(kind, str) else None
    name = (held if isinstance(held, Mapping) else tool).get("name", SEARCH if kind == SEARCH else None)
    if not isinstance(name, str) or not name:
        raise InvalidRequest("The tool is not named.", param=param, code="missing_required_parameter")
    if kind == "namespace":
        return box.within(name)
    space = tool.get("namespace")
    flat = box.flat(name, space if isinstance(space, str) else "")
    return [flat] if flat in box.names else []


def _unknown(param: str) -> InvalidRequest:
    return InvalidRequest(
        "tool_choice must be 'none', 'auto', 'required' or an object that names a tool.",
        param=param,
        code="invalid_value",
    )
