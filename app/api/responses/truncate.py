"""`truncation: auto`: the older half of a conversation goes, where the model says that it is too long. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.prompt import Message


def shortened(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Without the older half of the turns, at least one; instructions and the last turn stay. The same, if that is all."""
    lead = next((place for place, message in enumerate(messages) if message.role != "system"), len(messages))
    turns = messages[lead:]
    drop = min(max(1, len(turns) // 2), len(turns) - 1)
    return (*messages[:lead], *turns[max(drop, 0) :])
