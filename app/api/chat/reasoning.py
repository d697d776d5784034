"""Reasoning on the wire of chat completions, which has no field for it: the lanes out, and all lanes back in. Pure.

Out: `reasoning_content` (text), `reasoning_details` on the message and `extra_content` on the first tool call (both with
the signature). In: those, `thinking_blocks` (litellm's), `thinking` parts (Anthropic's), and plain `reasoning_content`.
The first lane that carries a signature wins: some clients keep an unsigned copy beside a signed one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.core.prompt import Reasoning

VENDOR = "bedrock"


def decode_reasoning(message: Mapping[str, Any]) -> list[Reasoning]:
    """The reasoning of an assistant message, by whichever lane it came."""
    unsigned: list[Reasoning] = []
    for lane in (_from_details, _from_extra_content, _from_blocks, _from_parts):
        blocks = lane(message)
        if any(block.signature or block.redacted for block in blocks):
            return blocks
        unsigned = unsigned or blocks
    for name in ("reasoning_content", "reasoning"):
        text = message.get(name)
        if not unsigned and isinstance(text, str) and text.strip():
            return [Reasoning(text)]
    return unsigned


def encode_details(blocks: Sequence[Reasoning], start: int = 0) -> list[dict[str, Any]]:
    """`reasoning_details` as OpenRouter's clients know them; `index` tells blocks apart in a stream."""
    details: list[dict[str, Any]] = []
    for index, block in enumerate(blocks, start):
        if block.redacted:
            details.append({"type": "reasoning.encrypted", "data": block.redacted, "index": index})
        else:
            detail = {"type": "reasoning.text", "text": block.text, "index": index}
            details.append(detail | ({"signature": block.signature} if block.signature else {}))
    return details


def encode_extra_content(blocks: Sequence[Reasoning]) -> dict[str, Any] | None:
    """`extra_content` of a tool call; None where there is nothing that must come back."""
    sealed = [block for block in blocks if block.signature or block.redacted]
    return {VENDOR: {"reasoning": encode_details(sealed)}} if sealed else None


def _from_details(message: Mapping[str, Any]) -> list[Reasoning]:
    return _details(message.get("reasoning_details"))


def _from_extra_content(message: Mapping[str, Any]) -> list[Reasoning]:
    """Of all calls: a model may think again between two. Some clients copy one call's to the others."""
    blocks: list[Reasoning] = []
    for call in _mappings(message.get("tool_calls")):
        extra = call.get("extra_content")
        vendor = extra.get(VENDOR) if isinstance(extra, Mapping) else None
        blocks += _details(vendor.get("reasoning")) if isinstance(vendor, Mapping) else []
    return list(dict.fromkeys(blocks))


def _from_blocks(message: Mapping[str, Any]) -> list[Reasoning]:
    return _anthropic(_mappings(message.get("thinking_blocks")))


def _from_parts(message: Mapping[str, Any]) -> list[Reasoning]:
    return _anthropic(_mappings(message.get("content")))


def _anthropic(blocks: Iterable[Mapping[str, Any]]) -> list[Reasoning]:
    found = []
    for block in blocks:
        if block.get("type") == "thinking":
            found.append(Reasoning(_text(block, "thinking"), _text(block, "signature")))
        elif block.get("type") == "redacted_thinking" and _text(block, "data"):
            found.append(Reasoning(redacted=_text(block, "data")))
    return [block for block in found if block != Reasoning()]


def _details(details: Any) -> list[Reasoning]:
    found = []
    for detail in _mappings(details):
        if detail.get("type") == "reasoning.encrypted" or _text(detail, "data"):
            found.append(Reasoning(redacted=_text(detail, "data")))
        else:
            found.append(Reasoning(_text(detail, "text"), _text(detail, "signature")))
    return [block for block in found if block != Reasoning()]


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
