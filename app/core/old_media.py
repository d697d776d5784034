"""Which images and files of a conversation may be replaced by a placeholder. Pure.

A request repeats every earlier turn. A file there that cannot be used (unsupported, broken, empty, unreachable) would make
every later request of the session fail, so only the last user turn is strict: its client can still change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.core.prompt import Broken, Media, Message, Part, ToolResult
from app.errors import InvalidRequest


def mark_old_media(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Marks the media of older turns and of tool results as optional.

    Raises the InvalidRequest of a broken one in the last user turn, which is what follows the last answer of the assistant
    (or precedes it, where the conversation ends with the beginning of an answer).
    """
    end = len(messages)
    while end and messages[end - 1].role == "assistant":
        end -= 1
    start = end
    while start and messages[start - 1].role != "assistant":
        start -= 1
    return tuple(_marked(message, strict=start <= place < end) for place, message in enumerate(messages))


def _marked(message: Message, *, strict: bool) -> Message:
    if not any(isinstance(part, Media | ToolResult) for part in message.parts):
        return message
    return Message(message.role, tuple(_part(part, strict) for part in message.parts))


def _part(part: Part, strict: bool) -> Part:
    match part:
        case ToolResult(content=content):
            return replace(part, content=tuple(_part(item, False) for item in content))  # type: ignore[misc]
        case Media(source=Broken(reason, code)) if strict:
            raise InvalidRequest(reason, param=part.param, code=code)
        case Media() if not strict:
            return replace(part, optional=True)
        case _:
            return part
