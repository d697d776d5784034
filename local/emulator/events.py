"""An answer as Converse puts it on the wire: one message, or the events of a stream."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any, NamedTuple

from local.behaviour.answer import Answer, Block, Call, Thought, Words


class Event(NamedTuple):
    """A stream event before framing; `is_token` marks the content deltas, which are paced."""

    type: str
    payload: dict[str, Any]
    is_token: bool = False


def message(answer: Answer) -> dict[str, Any]:
    """`output.message` of a Converse response."""
    return {"role": "assistant", "content": [_block(block) for block in answer.blocks]}


def stream(answer: Answer, metadata: dict[str, Any], native: dict[str, Any] | None) -> Iterator[Event]:
    """The events in order; `native` are the additionalModelResponseFields, None when none were asked for."""
    yield Event("messageStart", {"role": "assistant"})
    for index, block in enumerate(answer.blocks):
        if isinstance(block, Call):
            start = {"toolUse": {"toolUseId": block.id, "name": block.name}}
            yield Event("contentBlockStart", {"start": start, "contentBlockIndex": index})
        for delta in _deltas(block):
            yield Event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}, is_token=True)
        yield Event("contentBlockStop", {"contentBlockIndex": index})
    stop: dict[str, Any] = {"stopReason": answer.stop_reason}
    if native is not None:
        stop["additionalModelResponseFields"] = native
    yield Event("messageStop", stop)
    yield Event("metadata", metadata)


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Call):
        return {"toolUse": {"toolUseId": block.id, "name": block.name, "input": block.input}}
    if isinstance(block, Thought):
        if block.redacted:
            return {"reasoningContent": {"redactedContent": block.redacted}}
        text = {"text": "".join(block.pieces)}
        if block.signature:
            text["signature"] = block.signature
        return {"reasoningContent": {"reasoningText": text}}
    text_block = {"text": "".join(block.pieces)}
    if block.citations:
        return {"citationsContent": {"content": [text_block], "citations": block.citations}}
    return text_block


def _deltas(block: Block) -> Iterator[dict[str, Any]]:
    if isinstance(block, Call):
        for fragment in block.fragments:
            yield {"toolUse": {"input": fragment}}
    elif isinstance(block, Words):
        for piece in block.pieces:
            yield {"text": piece}
        for citation in block.citations:
            yield {"citation": citation}
    else:
        yield from ({"reasoningContent": delta} for delta in _reasoning_deltas(block))


def _reasoning_deltas(thought: Thought) -> Iterator[dict[str, str]]:
    if thought.redacted:
        # In pieces, each of them base64 of its own, as clients of OpenAI's models report (2026-08).
        data = b64decode(thought.redacted)
        half = len(data) // 2
        yield from ({"redactedContent": b64encode(piece).decode()} for piece in (data[:half], data[half:]))
    for piece in thought.pieces:
        yield {"text": piece}
    if thought.signature:
        yield {"signature": thought.signature}
