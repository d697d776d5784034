"""Messages and their parts: from what clients send to the gateway's vocabulary. Pure; errors name the part at fault."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from app.api.chat.blocks import decode_media_block, filled_string, is_media_block
from app.api.chat.caching import cache_point
from app.api.chat.reasoning import decode_reasoning
from app.core import sources
from app.core.old_media import mark_old_media
from app.core.prompt import CachePoint, Media, Message, Part, Text, ToolCall, ToolResult
from app.errors import InvalidRequest

TEXT_TYPES = ("text", "input_text", "output_text")
PART_TYPES: tuple[str, ...] = (
    *TEXT_TYPES,
    "refusal",
    "thinking",
    "redacted_thinking",
    "reasoning",
    "image_url",
    "input_image",
)
PART_TYPES += ("video_url", "audio_url", "input_audio", "file", "input_file")
UNKNOWN_TOOL = "unknown_tool"
"""The name of a tool whose call came without one."""
MAX_PARTS = 20_000


def decode_messages(messages: list[dict[str, Any]], custom: frozenset[str]) -> tuple[Message, ...]:
    """`custom`: names of tools with freeform input, whose calls are wrapped as functions towards the model."""
    return _Decoder(custom).run(messages)


class _Decoder:
    """Remembers the ids given to legacy function calls, which have none, until their results come."""

    def __init__(self, custom: frozenset[str]) -> None:
        self._custom = custom
        self._legacy: dict[str, deque[str]] = {}
        self._nameless: deque[str] = deque()
        self._invented = 0

    def run(self, messages: list[dict[str, Any]]) -> tuple[Message, ...]:
        decoded = [self._message(message, f"messages.{place}") for place, message in enumerate(messages)]
        return mark_old_media(decoded)

    def _message(self, message: dict[str, Any], param: str) -> Message:
        role = message.get("role")
        match role:
            case "system" | "developer":
                return Message("system", _named(message, _content(message, param)))
            case "user":
                return Message("user", _named(message, _content(message, param)))
            case "assistant":
                return Message("assistant", self._assistant(message, param))
            case "tool":
                return self._result(message, message.get("tool_call_id"), param)
            case "function":
                waiting = self._legacy.get(str(message.get("name")))
                return self._result(message, waiting.popleft() if waiting else "function_call_0", param)
            case _:
                raise InvalidRequest(
                    f"Unknown role {str(role)[:40]!r}; use system, developer, user, assistant, tool or function.",
                    param=f"{param}.role",
                    code="invalid_value",
                )

    def _result(self, message: dict[str, Any], call_id: Any, param: str) -> Message:
        if not isinstance(call_id, str) or not call_id:
            call_id = self._nameless.popleft() if self._nameless else "call 0"
        return Message("user", tuple(_result_parts(message, call_id, param)))

    def _assistant(self, message: dict[str, Any], param: str) -> tuple[Part, ...]:
        parts: list[Part] = list(decode_reasoning(message))
        points: list[Part] = []
        for part in _content(message, param):
            (points if isinstance(part, CachePoint) else parts).append(part)
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            parts.append(Text(refusal))
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise InvalidRequest("tool_calls must be an array.", param=f"{param}.tool_calls", code="invalid_type")
        decoded = [self._call(call, f"{param}.tool_calls.{place}") for place, call in enumerate(calls)]
        # Some clients send a call both as a block of the content and here.
        known = {part.id for part in parts if isinstance(part, ToolCall)}
        parts.extend(call for call in decoded if not isinstance(call, ToolCall) or call.id not in known)
        legacy = message.get("function_call")
        if isinstance(legacy, Mapping) and isinstance(legacy.get("name"), str):
            parts.append(self._legacy_call(legacy["name"], legacy.get("arguments")))
        return (*parts, *points[-1:])

    def _call(self, call: Any, param: str) -> ToolCall | Media:
        """A call is always of an old turn: one of another provider's types is content that cannot be used."""
        if not isinstance(call, Mapping):
            raise InvalidRequest("A tool call must be an object.", param=param, code="invalid_type")
        kind = "custom" if isinstance(call.get("custom"), Mapping) else "function"
        body = call.get(kind)
        if not isinstance(body, Mapping):
            problem = InvalidRequest("A tool call needs a function.", param=f"{param}.{kind}", code="invalid_type")
            if call.get("type") in (None, "function", "custom"):
                raise problem
            return sources.broken("", problem)
        name = body.get("name")
        name = name if isinstance(name, str) and name else UNKNOWN_TOOL
        identifier = call.get("id")
        if not isinstance(identifier, str) or not identifier:
            identifier = self._invented_id(self._nameless, "call ")
        if kind == "custom":
            return ToolCall(identifier, name, _json({"input": str(body.get("input", ""))}))
        return ToolCall(identifier, name, _arguments(body.get("arguments")))

    def _invented_id(self, waiting: deque[str], prefix: str) -> str:
        """An id for a call that came without one; the next result without one is its. A prefix with a blank makes it no
        valid id, so that the repairer replaces and counts it."""
        self._invented += 1
        waiting.append(f"{prefix}{self._invented}")
        return waiting[-1]

    def _legacy_call(self, name: str, arguments: Any) -> ToolCall:
        identifier = self._invented_id(self._legacy.setdefault(name, deque()), "function_call_")
        return ToolCall(identifier, name, _arguments(arguments))


def _result_parts(message: Mapping[str, Any], call_id: str, param: str) -> list[Part]:
    """The result that a tool's message or a `tool_result` block holds, with the cache point behind it."""
    parts = _content(_with_text(message), param)
    content = tuple(part for part in parts if isinstance(part, Text | Media))
    points = [part for part in parts if isinstance(part, CachePoint)]
    return [ToolResult(call_id, content, message.get("is_error") is True), *points[-1:]]


def _with_text(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool's message with content that is neither text nor parts (an object, a list of rows, a number) as JSON text."""
    content = message.get("content")
    if content is None or isinstance(content, str) or _are_parts(content):
        return message
    return {**message, "content": _json(content)}


def _are_parts(content: Any) -> bool:
    items = content if isinstance(content, list) else [content]
    return all(
        isinstance(item, str)
        or (isinstance(item, Mapping) and (item.get("type") in PART_TYPES or is_media_block(item)))
        for item in items
    )


def _arguments(arguments: Any) -> str:
    """Arguments are JSON text; an object where the text should be is taken for what it is."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else _json(arguments)


def _json(value: Any) -> str:
    from pydantic_core import to_json

    return to_json(value).decode()


def _named(message: Mapping[str, Any], parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """`name` tells the participants of a chat apart; Converse has no field for it, so it leads the text."""
    name = message.get("name")
    if not isinstance(name, str) or not name.strip() or not parts or not isinstance(parts[0], Text):
        return parts
    return (Text(f"{name.strip()[:64]}: {parts[0].text}"), *parts[1:])


def _content(message: Mapping[str, Any], param: str) -> tuple[Part, ...]:
    """The parts of a message: a string, an array of parts, or nothing."""
    content = message.get("content")
    point = cache_point(message)
    tail: tuple[Part, ...] = (point,) if point else ()
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content), *tail)
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list) or len(content) > MAX_PARTS:
        raise InvalidRequest(
            "content must be a string or an array of parts.", param=f"{param}.content", code="invalid_type"
        )
    parts: list[Part] = []
    for place, part in enumerate(content):
        parts.extend(sources.decode_part(part, f"{param}.content.{place}", _decoded))
    return (*parts, *tail)


def _decoded(part: Mapping[str, Any], param: str) -> list[Part]:
    kind = part.get("type") or "text"
    if kind in TEXT_TYPES:
        decoded: Part | None = Text(_string(part, "text", param))
    elif kind == "refusal":
        decoded = Text(_string(part, "refusal", param))
    elif kind == "tool_result":
        return _result_parts(part, filled_string(part, "tool_use_id", param), param)
    elif kind == "tool_use":
        name = filled_string(part, "name", param)
        decoded = ToolCall(filled_string(part, "id", param), name, _arguments(part.get("input")))
    elif kind in ("thinking", "redacted_thinking", "reasoning"):
        decoded = None  # read with the message's other reasoning, where the lanes are compared
    else:
        decoded = _media(kind, part, param)
    point = cache_point(part)
    return [item for item in (decoded, point) if item is not None]


def _media(kind: Any, part: Mapping[str, Any], param: str) -> Media:
    match kind:
        case "image_url" | "input_image":
            return sources.media("image", _url(part, "image_url", param), f"{param}.image_url")
        case "video_url":
            return sources.media("video", _url(part, "video_url", param), f"{param}.video_url")
        case "input_audio":
            body = _object(part, "input_audio", param)
            data = _string(body, "data", f"{param}.input_audio")
            form = str(body.get("format") or "")[:16]
            return sources.media("audio", data, f"{param}.input_audio.data", mime=f"audio/{form}" if form else "")
        case "audio_url":
            return sources.media("audio", _url(part, "audio_url", param), f"{param}.audio_url")
        case "file" | "input_file":
            return _file(part.get("file") if isinstance(part.get("file"), Mapping) else part, f"{param}.file")
        case "image" | "document":
            return decode_media_block(kind, part, param)
        case _:
            raise InvalidRequest(
                f"Unknown content part type {str(kind)[:40]!r}.", param=f"{param}.type", code="invalid_value"
            )


def _file(body: Any, param: str) -> Media:
    name = body.get("filename")
    name = name if isinstance(name, str) else ""
    data = body.get("file_data") or body.get("file_url")
    if isinstance(data, str) and data:
        return sources.media("document", data, f"{param}.file_data", name=name)
    if body.get("file_id"):
        raise InvalidRequest(
            "file_id is not supported; send the file inline as file_data.",
            param=f"{param}.file_id",
            code="unsupported_parameter",
        )
    raise InvalidRequest("A file part needs file_data.", param=f"{param}.file_data", code="missing_required_parameter")


def _url(part: Mapping[str, Any], name: str, param: str) -> str:
    body = part.get(name)
    url = body.get("url") if isinstance(body, Mapping) else body
    if not isinstance(url, str) or not url.strip():
        raise InvalidRequest(
            f"The part has no {name}.url.", param=f"{param}.{name}.url", code="missing_required_parameter"
        )
    return url.strip()


def _object(part: Mapping[str, Any], name: str, param: str) -> Mapping[str, Any]:
    body = part.get(name)
    if not isinstance(body, Mapping):
        raise InvalidRequest(f"The part has no {name}.", param=f"{param}.{name}", code="missing_required_parameter")
    return body


def _string(body: Mapping[str, Any], name: str, param: str) -> str:
    value = body.get(name)
    if value is None and name in ("text", "refusal") and "type" in body:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string.", param=f"{param}.{name}", code="invalid_type")
    return value
