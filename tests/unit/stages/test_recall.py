"""Signed reasoning is kept for clients that drop it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

import pytest

from app.core.events import (
    Batch,
    BlockStopped,
    Finished,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSigned,
    ToolCallDelta,
    ToolCallStarted,
)
from app.core.lasting import finish, start
from app.core.plan import Traits
from app.core.prompt import Message, Part, Prompt, Reasoning, Text, Tool, ToolCall, ToolResult
from app.core.reasoning_origin import mark_of, origin_of
from app.stages import recall
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
THINKING = plan(CLAUDE, reasoning=True, tools=(Tool("f"),))


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


class Slow(MemoryStash):
    """What it writes elsewhere takes until `written` is set."""

    def __init__(self, limit: int = 10) -> None:
        super().__init__(limit)
        self.written = asyncio.Event()
        self.writes = 0
        self.asked: list[Sequence[str]] = []

    async def put(  # type: ignore[override]
        self, tenant: str, call_id: str, blocks: Sequence[Reasoning]
    ) -> Awaitable[None] | None:
        await super().put(tenant, call_id, blocks)
        return start(self._write())

    async def _write(self) -> None:
        await self.written.wait()
        self.writes += 1

    async def get_many(self, tenant: str, call_ids: Sequence[str]) -> Mapping[str, Sequence[Reasoning]]:
        self.asked.append(call_ids)
        return await super().get_many(tenant, call_ids)


async def test_the_client_hears_the_end_before_all_is_written_and_the_process_ends_after() -> None:
    stash = Slow()
    batches = []
    async for batch in Remember(Scripted(THOUGHT), stash).run(THINKING, call()):
        batches.append(batch)
        assert stash.writes == 0
        if batch == THOUGHT[-1]:
            asyncio.get_running_loop().call_soon(stash.written.set)
    assert (batches, stash.writes) == (THOUGHT, 2)


@pytest.mark.parametrize("deadline", [None, 1.0])
async def test_a_write_that_does_not_end_is_not_waited_for(
    deadline: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "WRITE_SECONDS", 0.01)
    stash, of = Slow(), call()
    of.deadline = deadline
    async with asyncio.timeout(5):
        assert await taken(Remember(Scripted(THOUGHT), stash), THINKING, of) == THOUGHT
    assert stash.writes == 0
    stash.written.set()
    await finish(5)
    assert stash.writes == 2, "and goes on"


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


async def test_encrypted_thoughts_are_kept_with_the_family_that_produced_them() -> None:
    marked = mark_of("gpt") + "cmVk"
    script: list[Batch] = [[ReasoningRedacted(marked), BlockStopped()], *THOUGHT[1:]]
    stash = await kept(plan(Traits(family="gpt", replay="redacted"), reasoning=True, tools=(Tool("f"),)), script)
    assert [origin_of(block) for block in await stash.get("key-1", "c0")] == ["gpt"]


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


def turns(*call_ids: str) -> tuple[Message, ...]:
    return tuple(Message("assistant", (ToolCall(call_id, "f", "{}"),)) for call_id in call_ids)


async def test_the_stash_is_asked_once_and_for_the_newest_first() -> None:
    stash = Slow()
    await MemoryStash.put(stash, "key-1", "c1", (SIGNED,))
    sealed = Message("assistant", (Reasoning("x", "theirs"), ToolCall("own", "f", "{}")))
    pair = Message("assistant", (ToolCall("c2", "f", "{}"), ToolCall("c3", "f", "{}")))
    history = (*turns("c0", "c1"), sealed, Message("user", (ToolResult("own", ()),)), pair)
    prepared = await Recollect(stash).prepare(Prompt("m", history), call())
    assert stash.asked == [["c2", "c3", "c1", "c0"]]
    assert prepared.messages[1].parts == (SIGNED, ToolCall("c1", "f", "{}"))
    assert prepared.messages[:1] + prepared.messages[2:] == history[:1] + history[2:]


@pytest.mark.parametrize(
    ("messages", "wanted"), [(turns("c0"), False), ((Message("user", (Text("Hi"),)),), True), ((), True)]
)
async def test_where_nothing_can_be_missing_the_stash_is_not_asked(messages: tuple[Message, ...], wanted: bool) -> None:
    stash = Slow()
    await MemoryStash.put(stash, "key-1", "c0", (SIGNED,))
    prompt = Prompt("m", messages)
    assert await Recollect(stash, lambda asked: wanted).prepare(prompt, call()) is prompt
    assert stash.asked == []
