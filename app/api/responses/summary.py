"""The summary that replaces a conversation: how a model is asked for it, and whether its answer can be used. Pure.

`/responses/compact` asks for one, and so does a request whose last input item is a `compaction_trigger`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from app.api.responses.sealed import LARGEST, SUMMARY
from app.core.events import Batch, Finished, TextDelta
from app.errors import UpstreamFailure

TRIGGER = "compaction_trigger"
MAX_SUMMARY_LENGTH = LARGEST // 8
"""Characters, so that the sealed summary stays within what `decode` unseals."""
_TASK = (
    "The conversation so far is about to be replaced by a summary that you write now. Whoever continues has nothing but "
    "the user's messages and your summary. State the goal, what was decided and why, what was done and found (with names of "
    "files, commands, ids and values exactly as they were), what is unfinished, and what comes next. Answer with the summary "
    "alone; call no tools."
)

Events = AsyncGenerator[tuple[int, Batch], None]


def summary_task(instructions: str | None) -> str:
    """What the model is asked. `instructions`: those of the request, which are not given to it otherwise."""
    if instructions and instructions.strip():
        return f"{_TASK}\n\nThe instructions in this conversation were:\n{instructions}"
    return _TASK


def unusable_summary() -> UpstreamFailure:
    return UpstreamFailure("The model gave no summary that can be used.", code="empty_answer")


async def checked_summary(events: Events) -> Events:
    """The events of a summary. Raises UpstreamFailure instead of an end after no text, or after too much."""
    length, is_blank = 0, True
    async with aclosing(events) as items:
        async for choice, batch in items:
            for event in batch:
                if isinstance(event, TextDelta):
                    length += len(event.text)
                    is_blank = is_blank and not event.text.strip()
                elif isinstance(event, Finished) and (is_blank or length > MAX_SUMMARY_LENGTH):
                    raise unusable_summary()
            yield choice, batch


def since_summary(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A history as it continues after its last summary: of what precedes it the user's messages are left.

    A summary that another provider sealed replaces nothing: its text cannot be read here.
    """
    last = next((place for place in range(len(history) - 1, -1, -1) if _is_summary(history[place])), 0)
    return [*filter(_is_user_message, history[:last]), *history[last:]]


def _is_summary(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "compaction" and str(item.get("encrypted_content")).startswith(SUMMARY)


def _is_user_message(item: Mapping[str, Any]) -> bool:
    return item.get("type") in ("message", None) and item.get("role") == "user"
