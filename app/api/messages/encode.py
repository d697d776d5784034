"""The gateway's events as Anthropic's stream, and a whole reply as a message. Pure but for per-stream state.

The hot path: what is the same in every delta of a block is rendered once, and a delta costs one string escape and one
concatenation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from pydantic_core import from_json, to_json

from app.api.messages.citations import encode_citation
from app.api.messages.problems import envelope
from app.core.events import (
    Batch,
    BlockStopped,
    Cited,
    Finished,
    Metered,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSigned,
    Reply,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from app.core.json_values import parse_or_mend
from app.core.prompt import Part, Reasoning, Text, ToolCall

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_REFUSALS = ("guardrail_intervened", "content_filtered", "refusal")
_TEXT: dict[str, Any] = {"type": "text", "text": ""}
_THINKING = {"type": "thinking", "thinking": "", "signature": ""}


class MessageStream:
    """The events of one stream. `feed` takes batches, `finish` ends it well, `fail` after an error. `stops`: the stop sequences
    asked for. `estimate` gives the prompt's likely tokens, for the first event."""

    def __init__(
        self, message_id: str, model: str, stops: tuple[str, ...] = (), estimate: Callable[[], int] = lambda: 0
    ) -> None:
        self._start = partial(_message, message_id, model, [])
        self._estimate = estimate
        self._stops = stops
        self._begun = False
        self._ended = False
        self._blocks = 0
        self._open = ""
        self._before = b""
        self._signature: list[str] = []
        self._cited: list[Cited] = []
        self._calls: dict[int, tuple[int, bytes]] = {}
        self._complete = 0
        self._finished = Finished("stop")
        self._metered = Metered(Usage())

    def feed(self, choice: int, batch: Batch) -> bytes:
        """The frames for a batch, ready to send; empty where it says nothing to a client."""
        frames: list[bytes] = []
        if not self._begun:
            self._begun = True
            frames.append(_frame("message_start", {"message": self._start(Usage(input=self._estimate()))}))
        for event in batch:
            kind = type(event)
            if kind is TextDelta and self._open == "text":
                frames.append(self._before + quoted(event.text).encode() + b"}}\n\n")  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                before = self._calls[event.index][1]  # type: ignore[union-attr]
                frames.append(before + quoted(event.arguments).encode() + b"}}\n\n")  # type: ignore[union-attr]
            elif kind is ReasoningDelta and self._open == "thinking":
                frames.append(self._before + quoted(event.text).encode() + b"}}\n\n")  # type: ignore[union-attr]
            else:
                self._other(event, frames)
        return b"".join(frames)

    def finish(self) -> bytes:
        """What is left to say: nothing, where the usage came last, as it should."""
        return self._end() if not self._ended else b""

    def fail(self, body: dict[str, Any]) -> bytes:
        """An error in mid-stream, after which nothing comes."""
        return b"event: error\ndata: " + to_json(envelope(body)) + b"\n\n"

    def _other(self, event: object, frames: list[bytes]) -> None:
        match event:
            case TextDelta(text):
                self._begin("text", _TEXT, "text_delta", "text", frames)
                frames += [self._before + quoted(text).encode() + b"}}\n\n", *self._told_citations()]
            case ReasoningDelta(text):
                self._begin("thinking", _THINKING, "thinking_delta", "thinking", frames)
                frames.append(self._before + quoted(text).encode() + b"}}\n\n")
            case ReasoningSigned(signature):
                if self._open != "thinking":
                    self._begin("thinking", _THINKING, "thinking_delta", "thinking", frames)
                self._signature.append(signature)
            case ReasoningRedacted(data):
                self._begin("redacted", {"type": "redacted_thinking", "data": data}, "", "", frames)
            case ToolCallStarted(index, call_id, name):
                self._close(frames)
                at = self._blocks
                block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
                frames.append(self._started(block))
                self._calls[index] = (at, _before(at, "input_json_delta", "partial_json"))
            case Cited():
                self._cited.append(event)
                frames += self._told_citations()
            case BlockStopped():
                self._stopped(frames)
            case Finished():
                self._close(frames)
                self._close_calls(frames)
                self._finished = event
            case Metered():
                self._metered = event
                frames.append(self._end())

    def _started(self, block: dict[str, Any]) -> bytes:
        self._blocks += 1
        return _frame("content_block_start", {"index": self._blocks - 1, "content_block": block})

    def _begin(self, kind: str, block: dict[str, Any], delta: str, member: str, frames: list[bytes]) -> None:
        """A block of text or thoughts, which ends the one before; calls may be open beside it."""
        self._close(frames)
        self._open, self._before = kind, _before(self._blocks, delta, member)
        self._at = self._blocks
        frames.append(self._started(block))

    def _told_citations(self) -> list[bytes]:
        """Of the text block now open; those that came before it wait."""
        if self._open != "text":
            return []
        citations = [encode_citation(cited) for cited in self._cited]
        self._cited.clear()
        return [
            _delta(self._at, {"type": "citations_delta", "citation": citation}) for citation in citations if citation
        ]

    def _stopped(self, frames: list[bytes]) -> None:
        """Parallel calls may come interleaved, and nobody says which of them is complete: they are closed once all are."""
        self._cited.clear()
        if self._open:
            self._close(frames)
        elif self._calls:
            self._complete += 1
            if self._complete >= len(self._calls):
                self._close_calls(frames)

    def _close(self, frames: list[bytes]) -> None:
        if not self._open:
            return
        if self._open == "thinking" and self._signature:
            # Whole: the SDK takes the last one for all of it (2.12).
            frames.append(_delta(self._at, {"type": "signature_delta", "signature": "".join(self._signature)}))
            self._signature.clear()
        self._open = ""
        frames.append(_frame("content_block_stop", {"index": self._at}))

    def _close_calls(self, frames: list[bytes]) -> None:
        frames += [_frame("content_block_stop", {"index": at}) for at, _ in self._calls.values()]
        self._calls.clear()
        self._complete = 0

    def _end(self) -> bytes:
        self._ended = True
        stopped = encode_stop(self._finished, self._stops)
        return _frame("message_delta", {"delta": stopped, "usage": _counted(self._metered.usage)}) + _STOP


def _frame(kind: str, body: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), to_json({"type": kind} | body))


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    return _frame("content_block_delta", {"index": index, "delta": delta})


def _before(index: int, delta: str, member: str) -> bytes:
    """All of a delta's frame up to its text."""
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":' % (
        index,
        delta.encode(),
        member.encode(),
    )


def encode_stop(finished: Finished, stops: tuple[str, ...] = ()) -> dict[str, Any]:
    """Why it ended, as a message and the delta at its end have it."""
    reason, said = _reason(finished), finished.stop_sequence
    if reason != "stop_sequence":
        said = None
    elif said is None and len(stops) == 1:
        said = stops[0]
    stopped: dict[str, Any] = {"stop_reason": reason, "stop_sequence": said}
    if reason == "refusal":
        stopped["stop_details"] = {"type": "refusal", "category": None, "explanation": None}
    return stopped


def _reason(finished: Finished) -> str:
    told = finished.upstream_reason
    if finished.reason == "tool_calls":
        return "tool_use"
    if told in _REFUSALS or finished.reason == "content_filter":
        return "refusal"
    if told == "model_context_window_exceeded":
        return told
    if finished.reason == "length":
        return "max_tokens"
    return "stop_sequence" if told == "stop_sequence" or finished.stop_sequence is not None else "end_turn"


def encode_usage(metered: Metered) -> dict[str, Any]:
    """Usage as a whole message has it: with the tier, and the parts of what was written to the cache."""
    usage = metered.usage
    hour = min(usage.cache_write_1h, usage.cache_write)
    parts = {"ephemeral_5m_input_tokens": usage.cache_write - hour, "ephemeral_1h_input_tokens": hour}
    tier = "priority" if metered.tier == "priority" else "standard"
    return _counted(usage) | {"cache_creation": parts, "service_tier": tier}


def _counted(usage: Usage) -> dict[str, Any]:
    """`input_tokens` leaves out what was read from or written to the cache, as Bedrock's own does."""
    counted: dict[str, Any] = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
    }
    if usage.reasoning is not None:
        counted["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counted


def encode_message(message_id: str, model: str, reply: Reply, stops: tuple[str, ...] = ()) -> dict[str, Any]:
    """A whole message."""
    content = _content(reply)
    message = _message(message_id, model, content, reply.metered.usage) | encode_stop(reply.finished, stops)
    return message | {"usage": encode_usage(reply.metered)}


def _message(message_id: str, model: str, content: list[Any], usage: Usage) -> dict[str, Any]:
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _counted(usage),
    }


def _content(reply: Reply) -> list[dict[str, Any]]:
    """The blocks; a citation belongs to the text that begins where its own passage does."""
    cited: dict[int, list[dict[str, Any]]] = {}
    for each in reply.citations:
        citation = encode_citation(each)
        if citation is not None:
            cited.setdefault(each.start, []).append(citation)
    content, length = [], 0
    for part in reply.parts:
        block = _block(part)
        if isinstance(part, Text):
            citations = cited.pop(length, None)
            block |= {"citations": citations} if citations else {}
            length += len(part.text)
        content.append(block)
    return content


def _block(part: Part) -> dict[str, Any]:
    match part:
        case ToolCall(call_id, name, arguments):
            return {"type": "tool_use", "id": call_id, "name": name, "input": _input(arguments)}
        case Reasoning(text, signature, redacted):
            if redacted:
                return {"type": "redacted_thinking", "data": redacted}
            return {"type": "thinking", "thinking": text, "signature": signature}
        case Text(text):
            return {"type": "text", "text": text}
        case _:
            raise TypeError(type(part).__name__)  # models answer in nothing else


def _input(arguments: str) -> dict[str, Any]:
    """The arguments as an object; what is none is kept under `_raw`, as it will be towards the model."""
    try:
        value = parse_or_mend(arguments, partial(from_json, allow_inf_nan=False)) if arguments else {}
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"_raw": arguments}
