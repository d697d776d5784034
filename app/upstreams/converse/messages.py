"""Messages as Converse's blocks. Expects what the repairer leaves; parses tool arguments, whatever shape they are in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, assert_never

from pydantic_core import from_json

from app.core.json_values import has_infinity, may_overflow, parse_or_mend
from app.core.prompt import CachePoint, Media, Message, Part, Reasoning, Text, ToolCall, ToolResult
from app.core.reasoning_origin import without_mark
from app.upstreams.converse.media import Block, MediaBlocks
from app.upstreams.converse.property_names import Names, renamed

ATTACHED = "See the attached document."


def to_system(parts: Sequence[Part]) -> list[Block]:
    """The `system` list: text blocks and cache points."""
    return [
        cache_point(part.ttl) if isinstance(part, CachePoint) else {"text": part.text}
        for part in parts
        if isinstance(part, Text | CachePoint)
    ]


class Blocks:
    """Parts as blocks. `names`: by a tool's alias, the aliases of its arguments. `statuses`: whether the model takes
    `toolResult.status`."""

    def __init__(
        self, media: MediaBlocks, names: Mapping[str, Names], repairs: Counter[str], *, statuses: bool
    ) -> None:
        self._media = media
        self._names = names
        self._statuses = statuses
        self.repairs = repairs

    def of(self, part: Part) -> Block:
        match part:
            case Text(text):
                return {"text": text}
            case Media():
                return self._media.block(part)
            case ToolCall(identifier, name, arguments):
                members = parsed_arguments(arguments, self.repairs)
                if name in self._names:
                    members = renamed(members, self._names[name])
                return {"toolUse": {"toolUseId": identifier, "name": name, "input": members}}
            case ToolResult():
                return {"toolResult": self._result(part)}
            case Reasoning():
                return {"reasoningContent": _reasoning(without_mark(part))}
            case CachePoint(ttl):
                return cache_point(ttl)
            case _:
                assert_never(part)

    def _result(self, result: ToolResult) -> Block:
        """Text stays text: `json` content must be an object, and clients send arrays and scalars as well."""
        content = [
            self._media.block(item) if isinstance(item, Media) else {"text": item.text} for item in result.content
        ]
        body: Block = {"toolUseId": result.call_id, "content": content}
        if self._statuses and result.is_error:
            body["status"] = "error"
        return body


def _reasoning(block: Reasoning) -> Block:
    if block.redacted:
        return {"redactedContent": block.redacted}
    return {"reasoningText": {"text": block.text} | ({"signature": block.signature} if block.signature else {})}


def to_messages(messages: Sequence[Message], blocks: Blocks) -> list[Block]:
    turns: list[Block] = [
        {"role": message.role, "content": [blocks.of(part) for part in message.parts]} for message in messages
    ]
    for turn in turns:
        _accompany_documents(turn["content"], blocks.repairs)
    return turns


def _accompany_documents(content: list[Block], repairs: Counter[str]) -> None:
    """A document needs a text beside it. Only now is it known what is one: the content decides, not what was claimed."""
    if any("document" in block for block in content) and not any("text" in block for block in content):
        repairs["document-text"] += 1
        content.append({"text": ATTACHED})


def cache_point(ttl: str) -> Block:
    """A `cachePoint` block; an empty `ttl` is the model's own."""
    return {"cachePoint": {"type": "default"} | ({"ttl": ttl} if ttl else {})}


def parsed_arguments(arguments: str, repairs: Counter[str]) -> dict[str, Any]:
    """The object that a JSON text of arguments means; Converse takes nothing but an object.

    Empty, blank and `null` mean no arguments; a JSON string that holds JSON is unpacked; what is no object at all, or no
    JSON, is kept under `_raw`, so that the model sees what it wrote.
    """
    if arguments == "{}":
        return {}
    text = arguments.strip()
    for _ in range(2):
        if not text:
            repairs["tool-arguments"] += 1
            return {}
        try:
            value = parse_or_mend(text, partial(from_json, allow_inf_nan=False))
            if may_overflow(text.encode()) and has_infinity(value):
                break
        except ValueError:
            break
        if isinstance(value, dict):
            if text is not arguments and text != arguments.strip():
                repairs["tool-arguments"] += 1
            return value
        if value is None:
            repairs["tool-arguments"] += 1
            return {}
        if not isinstance(value, str):
            break
        text = value.strip()
    repairs["tool-arguments"] += 1
    return {"_raw": arguments}
