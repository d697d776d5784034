"""What a client asks, in words of no particular API.

Every public surface decodes into a `Prompt`; every upstream encodes from one. Content is a tuple of parts; a message has
the role `system`, `user` or `assistant`, and the result of a tool is a part of a user message, as in Converse. What a
client said is kept verbatim (tool arguments stay JSON text): a prefix that is re-serialised is a prefix that misses the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Json = Any  # a decoded JSON value; the checker cannot say more without a recursive alias at every use


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes as base64 text, checked at the border; `size` is the number of decoded bytes."""

    base64: str
    size: int


@dataclass(frozen=True, slots=True)
class S3Object:
    uri: str


@dataclass(frozen=True, slots=True)
class Link:
    """An http(s) URL still to be fetched; gone by the time a planner sees the prompt."""

    url: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Content that cannot be used. `reason` and `code` are those of the error that it is in the last user turn; `what` it is
    called in its placeholder, where that is not the kind of its medium."""

    reason: str
    code: str | None = None
    what: str = ""


Source = Blob | S3Object | Link | Broken


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Media:
    """An image, document, audio or video. `mime` and `name` (a file name) are what the client said, and may be wrong.

    `param` is where it stood in the request, for errors: `messages.2.content.1.image_url`. `context` is what the client
    says about a document beside its content; `citations`: the model is to say which of its passages it used.
    `optional`: a placeholder replaces it where it cannot be used (`core/old_media.py`); otherwise the request is refused.
    """

    kind: Literal["image", "document", "audio", "video"]
    source: Source
    mime: str = ""
    name: str = ""
    param: str = "messages"
    context: str = ""
    citations: bool = False
    optional: bool = field(default=False, compare=False)

    @property
    def called(self) -> str:
        """What its placeholder calls it."""
        return (self.source.what if isinstance(self.source, Broken) else "") or self.kind


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is the JSON text of the client or model, unparsed and possibly broken."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    call_id: str
    content: tuple[Text | Media, ...]
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A model's thought. `signature` and `redacted` (base64) must go back byte for byte or not at all.

    Both carry the mark of the model family that produced them (`core/reasoning_origin.py`); without one it is unknown.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""


@dataclass(frozen=True, slots=True)
class CachePoint:
    """The prefix up to here is worth caching; `ttl` is `5m`, `1h` or empty for the model's own."""

    ttl: str = ""


Part = Text | Media | ToolCall | ToolResult | Reasoning | CachePoint


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call. `schema` is the client's JSON Schema of its arguments, or None for none."""

    name: str
    description: str = ""
    schema: Json = None
    strict: bool | None = None
    cache: CachePoint | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`mode` `tool` forces the one named; `allowed`, where given, are the only tools the model may see."""

    mode: Literal["auto", "any", "tool", "none"] = "auto"
    name: str = ""
    allowed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """`schema` is None for `json_object`."""

    kind: Literal["json_object", "json_schema"]
    schema: Json = None
    name: str = "response"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a client wants a model to think where its API has a switch for that beside the effort.

    `default` leaves the switch to the model, so that the effort alone is asked; `budget`: tokens, with `budget` only;
    `display`: how much of it is to be shown, in the model's own word.
    """

    mode: Literal["default", "off", "budget", "adaptive"] = "default"
    budget: int | None = None
    display: str = ""

    @property
    def wanted(self) -> bool:
        return self.mode in ("budget", "adaptive")


@dataclass(frozen=True, slots=True)
class Caching:
    """`auto`: None leaves the choice to the gateway's setting, False means only explicit points, or none at all."""

    auto: bool | None = None
    explicit: bool = True
    ttl: str = ""


@dataclass(frozen=True, slots=True)
class Guardrail:
    identifier: str
    version: str
    stream_mode: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request for one answer. Fields with a vendor's flavour travel in `extra_fields`, unread.

    `thinking`: None where the client's API has no such switch and `effort` says all. `betas`: features asked for by name.
    `grounding`: the model may search the web; one that can't is refused, or `grounding_else` is told as ignored.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    sampling: Sampling = Sampling()
    effort: str | None = None
    caching: Caching = Caching()
    service_tier: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    guardrail: Guardrail | None = None
    latency: str = ""
    grounding: bool = False
    grounding_else: str = ""
    extra_fields: Mapping[str, Json] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    thinking: Thinking | None = None
    betas: tuple[str, ...] = ()


def texts(parts: Sequence[Part]) -> str:
    """The text parts of a message, joined as they stand."""
    return "".join(part.text for part in parts if isinstance(part, Text))
