"""The system prompt and the messages as the gateway's own. Pure; errors name the message at fault."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.api.messages.blocks import Blocks, cache_point, listed
from app.api.messages.refuse import text_of, unknown_type, wrong
from app.core.old_media import mark_old_media
from app.core.prompt import Message, Part, Text

ATTRIBUTION = re.compile(r"x-[a-z]+-billing-header:")
"""How the line begins that Claude Code (2.1.29 and later) puts first into its system prompt, for Anthropic's own accounts. Its
hash differs with every request, so that no prefix behind it would ever be found in a cache (claude-code issue 68900)."""


def decode_system(system: str | Sequence[Any] | None, param: str = "system") -> tuple[Message, ...]:
    """The system prompt as one message, or none."""
    if system is None:
        return ()
    parts = _instructions(system, param)
    return (Message("system", parts),) if parts else ()


def decode_turns(messages: Sequence[Mapping[str, Any]], blocks: Blocks) -> tuple[Message, ...]:
    return mark_old_media([_turn(message, f"messages.{place}", blocks) for place, message in enumerate(messages)])


def _turn(message: Mapping[str, Any], param: str, blocks: Blocks) -> Message:
    role = message.get("role")
    if role == "system":  # in mid-conversation
        return Message("system", _instructions(message.get("content"), f"{param}.content"))
    if role not in ("user", "assistant"):
        wrong(f"{param}.role", "Input should be 'user', 'assistant' or 'system'")
    return Message(role, blocks.content(message.get("content"), f"{param}.content"))


def _instructions(content: Any, param: str) -> tuple[Part, ...]:
    """Text blocks and their cache points."""
    if isinstance(content, str):
        return _said(content)
    parts: list[Part] = []
    for block, place in listed(content, param):
        if block.get("type") != "text":
            unknown_type(block.get("type"), ("text",), place)
        said = _said(text_of(block, "text", place))
        point = cache_point(block) if said else None
        parts += [*said, point] if point else said
    return tuple(parts)


def _said(text: str) -> tuple[Text, ...]:
    if ATTRIBUTION.match(text):
        text = text.partition("\n")[2]
        return (Text(text),) if text.strip() else ()
    return (Text(text),)
