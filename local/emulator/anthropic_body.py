"""Anthropic's native body and response, as InvokeModel carries them for Claude; text in, text out."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from local.behaviour.answer import Answer, Words
from local.emulator.errors import Invalid
from local.emulator.events import Event

_VERSION = "bedrock-2023-05-31"
_STOP = ("end_turn", "max_tokens", "stop_sequence", "tool_use")


def to_converse(body: Any) -> dict[str, Any]:
    """The Converse body that asks for the same; raises Invalid without the members that Anthropic requires."""
    if not isinstance(body, dict):
        raise Invalid(
            "Malformed input request: #: expected type: JSONObject, please reformat your input and try again."
        )
    if body.get("anthropic_version") != _VERSION:
        raise Invalid(f"anthropic_version: Input should be '{_VERSION}'")
    for name in ("messages", "max_tokens"):
        if name not in body:
            raise Invalid(f"{name}: Field required")
    converted: dict[str, Any] = {
        "messages": [{"role": turn["role"], "content": _blocks(turn["content"])} for turn in body["messages"]],
        "inferenceConfig": {"maxTokens": body["max_tokens"], "stopSequences": body.get("stop_sequences", [])},
    }
    if body.get("system"):
        converted["system"] = _blocks(body["system"])
    if "thinking" in body:
        converted["additionalModelRequestFields"] = {"thinking": body["thinking"]}
    return converted


def response(answer: Answer, usage: dict[str, Any], model: str) -> dict[str, Any]:
    """The native message."""
    return {
        "id": "msg_bdrk_emulated",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [
            {"type": "text", "text": "".join(block.pieces)} for block in answer.blocks if isinstance(block, Words)
        ],
        "stop_reason": answer.stop_reason if answer.stop_reason in _STOP else "end_turn",
        "stop_sequence": answer.stop_sequence,
        "usage": {"input_tokens": usage["inputTokens"], "output_tokens": usage["outputTokens"]},
    }


def stream(answer: Answer, usage: dict[str, Any], model: str) -> Iterator[Event]:
    """The native stream, each event in a `chunk`; the last one carries Bedrock's invocation metrics."""
    opening = response(Answer([], answer.stop_reason), usage, model) | {"stop_reason": None}
    yield _chunk({"type": "message_start", "message": opening})
    yield _chunk({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    for block in answer.blocks:
        for piece in block.pieces if isinstance(block, Words) else ():
            delta = {"type": "text_delta", "text": piece}
            yield _chunk({"type": "content_block_delta", "index": 0, "delta": delta}, is_token=True)
    yield _chunk({"type": "content_block_stop", "index": 0})
    stop = {"stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence}
    yield _chunk({"type": "message_delta", "delta": stop, "usage": {"output_tokens": usage["outputTokens"]}})
    metrics = {
        "inputTokenCount": usage["inputTokens"],
        "outputTokenCount": usage["outputTokens"],
        "invocationLatency": 500,
        "firstByteLatency": 120,
    }
    yield _chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics})


def _blocks(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"text": content}]
    return [{"text": block["text"]} for block in content if block.get("type") == "text"]


def _chunk(native: dict[str, Any], is_token: bool = False) -> Event:
    return Event("chunk", {"bytes": b64encode(json.dumps(native).encode()).decode()}, is_token)
