"""The gateway's events as chat completion chunks, and a whole reply as a chat completion. Pure but for per-stream state.

This is the hot path: what is the same in every chunk of a stream is rendered once, and a text delta costs one string
escape and one concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from pydantic_core import from_json, to_json

from app.api.chat.reasoning import encode_details, encode_extra_content
from app.api.chat.usage import encode_tier, encode_usage
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
from app.core.prompt import Reasoning
from app.core.request_options import FREEFORM_INPUT

DONE = b"data: [DONE]\n\n"


def encode_annotation(cited: Cited) -> dict[str, Any]:
    """A web source is OpenAI's `url_citation`; a place in a document keeps Bedrock's own location beside it."""
    citation: dict[str, Any] = {
        "start_index": cited.start,
        "end_index": cited.end,
        "url": cited.url,
        "title": cited.title,
    }
    if cited.quote:
        citation["cited_text"] = cited.quote
    if cited.location:
        citation["location"] = dict(cited.location)
    return {"type": "url_citation", "url_citation": citation}


class ChatStream:
    """The chunks of one stream. `feed` takes `(choice, batch)`; `finish` ends it well, `fail` after an error."""

    def __init__(
        self,
        completion_id: str,
        created: int,
        model: str,
        *,
        n: int = 1,
        include_usage: bool = False,
        legacy_functions: bool = False,
        custom_tools: frozenset[str] = frozenset(),
    ) -> None:
        head = {"id": completion_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + to_json(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"
        self._include_usage = include_usage
        self._legacy = legacy_functions
        self._custom = custom_tools
        self._choices = [_Choice(index, self._head, self._tail) for index in range(n)]
        self._begun = False
        self._reasoned = False
        self._usage: dict[int, Usage] = {}
        self._tier = ""

    def feed(self, choice: int, batch: Batch) -> bytes:
        """The frames for a batch, ready to send; empty where it says nothing to a client."""
        state = self._choices[choice]
        frames: list[bytes] = []
        if not self._begun:
            # All choices at once and in order: the SDK puts them in a list as they come (openai 3.52).
            self._begun = True
            frames.extend(each.begin() for each in self._choices)
        for event in batch:
            kind = type(event)
            if kind is TextDelta:
                frames.append(state.text(event.text))  # type: ignore[union-attr]
            elif kind is Metered:
                self._usage[choice] = event.usage  # type: ignore[union-attr]
                self._tier = event.tier or self._tier  # type: ignore[union-attr]
            else:
                frames.extend(self._other(state, event))
        return b"".join(frames)

    def finish(self) -> bytes:
        """The usage chunk, last of all because clients take the last one for good, and the end mark."""
        if not self._include_usage:
            return DONE
        usage = b'],"usage":' + to_json(encode_usage(sum(self._usage.values(), Usage()), reasoned=self._reasoned))
        tier = b',"service_tier":' + to_json(encode_tier(self._tier)) if self._tier else b""
        return self._head + usage + tier + b"}\n\n" + DONE

    def fail(self, body: dict[str, Any]) -> bytes:
        """An error in mid-stream: OpenAI's envelope, no finish reason and no end mark.

        It is sent twice: the SDKs raise at the first frame; some parsers read only a frame that is named `error`.
        """
        frame = b"data: " + to_json(body) + b"\n\n"
        return frame + b"event: error\n" + frame

    def _other(self, state: _Choice, event: object) -> list[bytes]:
        match event:
            case ReasoningDelta(text):
                self._reasoned = True
                state.thought.append(text)
                return [state.delta(b'{"reasoning_content":' + quoted(text).encode() + b"}")]
            case ReasoningSigned(signature):
                self._reasoned = True
                state.signature.append(signature)
            case ReasoningRedacted(data):
                self._reasoned = True
                return [state.details([Reasoning(redacted=data)])]
            case BlockStopped():
                return [*state.end_custom(), *state.end_reasoning()]
            case ToolCallStarted(index, call_id, name):
                return [*state.end_custom(), self._started(state, index, call_id, name)]
            case ToolCallDelta(index, arguments):
                return self._arguments(state, index, arguments)
            case Cited():
                return [state.cited(event)]
            case Finished(reason):
                return [*state.end_custom(), *state.end_reasoning(), state.finished(self._reason(reason))]
        return []

    def _reason(self, reason: str) -> str:
        return "function_call" if self._legacy and reason == "tool_calls" else reason

    def _started(self, state: _Choice, index: int, call_id: str, name: str) -> bytes:
        if self._legacy:
            return b"" if index else state.delta(to_json({"function_call": {"name": name, "arguments": ""}}))
        call: dict[str, Any] = {"index": index, "id": call_id}
        if name in self._custom:
            state.custom = (index, [])
            call |= {"type": "custom", "custom": {"name": name, "input": ""}}
        else:
            call |= {"type": "function", "function": {"name": name, "arguments": ""}}
        extra = state.take_extra_content()
        return state.delta(to_json({"tool_calls": [call | ({"extra_content": extra} if extra else {})]}))

    def _arguments(self, state: _Choice, index: int, arguments: str) -> list[bytes]:
        if state.custom is not None and state.custom[0] == index:
            state.custom[1].append(arguments)
            return []
        text = quoted(arguments).encode()
        if self._legacy:
            return [] if index else [state.delta(b'{"function_call":{"arguments":' + text + b"}}")]
        return [state.delta(b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}' % (index, text))]


class _Choice:
    """One choice of a stream: its frames, and what is gathered until a block ends."""

    def __init__(self, index: int, head: bytes, tail: bytes) -> None:
        opening = head + b'{"index":%d,"delta":' % index
        self._before = opening
        self._after = b',"logprobs":null,"finish_reason":null}' + tail
        self._before_text = opening + b'{"content":'
        self._after_text = b"}" + self._after
        self._tail = tail
        self._blocks = 0
        self._citations = 0
        self.thought: list[str] = []
        self.signature: list[str] = []
        self.sealed: list[Reasoning] = []
        self.custom: tuple[int, list[str]] | None = None

    def text(self, text: str) -> bytes:
        return self._before_text + quoted(text).encode() + self._after_text

    def delta(self, delta: bytes) -> bytes:
        return self._before + delta + self._after

    def finished(self, reason: str) -> bytes:
        return self._before + b'{},"logprobs":null,"finish_reason":' + to_json(reason) + b"}" + self._tail

    def details(self, blocks: Sequence[Reasoning]) -> bytes:
        """`reasoning_details` of blocks that are complete; they wait to go with the next tool call as well."""
        self.sealed.extend(blocks)
        start = self._blocks
        self._blocks += len(blocks)
        return self.delta(to_json({"reasoning_details": encode_details(blocks, start)}))

    def cited(self, cited: Cited) -> bytes:
        """The SDK's accumulator breaks off where list entries of a stream have no `index` (openai 3.52)."""
        self._citations += 1
        return self.delta(to_json({"annotations": [{"index": self._citations - 1} | encode_annotation(cited)]}))

    def end_reasoning(self) -> list[bytes]:
        if not self.thought and not self.signature:
            return []
        block = Reasoning("".join(self.thought), "".join(self.signature))
        self.thought.clear()
        self.signature.clear()
        return [self.details([block])]

    def end_custom(self) -> list[bytes]:
        """A custom tool's input is the string in the arguments, whole once they are."""
        if self.custom is None:
            return []
        index, fragments = self.custom
        self.custom = None
        call = {"index": index, "custom": {"input": custom_input("".join(fragments))}}
        return [self.delta(to_json({"tool_calls": [call]}))]

    def take_extra_content(self) -> dict[str, Any] | None:
        sealed, self.sealed = self.sealed, []
        return encode_extra_content(sealed)

    def begin(self) -> bytes:
        """The first chunk, with the role: once per choice, because clients concatenate."""
        return self._before + b'{"role":"assistant","content":"","refusal":null}' + self._after


def custom_input(arguments: str) -> str:
    """The input of a custom tool out of the function arguments it was wrapped in."""
    try:
        value = parse_or_mend(arguments, from_json)
    except ValueError:
        return arguments
    text = value.get(FREEFORM_INPUT) if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


def encode_completion(
    completion_id: str,
    created: int,
    model: str,
    replies: Sequence[Reply],
    *,
    legacy_functions: bool = False,
    custom_tools: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """A whole `chat.completion` with one choice per reply."""
    usage = sum((reply.metered.usage for reply in replies), Usage())
    tier = replies[-1].metered.tier if replies else ""
    body = {
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [_choice(index, reply, legacy_functions, custom_tools) for index, reply in enumerate(replies)],
        "usage": encode_usage(usage, reasoned=any(reply.reasoning for reply in replies)),
    }
    return body | ({"service_tier": encode_tier(tier)} if tier else {})


def _choice(index: int, reply: Reply, legacy: bool, custom: frozenset[str]) -> dict[str, Any]:
    calls = reply.tool_calls
    message: dict[str, Any] = {
        "role": "assistant",
        "content": reply.text or (None if calls else ""),
        "refusal": None,
        "annotations": [encode_annotation(cited) for cited in reply.citations],
    }
    thought = "".join(block.text for block in reply.reasoning)
    if thought:
        message["reasoning_content"] = thought
    if reply.reasoning:
        message["reasoning_details"] = encode_details(reply.reasoning)
    reason: str = reply.finished.reason
    if calls and legacy:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
        reason = "function_call" if reason == "tool_calls" else reason
    elif calls:
        message["tool_calls"] = [_call(call.id, call.name, call.arguments, custom) for call in calls]
        extra = encode_extra_content(reply.reasoning)
        if extra:
            message["tool_calls"][0]["extra_content"] = extra
    return {"index": index, "message": message, "logprobs": None, "finish_reason": reason}


def _call(call_id: str, name: str, arguments: str, custom: frozenset[str]) -> dict[str, Any]:
    if name in custom:
        return {"id": call_id, "type": "custom", "custom": {"name": name, "input": custom_input(arguments)}}
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
