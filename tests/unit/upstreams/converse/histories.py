"""Histories for properties: whatever a client may send, and conversations that are right as they are."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from app.core.plan import Target, Traits
from app.core.prompt import (
    Blob,
    CachePoint,
    Media,
    Message,
    Part,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from app.core.reasoning_origin import mark_of
from app.plan.traits import traits_of
from local.behaviour.reasoning import seal, sign

SONNET_45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS_5 = "us.anthropic.claude-opus-5"
NOVA_PRO = "amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
OSS = "openai.gpt-oss-20b-1:0"
GPT = "us.openai.gpt-5.6-sol"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
R1 = "us.deepseek.r1-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"
MODELS = (
    SONNET_45,
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "us.anthropic.claude-sonnet-4-6",
    OPUS_5,
    "us.anthropic.claude-opus-5-5",
    NOVA_PRO,
    NOVA_2,
    OSS,
    GPT,
    LLAMA,
    R1,
    QWEN,
)


def target(model: str) -> Target:
    """The model behind an id with or without a geography, with the traits the gateway knows of it."""
    base = model.removeprefix("us.")
    return Target(model, base, traits_of(base))


PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
PDF = b"%PDF-1.7\n" + bytes(20)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(20)
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41"
CONTENT = {"image": PNG, "document": PDF, "audio": WAV, "video": MP4}


def blob(data: bytes) -> Blob:
    return Blob(b64encode(data).decode(), len(data))


def media(kind: Any, data: bytes | None = None, **members: Any) -> Media:
    return Media(kind, blob(CONTENT[kind] if data is None else data), **members)


WORDS = st.sampled_from(["hi", "look here", "x ", " lead", "", " ", "\n\t", "{}", "[image below]", "Ünïcode ✓"])
IDS = st.sampled_from(["c1", "c2", "c3", "c1-2", "call|4", "y" * 70])
NAMES = st.sampled_from(["f", "get_weather", "fs.read", "a/b", "n" * 70, "$"])
ARGUMENTS = st.sampled_from(["{}", "", " ", "null", '{"a": 1}', '"{\\"a\\": 1}"', "[1]", "{broken", "NaN", '""'])
THOUGHTS = st.sampled_from(
    [
        Reasoning("hm"),
        Reasoning("hm", sign("hm")),
        Reasoning("", sign("")),
        Reasoning("hm", mark_of("claude") + sign("hm")),
        Reasoning(redacted=mark_of("claude") + seal("x")),
        Reasoning("hm", redacted=mark_of("claude") + seal("x")),
        Reasoning(redacted=mark_of("gpt") + seal("x", "OpenAI")),
        Reasoning(" "),
        Reasoning(),
    ]
)
POINTS = st.sampled_from([CachePoint(), CachePoint("1h"), CachePoint("5m")])


def media_for(traits: Traits) -> st.SearchStrategy[Media]:
    """Media that the model takes; others are refused by name, which is tested apart."""
    kinds = [kind for kind in CONTENT if traits.modalities is None or kind in traits.modalities]
    if traits.modalities is None:
        kinds.remove("audio")
    return st.sampled_from([media(kind) for kind in kinds]) if kinds else st.nothing()


def result_items(traits: Traits) -> st.SearchStrategy[Text | Media]:
    return st.one_of(st.builds(Text, WORDS), media_for(traits), st.just(media("image")))


def parts_for(traits: Traits) -> st.SearchStrategy[Part]:
    results = st.builds(ToolResult, IDS, st.lists(result_items(traits), max_size=3).map(tuple), st.booleans())
    return st.one_of(
        st.builds(Text, WORDS),
        st.builds(Text, WORDS),
        st.builds(ToolCall, IDS, NAMES, ARGUMENTS),
        results,
        THOUGHTS,
        POINTS,
        media_for(traits),
    )


def messages_for(traits: Traits) -> st.SearchStrategy[tuple[Message, ...]]:
    """Anything at all: every part in every role."""
    roles = st.sampled_from(["system", "user", "user", "assistant", "assistant"])
    message = st.builds(Message, roles, st.lists(parts_for(traits), max_size=5).map(tuple))
    return st.lists(message, max_size=9).map(tuple)


SAID = st.sampled_from(["hi", "look here", "and then?", "Ünïcode ✓"])


@st.composite
def conversations(draw: Callable[..., Any], traits: Traits, reasoning: bool = True) -> tuple[Message, ...]:
    """What Converse takes as it is: system first, roles in turn, every call answered at once, the last word the user's."""
    messages: list[Message] = []
    if traits.system_prompt and draw(st.booleans()):
        messages.append(Message("system", (Text(draw(SAID)), *draw(st.sampled_from([(), (CachePoint(),)])))))
    opening: list[Part] = [Text(draw(SAID))]
    count = 0
    for _ in range(draw(st.integers(0, 4))):
        messages.append(Message("user", tuple(opening)))
        parts: list[Part] = []
        if reasoning and traits.replay == "signed" and draw(st.booleans()):
            parts.append(Reasoning("hm", sign("hm")))
        if traits.replay == "redacted" and draw(st.booleans()):
            parts.append(Reasoning(redacted=mark_of(traits.family) + seal("x", "OpenAI")))
        if traits.replay == "unsigned" and draw(st.booleans()):
            parts.append(Reasoning("hm"))
        if draw(st.booleans()):
            parts.append(Text(draw(SAID)))
        calls = [ToolCall(f"c{count + n}", "f", '{"a": 1}') for n in range(draw(st.integers(0, 3)))]
        if not any(isinstance(part, Text) for part in parts) and not calls:
            parts.append(Text("well"))
        count += len(calls)
        messages.append(Message("assistant", (*parts, *calls)))
        opening = [ToolResult(call.id, (Text(draw(SAID)),)) for call in calls]
        if not calls or draw(st.booleans()):
            opening.append(Text(draw(SAID)))
        if draw(st.booleans()):
            opening.append(CachePoint())
    messages.append(Message("user", tuple(opening)))
    return tuple(messages)


def tools(*names: str) -> tuple[Tool, ...]:
    return tuple(Tool(name, "does it", {"type": "object", "properties": {"a": {"type": "integer"}}}) for name in names)
