"""The response cache: who asks for it, what is kept, and that it never stands in anybody's way."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from app.core.access import Access
from app.core.events import Batch, Event, Finished, Metered, Started, TextDelta, Usage, fold
from app.core.plan import Plan, Target, Traits
from app.core.ports import Answers, Call, Caller
from app.core.prompt import Sampling, Tool
from app.core.table import TableUnavailable
from app.errors import InvalidRequest, UpstreamFailure
from app.stages import cache
from app.stages.cache import ResponseCache
from app.stages.wish import Wish, parsed, wished
from app.stores.answers import TableAnswers
from app.stores.memory import MemoryAnswers
from app.stores.table.memory import MemoryTable
from tests.unit.stages.upstreams import ANSWER, plan

Choice = tuple[int, Batch]
DAY = 86_400
MADE = plan()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Produces the same answers each time, counts how often, and notes whether it was closed."""

    def __init__(self, *items: Choice | Exception) -> None:
        self.items = items or tuple((0, batch) for batch in ANSWER)
        self.asked = 0
        self.closed = 0

    async def __call__(self) -> AsyncGenerator[Choice, None]:
        self.asked += 1
        try:
            for item in self.items:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["table", "memory"])
def answers(request: pytest.FixtureRequest, clock: Clock) -> Answers:
    if request.param == "table":
        return TableAnswers(MemoryTable(clock), clock)
    return MemoryAnswers(clock=clock)


@pytest.fixture
def kept(answers: Answers, clock: Clock) -> ResponseCache:
    return ResponseCache(answers, DAY, clock)


def call(header: str = "ttl=60", *, key: str = "key-1", ttl: int = 0) -> Call:
    return Call("req_1", Caller(key, access=Access(cache_ttl=ttl)), "chat.completions", cache=header)


async def run(kept: ResponseCache, source: Source, of: Call, *plans: Plan, n: int = 1) -> list[Choice]:
    async with aclosing(kept.wrap(of, plans or (MADE,), n, source)) as items:
        return [item async for item in items]


def replies(items: list[Choice], choices: int = 1) -> list[Any]:
    return [fold([batch for number, batch in items if number == choice]) for choice in range(choices)]


async def test_the_second_time_the_model_is_not_asked(kept: ResponseCache) -> None:
    source, first, second = Source(), call(), call()
    assert await run(kept, source, first) == [(0, batch) for batch in ANSWER]
    again = await run(kept, source, second)
    assert (source.asked, first.receipt.cache, second.receipt.cache) == (1, "miss", "hit")
    assert replies(again) == [fold(ANSWER)]
    assert replies(again)[0].metered == Metered(Usage(3, 2), "default")


async def test_whole_and_streamed_requests_share_an_answer(kept: ResponseCache) -> None:
    source = Source()
    for stream in (True, False):
        await run(kept, source, call(), plan(stream=stream, whole=not stream))
    assert source.asked == 1


async def test_nobody_else_gets_it(kept: ResponseCache) -> None:
    source = Source()
    for key in ("key-1", "key-2", "key-1", "key-2"):
        await run(kept, source, call(key=key))
    assert source.asked == 2


async def test_an_entry_copied_to_another_tenant_fits_nobody(clock: Clock) -> None:
    table = MemoryTable(clock)
    kept, source = ResponseCache(TableAnswers(table, clock), DAY, clock), Source()
    await run(kept, source, call())
    (item,) = await table.query("cache#key-1")
    await table.put("cache#key-2", str(item["sk"]), item)
    await run(kept, source, call(key="key-2"))
    assert source.asked == 2


async def test_another_request_is_another_entry(kept: ResponseCache) -> None:
    source = Source()
    for made in (MADE, plan(temperature=0.5), plan(max_tokens=3), MADE):
        await run(kept, source, call(), made)
    assert source.asked == 3


async def test_several_choices_and_prompts_are_kept_together(kept: ResponseCache) -> None:
    events: list[Choice] = [(choice, [TextDelta(f"{choice}{part}")]) for part in "ab" for choice in range(4)]
    ends: list[Event] = [Finished("stop"), Metered(Usage(1, 1))]
    source = Source(*events, *((choice, ends) for choice in (2, 0, 3, 1)))
    for _ in range(2):
        items = await run(kept, source, call(), MADE, plan(notes=("b",)), n=2)
        assert [reply.text for reply in replies(items, 4)] == ["0a0b", "1a1b", "2a2b", "3a3b"]
    assert source.asked == 1
    await run(kept, source, call(), MADE, plan(notes=("b",)), n=1)
    assert source.asked == 2


async def test_an_answer_is_never_older_than_was_asked(kept: ResponseCache, clock: Clock) -> None:
    source = Source()
    await run(kept, source, call("ttl=100"))
    clock.now += 50
    await run(kept, source, call("ttl=51"))
    assert source.asked == 1
    await run(kept, source, call("ttl=50"))
    assert source.asked == 2
    clock.now += 50
    await run(kept, source, call("ttl=100"))
    assert source.asked == 3, "kept for 50 seconds only, the last time"


async def test_refresh_asks_anew_and_keeps_that(kept: ResponseCache) -> None:
    old, new = Source((0, ANSWER[1]), (0, ANSWER[2])), Source((0, [TextDelta("new")]), *((0, b) for b in ANSWER))
    await run(kept, old, call())
    again = call("ttl=60, refresh")
    assert replies(await run(kept, new, again))[0].text == "newHi"
    assert again.receipt.cache == "miss"
    assert replies(await run(kept, old, call()))[0].text == "newHi"
    assert (old.asked, new.asked) == (1, 1)


async def test_who_does_not_ask_is_not_touched() -> None:
    class Untouched:
        async def get(self, tenant: str, key: str) -> bytes | None:
            raise AssertionError

        async def put(self, tenant: str, key: str, body: bytes, seconds: int) -> None:
            raise AssertionError

    kept, source = ResponseCache(Untouched(), DAY), Source()
    for of in (call(""), call("off"), call("off", ttl=60)):
        generator = source()
        assert kept.wrap(of, [MADE], 1, lambda made=generator: made) is generator  # type: ignore[misc]
        await generator.aclose()
        assert of.receipt.cache == ""


async def test_a_cache_that_is_off_says_that_it_was_not_asked() -> None:
    kept, source, of = ResponseCache(MemoryAnswers(), 0), Source(), call("nonsense", ttl=60)
    await run(kept, source, of)
    assert (list(of.receipt.ignored), of.receipt.cache) == (["x-gateway-cache"], "")
    of = call("", ttl=60)
    await run(kept, source, of)
    assert (list(of.receipt.ignored), of.receipt.cache) == ([], "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Wish(60)),
        ({"sampling": Sampling(temperature=0.0)}, Wish(60)),
        ({"sampling": Sampling(temperature=0.1)}, None),
        ({"tools": (Tool("f"),)}, None),
        ({"grounding": True}, None),
    ],
)
def test_a_keys_own_rule_is_for_what_would_come_out_the_same(changes: Any, expected: Wish | None) -> None:
    lively = replace(MADE, prompt=replace(MADE.prompt, **changes))
    assert wished(call("", ttl=60), [MADE, lively], DAY) == expected
    assert wished(call("ttl=5", ttl=60), [MADE, lively], DAY) == Wish(5)
    assert wished(call("", ttl=2 * DAY), [MADE], DAY) == Wish(DAY)


@pytest.mark.parametrize(
    ("header", "default", "expected"),
    [
        ("ttl=1", 0, Wish(1)),
        ("TTL = 86400 , Refresh", 0, Wish(DAY, True)),
        ("refresh,ttl=5", 0, Wish(5, True)),
        ("refresh", 60, Wish(60, True)),
        ("ttl=99999999999999999999999999999999999999999999999999", 0, Wish(DAY)),
        ("ttl=000007", 0, Wish(7)),
        ("OFF", 60, None),
    ],
)
def test_what_the_header_may_say(header: str, default: int, expected: Wish | None) -> None:
    assert parsed(header, default, DAY) == expected


@pytest.mark.parametrize(
    "header",
    [
        "yes", "ttl", "ttl=", "ttl=0", "ttl=-1", "ttl=1.5", "ttl=1e3", "ttl=+1", "ttl=\u0663", "ttl=\xb2", "ttl=1 2",
        "ttl=1,ttl=2", "ttl=1;refresh", "refresh", "refresh,refresh,ttl=1", "off,ttl=1", "ttl=1,off", "ttl=1,", ",",
        "no-store", "max-age=60", "refresh=1,ttl=5",
    ],
)  # fmt: skip
def test_anything_else_is_refused_before_the_model_is_asked(header: str) -> None:
    source = Source()
    with pytest.raises(InvalidRequest) as caught:
        ResponseCache(MemoryAnswers(), DAY).wrap(call(header), [MADE], 1, source)
    assert (caught.value.param, caught.value.status, source.asked) == ("x-gateway-cache", 400, 0)


FILTERED: list[Event] = [TextDelta("x"), Finished("content_filter"), Metered(Usage())]


@pytest.mark.parametrize(
    "source",
    [Source((0, FILTERED)), Source((0, ANSWER[0]), (0, ANSWER[1])), Source((0, ANSWER[0]), (0, ANSWER[2]))],
    ids=["filtered", "no usage", "no end"],
)
async def test_what_is_not_whole_is_not_kept(kept: ResponseCache, source: Source) -> None:
    for _ in range(2):
        of = call()
        await run(kept, source, of)
        assert of.receipt.cache == "miss"


async def test_an_answer_that_broke_off_is_not_kept(kept: ResponseCache) -> None:
    source = Source(*((0, batch) for batch in ANSWER), UpstreamFailure("gone"))
    for asked in (1, 2):
        with pytest.raises(UpstreamFailure):
            await run(kept, source, call())
        assert (source.asked, source.closed) == (asked, asked)


async def test_an_answer_whose_client_left_is_not_kept(kept: ResponseCache) -> None:
    source = Source()
    items = kept.wrap(call(), [MADE], 1, source)
    for _ in ANSWER:
        await anext(items)
    await items.aclose()
    assert source.closed == 1
    await run(kept, source, call())
    assert source.asked == 2


async def test_a_hit_names_the_model_that_answered(kept: ResponseCache) -> None:
    first, second = call(), call()
    first.receipt.model = "eu.other"
    first.receipt.target = Target("eu.other", "other", Traits(), "eu-west-1", "eu.other")
    await run(kept, Source(), first)
    second.receipt.model = "us.m"
    await run(kept, Source(), second)
    assert second.receipt.model == "eu.other"
    assert second.receipt.target == replace(first.receipt.target, traits=MADE.target.traits)


async def test_without_a_fallback_it_is_the_planned_one(kept: ResponseCache) -> None:
    await run(kept, Source(), call())
    of = call()
    await run(kept, Source(), of)
    assert of.receipt.target == MADE.target


class Broken:
    """Implements Answers: fails, or never comes back."""

    def __init__(self, failure: Callable[[], Exception] | None, body: bytes | None = None) -> None:
        self.failure = failure
        self.body = body
        self.asked = 0

    async def get(self, tenant: str, key: str) -> bytes | None:
        if self.body is None:
            await self.fail()
        return self.body

    async def put(self, tenant: str, key: str, body: bytes, seconds: int) -> None:
        await self.fail()

    async def fail(self) -> None:
        self.asked += 1
        if self.failure is None:
            await asyncio.Event().wait()
        else:
            raise self.failure()


@pytest.mark.parametrize(
    "failure",
    [lambda: TableUnavailable("secret"), lambda: RuntimeError("secret"), None],
    ids=["unavailable", "fault", "silence"],
)
async def test_a_cache_out_of_order_is_a_miss(
    failure: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if failure is None:  # only silence has to be waited for
        monkeypatch.setattr(cache, "READ_SECONDS", 0.05)
        monkeypatch.setattr(cache, "WRITE_SECONDS", 0.5)
    broken, of = Broken(failure), call()
    with caplog.at_level(logging.WARNING):
        assert await run(ResponseCache(broken, DAY), Source(), of) == [(0, batch) for batch in ANSWER]
    assert (of.receipt.cache, broken.asked) == ("miss", 2)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "secret" not in caplog.text


@pytest.mark.parametrize("body", [b"", b"junk", b"x" * cache.LARGE], ids=["empty", "small", "large"])
async def test_a_foreign_entry_is_a_miss(body: bytes) -> None:
    of, source = call(), Source()
    await run(ResponseCache(Broken(lambda: RuntimeError(), body), DAY), source, of)
    assert (of.receipt.cache, source.asked) == ("miss", 1)


async def test_an_entry_that_is_too_large_is_left_out(
    kept: ResponseCache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WRITE_SECONDS", 60.0)  # on a busy machine a second is not enough to find out
    source = Source((0, [TextDelta(os.urandom(400_000).hex())]), (0, ANSWER[1]), (0, ANSWER[2]))
    for _ in range(2):
        of = call()
        await run(kept, source, of)
        assert of.receipt.cache == "miss"
    assert caplog.text == ""


async def test_a_large_entry_is_kept(kept: ResponseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WRITE_SECONDS", 60.0)
    monkeypatch.setattr(cache, "READ_SECONDS", 60.0)
    text = os.urandom(cache.LARGE * 2).hex()
    source = Source((0, [TextDelta(text)]), (0, [Finished("stop")]), (0, ANSWER[2]))
    for _ in range(2):
        assert replies(await run(kept, source, call()))[0].text == text
    assert source.asked == 1


async def test_near_the_deadline_nothing_is_kept(kept: ResponseCache, caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    for _ in range(2):
        of = call()
        of.deadline = 1.0  # long ago
        await run(kept, source, of)
    assert (source.asked, caplog.text) == (2, "")


async def test_the_id_of_the_first_call_is_not_told_again(kept: ResponseCache) -> None:
    await run(kept, Source(), call())
    events = [event for _, batch in await run(kept, Source(), call()) for event in batch]
    assert not any(isinstance(event, Started) for event in events)


@pytest.mark.parametrize(
    ("limit", "named", "reason", "asked"),
    [(None, None, "length", 1), (500, None, "length", 2), (500, None, "stop", 1), (500, 500, "length", 1)],
)
async def test_an_answer_that_a_budget_cut_short_is_not_kept(
    kept: ResponseCache, limit: int | None, named: int | None, reason: Any, asked: int
) -> None:
    source = Source((0, [Started("up"), TextDelta("Hi"), Finished(reason)]), (0, ANSWER[2]))
    made = replace(MADE, prompt=replace(MADE.prompt, sampling=Sampling(max_tokens=named)))
    for _ in range(2):
        of = call()
        of.output_limit = of.receipt.max_tokens = limit
        await run(kept, source, of, made)
    assert source.asked == asked
    assert of.receipt.max_tokens == (None if asked == 1 else limit), "on a hit nothing was sent"
