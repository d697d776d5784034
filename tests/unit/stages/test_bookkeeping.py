"""One usage record per embeddings request, whatever becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.core.access import Access
from app.core.books import UsageRecord
from app.core.events import Usage
from app.core.money import Cost
from app.core.plan import Target, Traits
from app.core.ports import Call, EmbeddingRequest, Embeddings
from app.core.route import Hop
from app.errors import InvalidRequest
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
        (asyncio.CancelledError(), "disconnected", 499, None),
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
