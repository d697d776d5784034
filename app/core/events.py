"""What a model answers, as it happens, and the fold of it into a whole.

An upstream yields *batches* (sequences) of these events: one batch is what one read of the socket brought, so that a
layer costs once per read and not once per token. The order is Converse's: `Started`, then per block its deltas and one
`BlockStopped`, then `Finished`, then `Metered`. Tool calls are numbered 0, 1, 2, ... in the order they start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from app.core.prompt import Part, Reasoning, Text, ToolCall

if TYPE_CHECKING:
    from app.core.plan import Target

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Started:
    """The model has begun. `upstream_id` is the provider's own request id, for support cases; `target` who answers."""

    upstream_id: str = ""
    target: Target | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningSigned:
    """A piece of the seal of the reasoning block now open; pieces concatenate."""

    signature: str


@dataclass(frozen=True, slots=True)
class ReasoningRedacted:
    """A whole block of encrypted reasoning, base64."""

    data: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of the JSON text of the arguments; the fragments of one `index` concatenate to a valid object."""

    index: int
    arguments: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A source for the text of the block now open. Offsets count characters of the answer's text so far."""

    title: str = ""
    url: str = ""
    quote: str = ""
    start: int = 0
    end: int = 0
    location: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockStopped:
    """The block now open is complete."""


@dataclass(frozen=True, slots=True)
class Finished:
    """`upstream_reason` is the provider's own word. `malformed_calls`: tool calls whose arguments are no JSON object, though
    no limit cut them off."""

    reason: FinishReason
    upstream_reason: str = ""
    stop_sequence: str | None = None
    malformed_calls: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer. `input` leaves out what was read from or written to the cache (Converse counts so)."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int | None = None

    @property
    def prompt(self) -> int:
        """Tokens of the prompt as OpenAI counts them: cache reads and writes included."""
        return self.input + self.cache_read + self.cache_write

    def __add__(self, other: Usage) -> Usage:
        reasoning = None if self.reasoning is None and other.reasoning is None else 0
        if reasoning is not None:
            reasoning = (self.reasoning or 0) + (other.reasoning or 0)
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.cache_write_1h + other.cache_write_1h,
            reasoning,
        )


@dataclass(frozen=True, slots=True)
class Metered:
    """What the answer cost: the last event. `tier` is the service tier really used, empty where the upstream names none.

    `known`: False where the upstream reported no usage, so that `usage` says nothing and an estimate is charged.
    """

    usage: Usage
    tier: str = ""
    latency_ms: int | None = None
    trace: Mapping[str, Any] | None = None
    known: bool = True


Event = (
    Started
    | TextDelta
    | ReasoningDelta
    | ReasoningSigned
    | ReasoningRedacted
    | ToolCallStarted
    | ToolCallDelta
    | Cited
    | BlockStopped
    | Finished
    | Metered
)
Batch = Sequence[Event]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: the fold of its events."""

    parts: tuple[Part, ...]
    citations: tuple[Cited, ...]
    finished: Finished
    metered: Metered

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def reasoning(self) -> tuple[Reasoning, ...]:
        return tuple(part for part in self.parts if isinstance(part, Reasoning))


class Fold:
    """Takes events one by one; `reply()` when the stream has ended. Parts keep the order in which their blocks began."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._text: list[str] = []
        self._thought: list[str] = []
        self._signature: list[str] = []
        self._calls: dict[int, tuple[int, str, str, list[str]]] = {}
        self._citations: list[Cited] = []
        self._finished = Finished("stop")
        self._metered = Metered(Usage())

    def add(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._close_reasoning()
                self._text.append(text)
            case ReasoningDelta(text):
                self._close_text()
                self._thought.append(text)
            case ReasoningSigned(signature):
                self._close_text()
                self._signature.append(signature)
            case ReasoningRedacted(data):
                self._close()
                self._parts.append(Reasoning(redacted=data))
            case ToolCallStarted(index, call_id, name):
                self._close()
                self._calls[index] = (len(self._parts), call_id, name, [])
                self._parts.append(ToolCall(call_id, name, ""))
            case ToolCallDelta(index, arguments):
                self._calls[index][3].append(arguments)
            case Cited():
                self._citations.append(event)
            case BlockStopped():
                self._close()
            case Finished():
                self._finished = event
            case Metered():
                self._metered = event
            case _:
                pass  # Started: nothing of the answer

    def extend(self, events: Iterable[Event]) -> None:
        for event in events:
            self.add(event)

    def reply(self) -> Reply:
        self._close()
        for place, call_id, name, fragments in self._calls.values():
            self._parts[place] = ToolCall(call_id, name, "".join(fragments))
        return Reply(tuple(self._parts), tuple(self._citations), self._finished, self._metered)

    def _close(self) -> None:
        self._close_reasoning()
        self._close_text()

    def _close_text(self) -> None:
        if self._text:
            self._parts.append(Text("".join(self._text)))
            self._text.clear()

    def _close_reasoning(self) -> None:
        if self._thought or self._signature:
            self._parts.append(Reasoning("".join(self._thought), "".join(self._signature)))
            self._thought.clear()
            self._signature.clear()


def fold(batches: Iterable[Batch]) -> Reply:
    """The whole answer that these batches add up to."""
    folded = Fold()
    for batch in batches:
        folded.extend(batch)
    return folded.reply()
