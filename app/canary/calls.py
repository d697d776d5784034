"""Reading chat answers that may be anything: message, deltas and tool calls, or Failed with what is missing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from app.canary.client import Answer, Stream
from app.canary.errors import Failed


def message_of(answer: Answer) -> tuple[dict[str, Any], Any]:
    """The first choice's message and finish_reason."""
    choice = _first_choice(answer.body)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Failed("the answer has no choices[0].message")
    return message, choice.get("finish_reason")


def assembled(stream: Stream) -> Iterator[tuple[float, dict[str, Any], Any]]:
    """When, delta and finish_reason of each chunk that has a choice; the one with the usage has none."""
    for at, chunk in stream.chunks:
        choice = _first_choice(chunk)
        if choice:
            delta = choice.get("delta")
            yield at, delta if isinstance(delta, dict) else {}, choice.get("finish_reason")


def calls_of(holder: dict[str, Any]) -> list[dict[str, Any]]:
    """The tool calls of a message, or the fragments of a delta, each with its `function`."""
    calls = holder.get("tool_calls") or []
    if not isinstance(calls, list):
        raise Failed("tool_calls is no list")
    for call in calls:
        if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
            raise Failed("a tool call has no function")
    return calls


def city_of(call: dict[str, Any], names: Collection[str]) -> str:
    """The argument of a call to one of our tools."""
    part = call["function"]
    if part.get("name") not in names:
        raise Failed("a call of a tool that was not offered")
    if not isinstance(call.get("id"), str) or not call["id"]:
        raise Failed("a tool call has no id")
    try:
        arguments = json.loads(part.get("arguments"))
    except (TypeError, ValueError, RecursionError):
        raise Failed("the arguments of a tool call are no JSON") from None
    if not isinstance(arguments, dict) or not isinstance(arguments.get("city"), str):
        raise Failed("the arguments of a tool call don't fit its schema")
    return str(arguments["city"])


def _first_choice(body: dict[str, Any]) -> dict[str, Any]:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}
