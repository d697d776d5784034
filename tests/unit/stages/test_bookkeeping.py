"""One usage record per embeddings request, whatever becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.core.access import Access, Budget, Rates, Scope
from app.core.books import UsageRecord
from app.core.deadline import deadline_exceeded
from app.core.events import Usage
from app.core.money import Cost
from app.core.plan import Target, Traits
from app.core.ports import Call, Caller, EmbeddingItem, EmbeddingRequest, Embeddings
from app.core.prompt import Sampling
from app.core.route import Hop
from app.errors import InvalidRequest, UpstreamFailure
from app.stages.bookkeeping import Bookkeeper, KeptEmbedder
from app.stages.plain import Plain
from tests.unit.stages.prices import PRICES, PlainPrices
from tests.unit.stages.upstreams import call, plan

REQUEST = EmbeddingRequest("m", ())


class Told:
    """Implements Embedder and Meter."""

    def __init__(self, problem: BaseException | None = None) -> None:
        self.problem = problem
        self.records: list[UsageRecord] = []

    async def embed(self, request: EmbeddingRequest, of: Call) -> Embeddings:
        if self.problem:
            raise self.problem
        return Embeddings([[1.0]], 7, "m")

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)


async def resolve(name: str, access: Access) -> Target:
    return Target(name, name, Traits())


def kept(told: Told, now: float = 100.5) -> KeptEmbedder:
    return KeptEmbedder(told, Bookkeeper(Plain(told), PRICES), resolve, clock=lambda: now)


async def test_success_counts_the_tokens() -> None:
    told = Told()
    assert (await kept(told).embed(REQUEST, call())).tokens == 7
    (record,) = told.records
    assert (record.outcome, record.status, record.usage.prompt, record.total_ms) == ("ok", 200, 7, 500)


@pytest.mark.parametrize(
    ("problem", "outcome", "status", "code"),
    [
        (InvalidRequest("no", code="c"), "error", 400, "c"),
        (InvalidRequest("no"), "error", 400, "invalid_request_error"),
        (ValueError("bug"), "error", 500, None),
        (asyncio.CancelledError(), "error", 503, "shutting_down"),
    ],
)
async def test_failure_is_recorded_too(problem: BaseException, outcome: str, status: int, code: str | None) -> None:
    told = Told(problem)
    with pytest.raises(type(problem)):
        await kept(told).embed(REQUEST, call())
    (record,) = told.records
    assert (record.outcome, record.status, record.error_code) == (outcome, status, code)


async def test_a_chain_is_reserved_at_its_dearest_target() -> None:
    """The fallback may be the one that answers."""
    made = plan(max_tokens=100)
    cheap, dear = Target("small", "small", Traits()), Target("big", "big", Traits())
    chained = replace(made, target=cheap, route=(Hop("small"), Hop("big")))
    asked_for: list[object] = []

    async def ahead(name: str, access: Access, route: tuple[Hop, ...]) -> list[tuple[Target, str]]:
        asked_for.append(route)
        return [(dear, "")]

    books = Bookkeeper(Plain(Told()), BySize(), ahead=ahead)
    alone = Bookkeeper(Plain(Told()), BySize())
    low, high = await alone.demand(call(), [chained], 2), await books.demand(call(), [chained], 2)
    assert asked_for == [(Hop("big"),)]
    assert high.cost == 10 * low.cost
    assert (high.tokens, high.base_id) == (low.tokens, "small")
    assert (await books.demand(call(), [made], 1)).cost == (await alone.demand(call(), [made], 1)).cost


class BySize(PlainPrices):
    def cost(self, called: str, base_id: str, usage: Usage, **options: Any) -> Cost:
        factor = 10 if base_id == "big" else 1
        return Cost(output=factor * usage.output + factor * usage.prompt)


class Half(Told):
    """Some batches were answered before one failed."""

    async def embed(self, request: EmbeddingRequest, of: Call) -> Embeddings:
        of.receipt.target, of.receipt.tokens = Target("m", "m", Traits()), 5
        return await super().embed(request, of)


async def test_what_was_embedded_before_a_failure_is_paid() -> None:
    told = Half(InvalidRequest("no"))
    with pytest.raises(InvalidRequest):
        await kept(told).embed(REQUEST, call())
    (record,) = told.records
    assert (record.usage.input, record.cost.total > 0, record.estimated) == (5, True, False)


async def test_an_embedding_that_the_deadline_cuts_off_is_paid() -> None:
    told = Half(deadline_exceeded())
    with pytest.raises(UpstreamFailure):
        await kept(told).embed(EmbeddingRequest("m", (EmbeddingItem("word " * 100),)), call())
    (record,) = told.records
    assert (record.usage.input, record.estimated) == (250, True)


async def test_a_later_target_of_a_chain_is_reserved_at_its_own_limit() -> None:
    """The first one of a chain can say 10 tokens, the other one what was asked for."""
    sampling = Sampling(max_tokens=1000)
    made = plan(max_tokens=10)
    chained = replace(made, prompt=replace(made.prompt, sampling=sampling), route=(Hop("small"), Hop("big")))

    async def ahead(name: str, access: Access, route: tuple[Hop, ...]) -> list[tuple[Target, str]]:
        return [(Target("other", "other", Traits(max_tokens_limit=500)), "")]

    books = Bookkeeper(Plain(Told()), BySize(), ahead=ahead)
    assert 500 <= (await books.demand(call(), [chained], 1)).cost < 600


def of(*scopes: Scope, **rules: Any) -> Call:
    return replace(call(), caller=Caller("key_1", scopes=scopes, access=Access(**rules)))


HARD = Scope("key", "key_1", budget=Budget(1000))


async def test_only_a_hard_budget_is_told_what_an_output_limit_costs() -> None:
    books = Bookkeeper(Plain(Told()), PRICES)
    for scope in (Scope("key", "k", budget=Budget(1, hard=False)), Scope("key", "k", rates=Rates(rpm=1))):
        assert (await books.demand(of(scope), [plan()], 1)).output is None
    assert (await Bookkeeper(Plain(Told()), PRICES, limit_output=False).demand(of(HARD), [plan()], 1)).output is None
    asked = await books.demand(of(HARD), [plan(), plan()], 3)
    assert asked.output is not None
    assert (asked.output.named, asked.output.most) == (None, 32_000)
    assert asked.output.cost_at(1000) - asked.output.cost_at(0) == 2 * 3 * (1000 - 1) * 5
    assert asked.tokens == (await books.demand(of(), [plan(), plan()], 3)).tokens, "rates reserve what they did"


async def test_the_limit_that_a_client_named_is_what_is_reserved() -> None:
    books = Bookkeeper(Plain(Told()), PRICES)
    prompt = replace(plan().prompt, sampling=Sampling(max_tokens=64_000), extra_fields={"max_tokens": 50_000})
    asked = await books.demand(of(HARD), [replace(plan(), prompt=prompt, max_tokens=50_000)], 1)
    assert asked.output is not None
    assert asked.output.named == 50_000
    assert asked.output.cost_at(50_000) == asked.cost
    capped = await books.demand(of(HARD, max_tokens=400), [replace(plan(), prompt=prompt, max_tokens=400)], 1)
    assert capped.output is not None
    assert (capped.output.named, capped.output.most) == (400, 400)


async def test_an_output_limit_costs_what_the_dearest_target_takes_for_it() -> None:
    chained = replace(plan(), route=(Hop("small"), Hop("big")), target=Target("small", "small", Traits()))

    async def ahead(name: str, access: Access, route: tuple[Hop, ...]) -> list[tuple[Target, str]]:
        return [(Target("big", "big", Traits(max_output=2000)), "")]

    asked = await Bookkeeper(Plain(Told()), BySize(), ahead=ahead).demand(of(HARD), [chained], 1)
    assert asked.output is not None
    assert asked.output.most == 32_000
    assert asked.output.cost_at(1500) - asked.output.cost_at(1000) == 5000
