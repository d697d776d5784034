"""Answers of the model, as the emulator's script takes them: what an agent is to do, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from local.behaviour.reasoning import sign
from local.emulator import Emulator

_numbers = count(1)


class Call(NamedTuple):
    """A tool call."""

    name: str
    arguments: dict[str, Any]


class Thought(NamedTuple):
    """Reasoning, signed as the emulator signs and later demands it."""

    text: str


def answer(*blocks: str | Thought | Call, cut: bool = False) -> dict[str, Any]:
    """One streamed answer; `cut`: the connection breaks where it would stop."""
    events: list[dict[str, Any]] = [{"type": "messageStart", "payload": {"role": "assistant"}}]
    for index, block in enumerate(blocks):
        for kind, payload in _events(block):
            events.append({"type": kind, "payload": {"contentBlockIndex": index} | payload})
    if cut:
        return {"operation": "ConverseStream", "events": [*events, {"cut": True}]}
    stop = "tool_use" if any(isinstance(block, Call) for block in blocks) else "end_turn"
    usage = {"inputTokens": 100, "outputTokens": 10, "totalTokens": 110}
    events.append({"type": "messageStop", "payload": {"stopReason": stop}})
    events.append({"type": "metadata", "payload": {"usage": usage, "metrics": {"latencyMs": 5}}})
    return {"operation": "ConverseStream", "events": events}


def asked(emulator: Emulator) -> list[dict[str, Any]]:
    """The bodies of the streamed model calls, in order."""
    return [each.body for each in emulator.requests if each.operation == "ConverseStream"]


def results(body: dict[str, Any]) -> list[str]:
    """The texts of all tool results that a model call carries."""
    found = []
    for message in body["messages"]:
        for block in message["content"]:
            if "toolResult" in block:
                found.append("".join(part.get("text", "") for part in block["toolResult"]["content"]))
    return found


def blocks(body: dict[str, Any], kind: str) -> list[Any]:
    """All blocks of a kind in the assistant's turns."""
    turns = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    return [block[kind] for content in turns for block in content if kind in block]


def _events(block: str | Thought | Call) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(block, str):
        deltas: list[dict[str, Any]] = [{"text": piece} for piece in _halves(block)]
    elif isinstance(block, Thought):
        deltas = [{"reasoningContent": {"text": piece}} for piece in _halves(block.text)]
        deltas.append({"reasoningContent": {"signature": sign(block.text)}})
    else:
        name, arguments = block
        yield "contentBlockStart", {"start": {"toolUse": {"toolUseId": f"tooluse_{next(_numbers):08}", "name": name}}}
        deltas = [{"toolUse": {"input": piece}} for piece in _halves(json.dumps(arguments))]
    for delta in deltas:
        yield "contentBlockDelta", {"delta": delta}
    yield "contentBlockStop", {}


def _halves(text: str) -> tuple[str, str]:
    middle = len(text) // 2
    return text[:middle], text[middle:]
