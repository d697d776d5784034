"""Tool calls and results as plain words, for models that take no tools but get a history with some. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.prompt import Media, Message, Part, Text, ToolCall, ToolResult


def flattened(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same tuple where there is nothing to flatten."""
    if not any(isinstance(part, ToolCall | ToolResult) for message in messages for part in message.parts):
        return messages
    return tuple(Message(message.role, tuple(_words(message.parts))) for message in messages)


def _words(parts: Sequence[Part]) -> list[Part]:
    words: list[Part] = []
    for part in parts:
        match part:
            case ToolCall(_, name, arguments):
                words.append(Text(f"[called {name} with {arguments or '{}'}]"))
            case ToolResult(_, content):
                words.append(Text("[result]"))
                words.extend(item for item in content if isinstance(item, Text | Media))
            case _:
                words.append(part)
    return words
