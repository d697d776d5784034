"""Decides which tools the emulated model calls, and with what."""

import hashlib
import re
from base64 import urlsafe_b64encode
from typing import Any, NamedTuple

from local.behaviour.prompt import Body, Prompt
from local.behaviour.schema import Hints, fill
from local.behaviour.side_effects import has_side_effects

_USE_TOOLS = re.compile(
    r"(?i)\b(?:use|call|try)\s+(?:the|your|all|these|any|both|some|a)?\s*(?:the\s+)?(?:tools?|functions?)\b"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_COMMON_WORDS = frozenset(
    [
        "get",
        "set",
        "list",
        "find",
        "fetch",
        "make",
        "create",
        "update",
        "delete",
        "call",
        "tool",
        "function",
        "with",
        "from",
        "into",
        "that",
        "this",
        "current",
        "json",
        "response",
        "value",
        "data",
        "name",
        "text",
        "output",
        "result",
        "final",
        "answer",
        "return",
    ]
)
_SHORTEST_WORD = 4


class ToolCall(NamedTuple):
    """A call; `input` is the argument object."""

    id: str
    name: str
    input: Any


def calls(body: Body, prompt: Prompt) -> list[ToolCall]:
    """The calls of this turn; empty for an answer in words.

    They come from the person's own words alone, as a client may execute whatever is called: system text, reminders, file
    contents and tool results choose no tool and no argument. Tools that write or run something are called where the person
    asks for it with a directive, or where the client forces them; a forced one gets placeholders.
    """
    specs = [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools") or [] if "toolSpec" in tool]
    chosen = _directed(specs, prompt) or [
        (spec, _arguments(spec, "" if has_side_effects(spec) else prompt.request))
        for spec in _chosen(specs, body, prompt)
    ]
    if chosen and _parallel_is_off(body):
        chosen = chosen[:1]
    digest = _digest(body) if chosen else b""
    return [
        ToolCall(_call_id(digest, index), spec["name"], arguments) for index, (spec, arguments) in enumerate(chosen)
    ]


def _directed(specs: list[Body], prompt: Prompt) -> list[tuple[Body, Any]]:
    """The tools that directives name, with the arguments of the directive or else with some from the person's words."""
    by_name = {spec["name"]: spec for spec in specs}
    return [
        (
            by_name[name],
            _arguments(by_name[name], prompt.request) if arguments is None else arguments,
        )
        for name, arguments in prompt.directives
        if name in by_name
    ]


def _chosen(specs: list[Body], body: Body, prompt: Prompt) -> list[Body]:
    choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
    if "tool" in choice:
        return [spec for spec in specs if spec["name"] == choice["tool"]["name"]]
    native = _native_choice(body)
    if native.get("type") == "tool":
        return [spec for spec in specs if spec["name"] == native.get("name")]
    harmless = [spec for spec in specs if not has_side_effects(spec)]
    if "any" in choice or native.get("type") == "any":
        allowed = harmless or specs
        return _next_uncalled(allowed, body) if prompt.results else _mentioned(harmless, prompt.request) or allowed[:1]
    return [] if prompt.results else _mentioned(harmless, prompt.request)


def _next_uncalled(specs: list[Body], body: Body) -> list[Body]:
    """The first tool that the conversation has not called yet, else the last: a forced loop comes to its end."""
    blocks = (block for message in body["messages"] for block in message["content"])
    called = {block["toolUse"]["name"] for block in blocks if "toolUse" in block}
    return [spec for spec in specs if spec["name"] not in called][:1] or specs[-1:]


def _mentioned(specs: list[Body], text: str) -> list[Body]:
    """Tools that the text names; else all when it says to use tools; else those it has a telling word of."""
    named = [spec for spec in specs if re.search(rf"(?<![\w-]){re.escape(spec['name'])}(?![\w-])", text)]
    if named:
        return named
    if _USE_TOOLS.search(text):
        return specs
    words = {word.lower() for word in _WORD.findall(text)}
    return [spec for spec in specs if words & _telling_words(spec["name"])]


def _telling_words(name: str) -> set[str]:
    words = {word.lower() for word in _WORD.findall(name)}
    return {word for word in words if len(word) >= _SHORTEST_WORD and word not in _COMMON_WORDS}


def _arguments(spec: Body, text: str) -> Any:
    filled = fill(spec["inputSchema"].get("json") or {}, Hints.of(text))
    return filled if isinstance(filled, dict) else {}


def _parallel_is_off(body: Body) -> bool:
    return bool(_native_choice(body).get("disable_parallel_tool_use"))


def _native_choice(body: Body) -> Body:
    fields = body.get("additionalModelRequestFields")
    choice = fields.get("tool_choice") if isinstance(fields, dict) else None
    return choice if isinstance(choice, dict) else {}


def _digest(body: Body) -> bytes:
    return hashlib.sha256(repr(body.get("messages")).encode("utf-8", "surrogatepass")).digest()


def _call_id(digest: bytes, index: int) -> str:
    """`tooluse_` and 22 characters, as Bedrock's; the same for the same conversation, whole or streamed."""
    raw = hashlib.sha256(digest + bytes((index % 256,))).digest()[:16]
    return "tooluse_" + urlsafe_b64encode(raw).decode().rstrip("=")
