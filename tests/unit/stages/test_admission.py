"""Who is let in, what is held for them, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.core.access import NANOS, Alert, Budget, Rates, Scope
from app.core.books import Demand, OutputTerms, UsageRecord
from app.core.events import Usage
from app.core.lasting import finish
from app.core.money import Cost
from app.core.ports import Call, Caller
from app.core.table import TableUnavailable
from app.errors import QuotaExceeded, RateLimited
from app.stages.admission import Admission
from app.stages.limits import duration
from app.stores.holds import holds_back, pk_of
from app.stores.ledger import Exhausted, Ledgers
from app.stores.table.memory import MemoryTable

NOW = 1_795_266_030.0  # half a minute into one, 2026-11-21


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


class Books:
    """Rollups and meter that keep what they are told."""

    def __init__(self) -> None:
        self.records: list[UsageRecord] = []
        self.unsettled: list[tuple[str, int]] = []
        self.counted: list[tuple[str, ...]] = []
        self.lines: list[UsageRecord] = []
        self.flushed = 0

    def record(self, record: UsageRecord, counted: Sequence[str]) -> None:
        self.records.append(record)
        self.counted.append((*counted,))

    def charge_unsettled(
        self, project: str, key: str, user: str, nanos: int, at: float, *, counted: Sequence[str]
    ) -> None:
        self.unsettled.append((key, nanos))
        assert counted, "at least the ledger that held it"

    async def flush(self, limit_seconds: float) -> bool:
        self.flushed += 1
        return True


class Lines:
    def __init__(self, books: Books) -> None:
        self._books = books

    def record(self, record: UsageRecord) -> None:
        self._books.lines.append(record)


class House:
    """Admission over a table in memory. `table.broken` makes it unusable; `writes` counts what a request costs."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.clock = Clock()
        self.table = Counting(self.clock)
        self.books = Books()
        self.ledgers = Ledgers(self.table, lasts=60, clock=self.clock)
        self.admission = Admission(
            self.ledgers,
            self.books,
            Lines(self.books),
            holds_back=holds_back,
            exhausted=Exhausted,
            at_once=at_once,
            clock=self.clock,
        )
        self.requests = 0

    async def ask(
        self,
        *scopes: Scope,
        cost: int = 100,
        tokens: int = 10,
        base_id: str = "m",
        output: OutputTerms | None = None,
    ) -> Visit:
        self.requests += 1
        call = Call(f"r{self.requests}", Caller("key_1", scopes=scopes), "chat.completions", started=NOW)

        async def demand() -> Demand:
            return Demand(base_id, tokens, cost, output)

        return Visit(call, await self.admission.admit(call, demand))


class Counting(MemoryTable):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.calls: list[str] = []
        self.broken: TableUnavailable | None = None
        self.slow: asyncio.Event | None = None

    async def update(self, *args: Any, **options: Any) -> Any:
        self.calls.append("update")
        if self.broken is not None:
            raise self.broken
        item = await super().update(*args, **options)
        if self.slow is not None:
            await self.slow.wait()
        return item

    async def get(self, *args: Any, **options: Any) -> Any:
        self.calls.append("get")
        return await super().get(*args, **options)


class Visit:
    def __init__(self, call: Call, settlement: Any) -> None:
        self.call = call
        self.settlement = settlement

    async def leave(self, cost: int = 40, tokens: int = 5) -> None:
        await leave(self.settlement.settle(record(self.call, cost, tokens)))


async def test_a_budget_that_this_process_saw_spent_refuses_without_the_table() -> None:
    house, scope = House(), Scope("key", "key_1", budget=Budget(100))
    call = Call("r", Caller("key_1", scopes=(scope,)), "chat.completions", started=NOW)
    assert house.admission.foresee(call) is None
    await (await house.ask(scope, cost=100)).leave(100)
    house.table.calls.clear()
    error = house.admission.foresee(call)
    assert isinstance(error, QuotaExceeded)
    assert house.table.calls == []
    assert house.admission.foresee(Call("r", Caller("key_2"), "chat.completions", started=NOW)) is None


async def leave(work: Awaitable[None] | None) -> None:
    if work is not None:
        await work


def record(call: Call, cost: int, tokens: int = 5) -> UsageRecord:
    return UsageRecord(
        call=call,
        outcome="ok",
        status=200,
        error_code=None,
        usage=Usage(input=tokens),
        tier="",
        finish=None,
        streamed=False,
        choices=1,
        first_token_ms=None,
        total_ms=1,
        cost=Cost(input=cost),
    )


def key_scope(**limits: Any) -> Scope:
    return Scope("key", "key_1", **limits)


async def test_a_caller_without_limits_costs_the_table_nothing() -> None:
    house = House()
    visit = await house.ask()
    await visit.leave()
    assert house.table.calls == []
    assert [line.call.request_id for line in house.books.lines] == ["r1"]
    assert len(house.books.records) == 1


async def test_limits_cost_one_write_before_and_one_after() -> None:
    house = House()
    visit = await house.ask(key_scope(budget=Budget(1000), rates=Rates(rpm=5, tpm=100)))
    assert house.table.calls == ["update"]
    await visit.leave()
    assert house.table.calls == ["update", "update"]


async def test_a_soft_budget_is_only_counted() -> None:
    house = House()
    scope = key_scope(budget=Budget(50, hard=False))
    for _ in range(3):
        visit = await house.ask(scope, cost=1000)
        assert house.table.calls.count("update") == house.requests - 1
        await visit.leave(40)
    assert (await house.ledgers.spent("key", "key_1", "month")).spent == 120


async def test_exhaustion_says_what_was_spent_what_is_allowed_and_when_it_ends() -> None:
    house = House()
    scope = key_scope(budget=Budget(3 * NANOS, "day"))
    await (await house.ask(scope, cost=2 * NANOS)).leave(2 * NANOS)
    await house.ask(scope, cost=NANOS // 2)
    with pytest.raises(QuotaExceeded) as caught:
        await house.ask(scope, cost=NANOS)
    error = caught.value
    assert error.message == (
        "This key has spent $2.00 and $0.50 reserved by requests under way of its $3.00 limit per day; this request may "
        "cost $1.00. It resets at 2026-11-22T00:00:00Z."
    )
    assert (error.status, error.type, error.code, error.should_retry) == (429, *["insufficient_quota"] * 2, False)
    assert error.detail == {
        "scope": "key",
        "spent_usd": 2.0,
        "reserved_usd": 0.5,
        "limit_usd": 3.0,
        "resets_at": 1_795_305_600,
    }


@pytest.mark.parametrize("cost", [0, 1])
async def test_a_budget_of_zero_blocks(cost: int) -> None:
    house = House()
    with pytest.raises(QuotaExceeded):
        await house.ask(key_scope(budget=Budget(0)), cost=cost)


async def test_a_new_window_begins_empty() -> None:
    house = House()
    scope = key_scope(budget=Budget(100, "day"))
    await (await house.ask(scope, cost=100)).leave(100)
    with pytest.raises(QuotaExceeded):
        await house.ask(scope, cost=1)
    house.clock.now += 86_400
    await house.ask(scope, cost=100)


async def test_rates_are_counted_by_the_minute() -> None:
    house = House()
    scope = key_scope(rates=Rates(rpm=2))
    visits = [await house.ask(scope), await house.ask(scope)]
    assert [visit.call.receipt.headers["x-ratelimit-remaining-requests"] for visit in visits] == ["1", "0"]
    assert visits[0].call.receipt.headers["x-ratelimit-reset-requests"] == "30s"
    with pytest.raises(RateLimited) as caught:
        await house.ask(scope)
    assert (caught.value.type, caught.value.code, caught.value.retry_after) == ("requests", "rate_limit_exceeded", 30)
    house.clock.now += 30
    await house.ask(scope)


async def test_tokens_are_corrected_once_they_are_known() -> None:
    house = House()
    scope = key_scope(rates=Rates(tpm=100))
    visit = await house.ask(scope, tokens=90)
    with pytest.raises(RateLimited) as caught:
        await house.ask(scope, tokens=20)
    assert caught.value.type == "tokens"
    await visit.leave(tokens=5)
    assert (await house.ask(scope, tokens=20)).call.receipt.headers["x-ratelimit-remaining-tokens"] == "75"


async def test_a_request_that_never_fits_is_not_to_be_tried_again() -> None:
    house = House()
    with pytest.raises(RateLimited) as caught:
        await house.ask(key_scope(rates=Rates(tpm=100)), tokens=101)
    assert caught.value.should_retry is False
    assert caught.value.retry_after is None


async def test_a_models_own_rate_holds_for_that_model() -> None:
    house = House()
    scope = Scope("project", "proj_1", models={"m": Rates(rpm=1)})
    await house.ask(scope)
    await house.ask(scope, base_id="other")
    with pytest.raises(RateLimited, match="for this model"):
        await house.ask(scope)


async def test_what_is_left_of_one_model_is_not_told_with_another() -> None:
    house = House()
    scopes = (key_scope(rates=Rates(rpm=100)), Scope("project", "proj_1", models={"m": Rates(rpm=1)}))
    of_it = (await house.ask(*scopes)).call.receipt
    between = house.admission.limits(Caller("key_1", scopes=scopes))
    of_another = (await house.ask(*scopes, base_id="other")).call.receipt
    told = [headers["x-ratelimit-remaining-requests"] for headers in (of_it.headers, between, of_another.headers)]
    assert told == ["0", "99", "98"]
    only_budget = Scope("project", "proj_1", budget=Budget(10**9), models={"m": Rates(rpm=1)})
    house = House()
    assert "x-ratelimit-limit-requests" in (await house.ask(only_budget)).call.receipt.headers
    assert house.admission.limits(Caller("key_1", scopes=(only_budget,))) == {}
    assert (await house.ask(only_budget, base_id="other")).call.receipt.headers == {}


async def test_what_one_scope_refuses_is_given_back_to_the_others() -> None:
    house = House()
    key, project = key_scope(budget=Budget(1000)), Scope("project", "p", budget=Budget(50))
    with pytest.raises(QuotaExceeded, match="This key's project"):
        await house.ask(key, project, cost=100)
    assert (await house.ledgers.spent("key", "key_1", "month")).reserved == 0


async def test_a_budget_goes_before_a_rate() -> None:
    """It does not help to wait a minute for it."""
    house = House()
    scope = key_scope(budget=Budget(50), rates=Rates(rpm=0))
    with pytest.raises(QuotaExceeded):
        await house.ask(scope, cost=100)


async def test_who_leaves_while_the_table_is_asked_holds_nothing() -> None:
    """The write may be under way already: it is waited for, and taken back."""
    house = House()
    scope = key_scope(budget=Budget(100))
    house.table.slow = asyncio.Event()
    asking = asyncio.create_task(house.ask(scope, cost=100))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert house.table.calls
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    house.table.slow.set()
    await finish(5)
    house.table.slow = None
    await house.ask(scope, cost=100)


async def test_limits_that_cannot_be_checked_are_503() -> None:
    house = House()
    house.table.broken = TableUnavailable("gone")
    with pytest.raises(TableUnavailable) as caught:
        await house.ask(key_scope(budget=Budget(1000)))
    assert (caught.value.status, caught.value.retry_after) == (503, 2.0)


async def test_a_settlement_that_fails_is_told_in_the_record() -> None:
    house = House()
    visit = await house.ask(key_scope(budget=Budget(1000)))
    house.table.broken = TableUnavailable("gone")
    await visit.leave()
    assert [line.unsettled for line in house.books.lines] == [True]


async def test_what_could_not_be_settled_is_charged_once() -> None:
    """Its estimate, when it expires: the real cost, which the record has added up, is taken out again."""
    house = House()
    visit = await house.ask(key_scope(budget=Budget(1000)), cost=100)
    house.table.broken = TableUnavailable("throttled")
    await visit.leave(40)
    house.table.broken = None
    house.clock.now += 61
    await (await house.ask(key_scope(budget=Budget(1000)), cost=100)).leave(30)
    ledger = await house.ledgers.spent("key", "key_1", "month")
    charged = sum(each.cost.total for each in house.books.records) + sum(nanos for _, nanos in house.books.unsettled)
    assert (ledger.spent, ledger.reserved, charged) == (130, 0, 130)


async def test_what_killed_processes_held_is_charged_by_the_next_request() -> None:
    house = House()
    scope = key_scope(budget=Budget(1000))
    await house.ask(scope, cost=300)
    house.clock.now += 61
    await (await house.ask(scope, cost=100)).leave(40)
    assert house.books.unsettled == [("key_1", 300)]
    spent = await house.ledgers.spent("key", "key_1", "month")
    assert (spent.spent, spent.reserved) == (340, 0)


async def test_who_settles_after_all_is_charged_once() -> None:
    house = House()
    scope = key_scope(budget=Budget(1000))
    late = await house.ask(scope, cost=300)
    house.clock.now += 61
    await (await house.ask(scope, cost=100)).leave(40)
    await late.leave(10)
    assert house.books.unsettled == [("key_1", 300), ("key_1", -300)]
    assert (await house.ledgers.spent("key", "key_1", "month")).spent == 50


async def test_old_counters_do_not_pile_up() -> None:
    house = House()
    scope = key_scope(rates=Rates(rpm=10, tpm=1000))
    for _ in range(10):
        await (await house.ask(scope)).leave()
        house.clock.now += 60
    item = await house.table.get(pk_of("key", "key_1"), "day#2026-11-21")
    assert item is not None
    assert len([name for name in item if name[0] in "qt"]) <= 6


async def test_an_alert_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    scope = Scope("project", "p", alerts=(Alert("al_1", 100, recipients=("a@example.com",)),))
    for _ in range(4):
        await (await house.ask(scope)).leave(60)
    told = [entry.getMessage() for entry in caplog.records if "spend_alert" in entry.getMessage()]
    assert len(told) == 1
    assert '"threshold_usd":1e-7' in told[0]
    assert '"window":"2026-11"' in told[0]


async def test_on_lambda_the_answer_waits_for_the_books() -> None:
    house = House(at_once=True)
    await (await house.ask()).leave()
    assert house.books.flushed == 1
    elsewhere = House()
    await (await elsewhere.ask()).leave()
    assert elsewhere.books.flushed == 0


async def test_headers_between_requests_are_those_last_seen() -> None:
    house = House()
    scope = key_scope(rates=Rates(rpm=3))
    caller = Caller("key_1", scopes=(scope,))
    assert house.admission.limits(caller)["x-ratelimit-remaining-requests"] == "3"
    await house.ask(scope)
    assert house.admission.limits(caller)["x-ratelimit-remaining-requests"] == "2"
    house.clock.now += 60
    assert house.admission.limits(caller)["x-ratelimit-remaining-requests"] == "3"
    assert house.admission.limits(replace(caller, scopes=())) == {}


# Under a hard budget, what is reserved for the output is its limit


def terms(named: int | None = None) -> OutputTerms:
    """A prompt of 100 and 5 for each token."""
    return OutputTerms(named, 32_000, lambda limit: 100 + 5 * limit)


async def test_a_hard_budget_limits_an_answer_to_a_quarter_of_what_is_left() -> None:
    house = House()
    scope = key_scope(budget=Budget(100_000))
    first = await house.ask(scope, output=terms())
    assert first.call.output_limit == 5_000
    assert (await house.ledgers.spent("key", "key_1", "month")).reserved == 100 + 5 * 5_000
    second = await house.ask(scope, output=terms())
    assert second.call.output_limit == (100_000 - 25_100) // 4 // 5
    await first.leave(100)
    await second.leave(100)
    assert (await house.ask(scope, output=terms())).call.output_limit == (100_000 - 200) // 4 // 5


async def test_rates_and_soft_budgets_limit_no_answer() -> None:
    house = House()
    for scope in (key_scope(rates=Rates(rpm=9)), key_scope(budget=Budget(9, hard=False)), key_scope()):
        assert (await house.ask(scope, output=terms())).call.output_limit is None
    assert (await house.ask(key_scope(budget=Budget(1000)))).call.output_limit is None


async def test_the_tightest_of_several_budgets_limits_the_answer() -> None:
    house = House()
    project = Scope("project", "p", budget=Budget(60_000))
    assert (await house.ask(key_scope(budget=Budget(10**9)), project, output=terms())).call.output_limit == 3_000


@pytest.mark.parametrize("named", [1, 16, 9_000])
async def test_a_clients_own_limit_is_reserved_as_it_is(named: int) -> None:
    house = House()
    visit = await house.ask(key_scope(budget=Budget(50_000)), output=terms(named))
    assert visit.call.output_limit == named
    assert (await house.ledgers.spent("key", "key_1", "month")).reserved == 100 + 5 * named


async def test_a_clients_own_limit_is_never_shortened() -> None:
    house = House()
    with pytest.raises(QuotaExceeded):
        await house.ask(key_scope(budget=Budget(50_000)), output=terms(20_000))
    assert house.table.calls == ["get"]


async def test_a_limit_that_others_have_made_too_expensive_is_shortened_once() -> None:
    """Another process has reserved meanwhile, which this one finds out by being refused."""
    house, other = House(), House()
    other.ledgers = other.admission.ledgers = house.ledgers
    other.requests = 100  # ids of its own
    key, project = key_scope(budget=Budget(100_000), rates=Rates(rpm=2)), Scope("project", "p", budget=Budget(10**9))
    await other.ask(key_scope(budget=Budget(100_000)), cost=80_000)
    visit = await house.ask(key, project, output=terms())
    assert visit.call.output_limit == 1_024
    assert visit.call.receipt.headers["x-ratelimit-remaining-requests"] == "1", "the second attempt is no request"
    assert (await house.ledgers.spent("key", "key_1", "month")).reserved == 80_000 + 100 + 5 * 1_024
    assert (await house.ledgers.spent("project", "p", "month")).reserved == 100 + 5 * 5_000, (
        "kept from the first attempt"
    )
    await visit.leave(50)
    assert (await house.ledgers.spent("project", "p", "month")).reserved == 0


async def test_fewer_than_1024_tokens_are_refused_and_nothing_stays_reserved() -> None:
    house = House()
    key, project = key_scope(budget=Budget(10**9)), Scope("project", "p", budget=Budget(NANOS // 1_000_000))
    with pytest.raises(QuotaExceeded) as caught:
        await house.ask(key, project, output=terms())
    assert "this request may cost $0.00000522" in caught.value.message, "what 1,024 tokens cost"
    assert (await house.ledgers.spent("key", "key_1", "month")).reserved == 0
    with pytest.raises(RateLimited):
        await house.ask(key_scope(budget=Budget(10**9), rates=Rates(rpm=0)), output=terms())


async def test_a_shortened_limit_that_is_refused_again_is_a_429() -> None:
    house = House()

    class Racing(Ledgers):
        """Others take what is left between the two attempts."""

        async def reserve(self, scope: Scope, *args: Any, **options: Any) -> Any:
            await Ledgers(house.table, clock=house.clock).count(scope, 90_000)
            return await super().reserve(scope, *args, **options)

    house.admission.ledgers = Racing(house.table, lasts=60, clock=house.clock)
    with pytest.raises(QuotaExceeded):
        await house.ask(key_scope(budget=Budget(100_000)), output=terms())
    assert house.table.calls == ["update"] * 4


async def test_who_leaves_during_the_second_attempt_holds_nothing() -> None:
    house, other = House(), House()
    other.ledgers = other.admission.ledgers = house.ledgers
    other.requests = 100  # ids of its own
    key, project = key_scope(budget=Budget(100_000)), Scope("project", "p", budget=Budget(10**9))
    await other.ask(key, cost=80_000)
    second = asyncio.Event()

    class Slow(Ledgers):
        async def reserve(
            self, scope: Scope, request_id: str, model: str, cost: int, *args: Any, **options: Any
        ) -> Any:
            if cost < 10_000:
                second.set()
                await asyncio.sleep(0)
            return await super().reserve(scope, request_id, model, cost, *args, **options)

    house.admission.ledgers = Slow(house.table, lasts=60, clock=house.clock)
    asking = asyncio.create_task(house.ask(key, project, output=terms()))
    await second.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await finish(5)
    assert (await house.ledgers.spent("project", "p", "month")).reserved == 0
    assert (await house.ledgers.spent("key", "key_1", "month")).reserved == 80_000


async def test_crowds_in_one_process_do_not_pass_the_limit() -> None:
    house = House()
    scope = key_scope(budget=Budget(1000))
    results = await asyncio.gather(*(house.ask(scope, cost=100) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(result, Visit) for result in results) == 10


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.012, "12ms"), (1, "1s"), (59.5, "59.5s"), (60, "1m0s"), (360, "6m0s"), (0, "0ms")]
)
def test_durations_are_written_as_openai_does(seconds: float, written: str) -> None:
    assert duration(seconds) == written
