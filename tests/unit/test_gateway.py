"""The pipeline: events in order, one usage record whatever happens, several choices at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import pytest

from app.core.books import Demand, Settlement, UsageRecord
from app.core.deadline import deadline_exceeded
from app.core.events import Batch, Finished, Metered, Started, TextDelta, Usage
from app.core.money import Cost
from app.core.plan import Plan
from app.core.ports import Call, Caller, ChatUpstream, TokenCount
from app.core.prompt import Message, Prompt, Text
from app.core.route import Hop
from app.errors import GatewayError, InvalidRequest, NotFound, RateLimited, UpstreamFailure
from app.gateway import Gateway
from app.stages.bookkeeping import Bookkeeper
from app.stages.plain import Plain
from tests.unit.stages.prices import PRICES, PlainPrices
from tests.unit.stages.upstreams import ANSWER, FixedPlanner, Scripted, call, plan

PROMPT = Prompt("m", (Message("user", (Text("Hello"),)),))


class Records:
    """Implements Meter."""

    def __init__(self) -> None:
        self.all: list[UsageRecord] = []

    def record(self, record: UsageRecord) -> None:
        self.all.append(record)

    @property
    def one(self) -> UsageRecord:
        (record,) = self.all
        return record


class Preparing:
    """Implements Preparer."""

    async def prepare(self, prompt: Prompt, of: Call) -> Prompt:
        return Prompt(prompt.model + "!", prompt.messages)


class Noting(FixedPlanner):
    """Remembers what it was asked to plan."""

    async def plan(
        self,
        prompt: Prompt,
        call: Call,
        *,
        stream: bool,
        quirks: frozenset[str] = frozenset(),
        route: tuple[Hop, ...] = (),
    ) -> Plan:
        self.prompt = prompt
        return await super().plan(prompt, call, stream=stream, quirks=quirks)


class Endless:
    """Implements ChatUpstream: it talks until it is closed."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        self.opened += 1
        try:
            while True:
                yield [TextDelta("a")]
                await asyncio.sleep(0)
        finally:
            self.closed += 1


def gateway(upstream: ChatUpstream, times: tuple[float, ...] = (100.25, 101.0)) -> tuple[Gateway, Records]:
    clock = iter((*times, *[times[-1]] * 9))
    records = Records()
    return Gateway(FixedPlanner(), upstream, Bookkeeper(Plain(records), PRICES), clock=lambda: next(clock)), records


async def test_events_come_as_they_are_and_one_record_is_written() -> None:
    made, records = gateway(Scripted(ANSWER))
    async with aclosing(made.run(PROMPT, call(), stream=True)) as events:
        assert [item async for item in events] == [(0, batch) for batch in ANSWER]
    record = records.one
    assert (record.outcome, record.status, record.error_code, record.streamed) == ("ok", 200, None, True)
    assert (record.usage, record.tier, record.finish) == (Usage(3, 2), "default", Finished("stop"))
    assert (record.first_token_ms, record.total_ms, record.upstream_ids) == (250, 1000, ("up-1",))


async def test_preparers_come_before_the_planner() -> None:
    planner = Noting()
    made = Gateway(planner, Scripted(ANSWER), Bookkeeper(Plain(Records()), PRICES), [Preparing(), Preparing()])
    await made.complete(PROMPT, call())
    assert planner.prompt.model == "m!!"


class Full(Plain):
    """Implements Accounting: nobody may go."""

    def foresee(self, call: Call) -> GatewayError | None:  # type: ignore[override]
        return RateLimited("Not now.")


class Absent(FixedPlanner):
    async def check(self, prompt: Prompt, call: Call) -> None:
        raise NotFound("There is no such model.", code="model_not_found")


class Unwanted:
    """Implements Preparer."""

    async def prepare(self, prompt: Prompt, of: Call) -> Prompt:
        raise AssertionError("a request that is refused fetches nothing")


async def test_a_request_that_is_refused_anyway_fetches_and_looks_up_nothing() -> None:
    records = Records()
    made = Gateway(FixedPlanner(), Scripted(ANSWER), Bookkeeper(Full(records), PRICES), [Unwanted()])
    with pytest.raises(RateLimited):
        await made.complete(PROMPT, call())
    with pytest.raises(RateLimited):
        await made.check(call())
    assert [(each.outcome, each.status) for each in records.all] == [("error", 429)] * 2


async def test_a_request_for_a_model_that_is_not_there_fetches_nothing() -> None:
    records = Records()
    books = Bookkeeper(Plain(records), PRICES)
    made = Gateway(Absent(), Scripted(ANSWER), books, [Unwanted()], counter=lambda: cast(Any, None))
    with pytest.raises(NotFound):
        await made.complete(PROMPT, call())
    with pytest.raises(NotFound):
        await made.count(PROMPT, call())
    assert [each.error_code for each in records.all] == ["model_not_found"] * 2


async def test_a_whole_answer_is_the_fold_of_the_same_events() -> None:
    made, records = gateway(Scripted(ANSWER))
    (reply,) = await made.complete(PROMPT, call())
    assert (reply.text, records.one.streamed) == ("Hi", False)


async def test_several_choices_are_numbered_and_their_usage_adds_up() -> None:
    made, records = gateway(Scripted(ANSWER))
    replies = await made.complete(PROMPT, call(), n=3)
    assert [reply.text for reply in replies] == ["Hi"] * 3
    assert (records.one.choices, records.one.usage) == (3, Usage(9, 6))
    assert len(records.one.upstream_ids) == 3


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        ([InvalidRequest("no", code="c")], 400, "c"),
        ([InvalidRequest("no")], 400, "invalid_request_error"),
        ([ANSWER[0], UpstreamFailure("broken")], 502, "upstream_error"),
        ([ValueError("bug")], 500, None),
    ],
)
async def test_a_failure_is_raised_and_recorded_once(
    script: list[Batch | BaseException], status: int, code: str | None, n: int
) -> None:
    made, records = gateway(Scripted(script))
    with pytest.raises((InvalidRequest, UpstreamFailure, ValueError)):
        await made.complete(PROMPT, call(), n=n)
    assert (records.one.outcome, records.one.status, records.one.error_code) == ("error", status, code)


async def test_a_failure_of_one_choice_stops_the_others() -> None:
    endless = Endless()

    class Half:
        """The second answer fails, the first goes on for ever."""

        started = 0

        def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
            self.started += 1
            return endless.run(plan, call) if self.started == 1 else Scripted([UpstreamFailure("no")]).run(plan, call)

    made, _ = gateway(Half())
    with pytest.raises(UpstreamFailure):
        await made.complete(PROMPT, call(), n=2)
    assert endless.closed == endless.opened == 1


@pytest.mark.parametrize("n", [1, 2])
async def test_a_client_that_leaves_is_recorded_and_frees_the_upstream(n: int) -> None:
    endless = Endless()
    made, records = gateway(endless)
    async with aclosing(made.run(PROMPT, call(), stream=True, n=n)) as events:
        await anext(events)
    assert endless.closed == endless.opened > 0
    assert (records.one.outcome, records.one.status) == ("disconnected", 200)


async def test_a_server_that_stops_while_a_client_does_not_read_is_recorded_as_shutting_down() -> None:
    made, records = gateway(Endless())
    of = call()
    async with aclosing(made.run(PROMPT, of, stream=True)) as events:
        await anext(events)
        of.stopping = True
    assert (records.one.outcome, records.one.status, records.one.error_code) == ("error", 200, "shutting_down")


@pytest.mark.parametrize(("gone", "outcome"), [(False, "error"), (True, "disconnected")])
async def test_a_token_count_that_is_cancelled_is_recorded(gone: bool, outcome: str) -> None:
    class Cancelled:
        async def count(self, plan: Plan, call: Call) -> TokenCount:
            raise asyncio.CancelledError

    records = Records()
    books = Bookkeeper(Plain(records), PRICES)
    made = Gateway(FixedPlanner(), Scripted(ANSWER), books, counter=Cancelled)
    of = call()
    of.gone = gone
    with pytest.raises(asyncio.CancelledError):
        await made.count(PROMPT, of)
    assert (records.one.outcome, records.one.usage) == (outcome, Usage())


@pytest.mark.parametrize("kind", ["count", "check", "run"])
async def test_a_table_that_does_not_answer_holds_no_request_up(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def foresee(self, call: Call) -> GatewayError | None:
            return RateLimited("Too many.") if kind == "check" else None

        async def admit(self, call: Call, demand: Callable[[], Awaitable[Demand]]) -> Settlement:
            return self

        async def settle(self, record: UsageRecord) -> None:
            await asyncio.Event().wait()

        def limits(self, caller: Caller) -> Mapping[str, str]:
            return {}

    class Counting:
        async def count(self, plan: Plan, call: Call) -> TokenCount:
            return TokenCount(3, estimated=False)

    monkeypatch.setattr("app.core.deadline.MOST_FOR_BOOKS", 0.01)
    monkeypatch.setattr("app.core.deadline.LEAST_FOR_BOOKS", 0.0)
    made = Gateway(FixedPlanner(), Scripted(ANSWER), Bookkeeper(Silent(), PRICES), counter=Counting)
    async with asyncio.timeout(5):
        if kind == "count":
            assert (await made.count(PROMPT, call())).tokens == 3
        elif kind == "run":
            assert await made.complete(PROMPT, call())
        else:
            with pytest.raises(RateLimited):
                await made.check(call())


async def test_an_answer_read_to_its_end_after_the_client_left_counts_as_disconnected() -> None:
    made, records = gateway(Scripted(ANSWER))
    of = call()
    of.gone = True
    await made.complete(PROMPT, of)
    assert (records.one.outcome, records.one.usage) == ("disconnected", Usage(3, 2))


async def test_the_first_token_is_timed_by_the_first_batch() -> None:
    made, records = gateway(Scripted([[Started("up")], *ANSWER]), (100.1, 103.0))
    await made.complete(PROMPT, call())
    assert records.one.first_token_ms == 100


async def test_each_choice_is_charged_at_the_model_that_answered_it() -> None:
    """After a fallback of one choice the receipt names that one's model only."""
    dear = replace(plan().target, model_id="dear", base_id="dear")
    first: list[Batch] = [[Started("1", dear), Metered(Usage(0, 1000))]]
    second: list[Batch] = [[Started("2"), Metered(Usage(0, 1000))]]
    records = Records()
    of = call()
    of.receipt.target = replace(dear, model_id="cheap", base_id="cheap")
    made = Gateway(FixedPlanner(), Scripted(first, second), Bookkeeper(Plain(records), DearPrices(), output=500))
    await made.complete(PROMPT, of, n=2)
    assert records.one.cost.total == 1000 * 100 + 1000


class DearPrices(PlainPrices):
    def cost(self, called: str, base_id: str, usage: Usage, **options: Any) -> Cost:
        return Cost(output=usage.output * (100 if called == "dear" else 1))


class Silent:
    """Implements ChatUpstream: asked, and then nothing for three seconds of the clock."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        for batch in ([], [TextDelta("never")]):
            if not batch:
                raise self.failure
            yield batch


@pytest.mark.parametrize("failure", [deadline_exceeded(), asyncio.CancelledError()])
@pytest.mark.parametrize(("limit", "said"), [(50, 50), (100_000, 1200)])
async def test_a_whole_answer_that_nobody_waited_for_is_not_free(failure: BaseException, limit: int, said: int) -> None:
    """The model goes on, and is paid: as much as was reserved, as far as there was time to say it."""
    records = Records()
    planner = FixedPlanner(plan(whole=True, max_tokens=limit))
    books = Bookkeeper(Plain(records), PRICES)
    made = Gateway(planner, Silent(failure), books, clock=lambda: 103.0)
    with pytest.raises(type(failure)):
        await made.complete(PROMPT, call())
    assert (records.one.usage.output, records.one.estimated) == (said, True)
    assert records.one.usage.input > 0


async def test_a_request_that_failed_before_it_was_let_in_costs_nothing() -> None:
    records = Records()
    books = Bookkeeper(Refusing(records), PRICES)
    made = Gateway(FixedPlanner(), Scripted(ANSWER), books)
    with pytest.raises(asyncio.CancelledError):
        await made.complete(PROMPT, call())
    assert (records.one.outcome, records.one.usage, records.one.estimated) == ("error", Usage(), False)


class Refusing(Plain):
    async def admit(self, call: Call, demand: Any) -> Any:
        raise asyncio.CancelledError


@pytest.mark.parametrize("lost", [[], [[Metered(Usage(), "flex", known=False)]]], ids=["no metadata", "no usage"])
async def test_an_answer_whose_usage_was_lost_is_charged_at_its_estimate(lost: list[Batch]) -> None:
    made, records = gateway(Scripted([[Started("up-1")], [TextDelta("x" * 300), Finished("stop")], *lost]))
    of = call()
    of.receipt.target = plan().target
    await made.complete(PROMPT, of)
    record = records.one
    assert (record.outcome, record.estimated, record.tier) == ("ok", True, "flex" if lost else "")
    assert (record.usage.output, record.usage.input > 0, record.cost.total > 0) == (100, True, True)


async def test_of_several_choices_only_the_lost_one_is_estimated() -> None:
    made, records = gateway(Scripted(ANSWER, [[TextDelta("x" * 30), Finished("stop")]]))
    await made.complete(PROMPT, call(), n=2)
    assert records.one.estimated
    assert records.one.usage.output == 2 + 10


class Limiting(Plain):
    """A hard budget that pays for 2,000 tokens."""

    async def admit(self, call: Call, demand: Any) -> Any:
        call.output_limit = 2000
        return await super().admit(call, demand)


class Replanning(FixedPlanner):
    """Obeys the call's limit, and counts a repair each time."""

    async def plan(self, prompt: Prompt, call: Call, **options: Any) -> Plan:
        call.receipt.repairs["planned"] += 1
        call.receipt.ignore("first" if call.output_limit is None else "second")
        call.receipt.max_tokens = call.output_limit
        return replace(self.made, max_tokens=call.output_limit or self.made.max_tokens)


@pytest.mark.parametrize(
    ("named", "sent", "ignored"), [(None, 2000, "second"), (9000, 2000, "second"), (500, 500, "first")]
)
async def test_what_a_hard_budget_reserved_is_the_limit_that_is_sent(
    named: int | None, sent: int, ignored: str
) -> None:
    upstream = Scripted(ANSWER)
    books = Bookkeeper(Limiting(Records()), PRICES)
    made, of = Gateway(Replanning(plan(max_tokens=named)), upstream, books), call()
    await made.complete(PROMPT, of)
    assert [each.max_tokens for each in upstream.plans] == [sent]
    assert (of.receipt.max_tokens, dict(of.receipt.repairs)) == (sent, {"planned": 1})
    assert list(of.receipt.ignored) == [ignored]


async def test_without_a_hard_budget_a_request_is_planned_once_and_nothing_is_invented() -> None:
    upstream = Scripted(ANSWER)
    made, of = Gateway(Replanning(), upstream, Bookkeeper(Plain(Records()), PRICES)), call()
    await made.complete(PROMPT, of)
    assert (upstream.plans[0].max_tokens, of.receipt.max_tokens, of.receipt.repairs["planned"]) == (None, None, 1)
