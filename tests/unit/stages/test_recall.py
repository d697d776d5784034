"""Signed reasoning is kept for clients that drop it."""

from __future__ import annotations

import pytest

from app.core.events import (
    Batch,
    BlockStopped,
    Finished,
    ReasoningDelta,
    ReasoningSigned,
    ToolCallDelta,
    ToolCallStarted,
)
from app.core.plan import Traits
from app.core.prompt import Message, Part, Prompt, Reasoning, Text, Tool, ToolCall, ToolResult
from app.stages.recall import Recollect, Remember
from app.stores.memory import MemoryStash
from tests.unit.stages.upstreams import Scripted, call, plan, taken

SIGNED = Reasoning("Hm.", "sig")
THOUGHT: list[Batch] = [
    [ReasoningDelta("Hm."), ReasoningSigned("sig"), BlockStopped()],
    [ToolCallStarted(0, "c0", "f"), ToolCallDelta(0, "{}"), ToolCallStarted(1, "c1", "f"), BlockStopped()],
    [Finished("tool_calls")],
]
CLAUDE = Traits(replay="signed")


async def kept(made: object, script: list[Batch]) -> MemoryStash:
    stash = MemoryStash(10)
    assert await taken(Remember(Scripted(script), stash), made, call()) == script  # type: ignore[arg-type]
    return stash


async def test_thoughts_are_kept_under_every_call_they_led_to() -> None:
    stash = await kept(plan(CLAUDE, reasoning=True, tools=(Tool("f"),)), THOUGHT)
    assert await stash.get("key-1", "c0") == await stash.get("key-1", "c1") == (SIGNED,)


async def test_a_client_that_reads_no_further_than_the_end_finds_them_kept() -> None:
    stash = MemoryStash(10)
    made = plan(CLAUDE, reasoning=True, tools=(Tool("f"),))
    async for batch in Remember(Scripted(THOUGHT), stash).run(made, call()):
        if batch == THOUGHT[2]:
            assert await stash.get("key-1", "c0") == (SIGNED,)


async def test_nobody_else_gets_them() -> None:
    stash = await kept(plan(CLAUDE, reasoning=True, tools=(Tool("f"),)), THOUGHT)
    assert await stash.get("key-2", "c0") == ()


@pytest.mark.parametrize(
    ("traits", "reasoning", "tools"), [(CLAUDE, False, True), (CLAUDE, True, False), (Traits(), True, True)]
)
async def test_what_need_not_come_back_is_not_kept(traits: Traits, reasoning: bool, tools: bool) -> None:
    stash = await kept(plan(traits, reasoning=reasoning, tools=(Tool("f"),) if tools else ()), THOUGHT)
    assert await stash.get("key-1", "c0") == ()


async def test_unsigned_thoughts_are_not_kept() -> None:
    script: list[Batch] = [[ReasoningDelta("Hm."), BlockStopped(), *THOUGHT[1]], THOUGHT[2]]
    assert await (await kept(plan(CLAUDE, reasoning=True, tools=(Tool("f"),)), script)).get("key-1", "c0") == ()


CALL = ToolCall("c0", "f", "{}")
REDACTED = Reasoning(redacted="cmVk")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((Text("a"), CALL), (SIGNED, Text("a"), CALL)),
        ((Reasoning("Hm."), CALL), (SIGNED, CALL)),
        ((Reasoning("x", "theirs"), CALL), (Reasoning("x", "theirs"), CALL)),
        ((REDACTED, CALL), (REDACTED, CALL)),
        ((ToolCall("unknown", "f", "{}"),), (ToolCall("unknown", "f", "{}"),)),
        ((ToolCall("unknown", "f", "{}"), CALL), (SIGNED, ToolCall("unknown", "f", "{}"), CALL)),
        ((Text("a"),), (Text("a"),)),
    ],
)
async def test_thoughts_are_put_back_before_the_call(parts: tuple[Part, ...], expected: tuple[Part, ...]) -> None:
    stash = MemoryStash(10)
    await stash.put("key-1", "c0", (SIGNED,))
    history = (Message("user", (ToolResult("c0", ()),)), Message("assistant", parts))
    prompt = Prompt("m", history)
    prepared = await Recollect(stash).prepare(prompt, call())
    assert prepared.messages == (history[0], Message("assistant", expected))
    assert (prepared is prompt) is (parts == expected)
