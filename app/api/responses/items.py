"""Input items as turns of a conversation. Pure; errors name the item at fault.

What the assistant said, thought and called in a row is one turn, and so are the results of its calls, and what the user
said; everything else that is wrong with a history is for the repairer, who knows the model.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.api.responses.parts import decode_content, decode_output, json_text
from app.api.responses.sealed import Unsealer
from app.api.responses.shape import Item
from app.api.responses.tools import SEARCH, Toolbox, found_tools
from app.core import sources
from app.core.prompt import CachePoint, Media, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult
from app.core.request_options import FREEFORM_INPUT
from app.errors import InvalidRequest, NotFound

UNKNOWN_TOOL = "unknown_tool"
"""The name of a tool whose call came without one."""
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_CALLS = {
    "local_shell_call": ("local_shell", "action"),
    "shell_call": ("shell", "action"),
    "apply_patch_call": ("apply_patch", "operation"),
    "computer_call": ("computer", "action"),
    "program": ("program", "code"),
}
"""Calls of tools with a form of their own: the name and the member that a model is shown."""
_OUTPUTS = ("local_shell_call_output", "shell_call_output", "apply_patch_call_output", "computer_call_output")
_DROPPED: tuple[str, ...] = ("compaction_trigger", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response")
_DROPPED += ("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call")


def kind_of(item: Any, param: str) -> str:
    """The type of an item, which a message and a reference may leave out."""
    if not isinstance(item, Mapping):
        raise InvalidRequest("An input item must be an object.", param=param, code="invalid_type")
    kind = item.get("type")
    if kind is None and "role" in item:
        return "message"
    if kind is None and isinstance(item.get("id"), str):
        return "item_reference"
    if not isinstance(kind, str):
        raise InvalidRequest("An input item needs a type.", param=f"{param}.type", code="missing_required_parameter")
    return kind


class Turns:
    """`add` the items in order, then take `messages`. `effort` and `format`: what the items have changed, or None."""

    def __init__(self, box: Toolbox) -> None:
        self.effort: str | None = None
        self.format: Any = None
        self.repairs: Counter[str] = Counter()
        self._box = box
        self._unsealer = Unsealer()
        self._turns: list[tuple[Role, bool, list[Part]]] = []
        self._nameless: deque[str] = deque()
        self._invented = 0
        self._readers = self._table()

    @property
    def messages(self) -> list[Message]:
        return [Message(role, tuple(parts)) for role, _, parts in self._turns]

    def add(self, item: Item, kind: str, param: str) -> None:
        self._readers.get(kind, self._unknown)(item, param)

    def _table(self) -> dict[str, Callable[[Item, str], None]]:
        return {
            "message": self._message,
            "function_call": self._function_call,
            "function_call_output": self._output,
            "custom_tool_call": self._custom_call,
            "custom_tool_call_output": self._output,
            "reasoning": self._reasoning,
            "tool_search_call": self._search_call,
            "tool_search_output": self._search_output,
            "additional_tools": self._more_tools,
            "configuration_update": self._update,
            "compaction": self._compaction,
            "mcp_call": self._mcp_call,
            "program_output": self._output,
            **dict.fromkeys(_CALLS, self._own_call),
            **dict.fromkeys(_OUTPUTS, self._output),
            **dict.fromkeys(_DROPPED, self._dropped),
        }

    def _join(self, role: Role, parts: Sequence[Part], *, results: bool = False) -> None:
        """To the turn that is open, where it is of that role; results and words of the user's stay apart."""
        if self._turns and role != "system":
            last_role, last_results, last = self._turns[-1]
            if last_role == role and last_results == results:
                last.extend(parts)
                return
        self._turns.append((role, results, list(parts)))

    def _message(self, item: Item, param: str) -> None:
        said = item.get("role")
        role = _ROLES.get(said) if isinstance(said, str) else None
        if role is None:
            raise InvalidRequest(
                f"Unknown role {str(said)[:40]!r}; use system, developer, user or assistant.",
                param=f"{param}.role",
                code="invalid_value",
            )
        parts = decode_content(item.get("content"), f"{param}.content")
        if role == "assistant":
            parts = tuple(part for part in parts if not isinstance(part, CachePoint))
        self._join(role, parts)

    def _reasoning(self, item: Item, param: str) -> None:
        """Signed, where we sealed it. What another provider sealed is of no use to a model here."""
        content = item.get("encrypted_content")
        blocks = self._unsealer.thoughts(content)
        if blocks is None:
            self.repairs["foreign-reasoning"] += bool(content)
            text = _said(item.get("content")) or _said(item.get("summary"))
            blocks = [Reasoning(text)] if text.strip() else []
        if blocks:
            self._join("assistant", blocks)

    def _function_call(self, item: Item, param: str) -> None:
        arguments = item.get("arguments")
        self._call(item, arguments if isinstance(arguments, str) else "" if arguments is None else json_text(arguments))

    def _custom_call(self, item: Item, param: str) -> None:
        text = item.get(FREEFORM_INPUT)
        self._call(item, json_text({FREEFORM_INPUT: text if isinstance(text, str) else ""}))

    def _search_call(self, item: Item, param: str) -> None:
        if item.get("execution") == "server":
            self._dropped(item, param)
        else:
            self._call(item | {"name": SEARCH}, json_text(item.get("arguments") or {}))

    def _own_call(self, item: Item, param: str) -> None:
        name, member = _CALLS[str(item.get("type"))]
        value = item.get(member)
        self._call(item | {"name": name}, json_text(value if isinstance(value, Mapping) else {member: value}))

    def _call(self, item: Item, arguments: str) -> None:
        name, space = item.get("name"), item.get("namespace")
        if not isinstance(name, str) or not name:
            name = UNKNOWN_TOOL
        flat = self._box.flat(name, space if isinstance(space, str) else "")
        self._join("assistant", [ToolCall(self._call_id(item), flat, arguments)])

    def _call_id(self, item: Item) -> str:
        """A call without an id gets one that no model takes, so that the repairer replaces and counts it; the next result
        without one is its."""
        given = item.get("call_id")
        if isinstance(given, str) and given:
            return given
        self._invented += 1
        self._nameless.append(f"call {self._invented}")
        return self._nameless[-1]

    def _output(self, item: Item, param: str) -> None:
        member = "result" if item.get("type") == "program_output" else "output"
        self._result(item, *decode_output(item.get(member), f"{param}.{member}"))

    def _search_output(self, item: Item, param: str) -> None:
        self._more_tools(item, param)
        if item.get("execution") == "server" or not (item.get("call_id") or self._nameless):
            self._dropped(item, param)
        else:
            self._result(item, Text(found_tools(item.get("tools"))))

    def _result(self, item: Item, *parts: Part) -> None:
        content = tuple(part for part in parts if isinstance(part, Text | Media))
        points = [part for part in parts if isinstance(part, CachePoint)]
        given = item.get("call_id") or (item.get("id") if item.get("type") == "local_shell_call_output" else None)
        if not isinstance(given, str) or not given:
            given = self._nameless.popleft() if self._nameless else "call 0"
        failed = item.get("is_error") is True or item.get("status") == "failed"
        self._join("user", [ToolResult(given, content, failed), *points[-1:]], results=True)

    def _mcp_call(self, item: Item, param: str) -> None:
        self._function_call(item | {"call_id": item.get("id")}, param)
        call = self._turns[-1][2][-1]
        assert isinstance(call, ToolCall)
        error = item.get("error")
        said = item.get("output") if error is None else json_text(error)
        self._result(
            item | {"call_id": call.id, "is_error": error is not None}, *decode_output(said, f"{param}.output")
        )

    def _more_tools(self, item: Item, param: str) -> None:
        if item.get("tools") is not None:
            self._box.add(item["tools"], f"{param}.tools")

    def _update(self, item: Item, param: str) -> None:
        reasoning, text = item.get("reasoning"), item.get("text")
        if isinstance(reasoning, Mapping) and reasoning.get("effort") is not None:
            self.effort = str(reasoning["effort"])
        if isinstance(text, Mapping) and text.get("format") is not None:
            self.format = text["format"]

    def _compaction(self, item: Item, param: str) -> None:
        summary = self._unsealer.summary(item.get("encrypted_content"))
        if summary is None:
            self.repairs["foreign-compaction"] += 1
        else:
            self._join("user", (Text(f"[summary of the conversation so far]\n{summary}"),))

    def _unknown(self, item: Item, param: str) -> None:
        """An item of a type from after this code: calls and results are read as such; the rest is refused, or omitted from
        an old turn."""
        kind = str(item["type"])
        name, is_call, rest = kind.rpartition("_call")
        if is_call and rest == "_output":
            self._output(item, param)
        elif is_call and not rest and item.get("call_id"):
            arguments = {key: value for key, value in item.items() if key not in ("id", "type", "status", "call_id")}
            self._call(item | {"name": name}, json_text(arguments))
        elif is_call and not rest:
            self._dropped(item, param)
        else:
            problem = InvalidRequest(
                f"Unknown input item type {kind[:40]!r}.", param=f"{param}.type", code="invalid_value"
            )
            self._join("user", [sources.broken("", problem)])

    def _dropped(self, item: Item, param: str) -> None:
        self.repairs["dropped-item"] += 1


def _said(parts: Any) -> str:
    """The text of a thought's parts."""
    if not isinstance(parts, list):
        return ""
    found = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in found if isinstance(text, str))


def item_not_found(item_id: str, param: str) -> NotFound:
    return NotFound(
        f"Item with id {item_id[:80]!r} not found. Items are kept when `store` is true; send the item itself instead.",
        param=param,
        code="item_not_found",
    )
