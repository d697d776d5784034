"""One usage record per embeddings request, whatever becomes of it."""

from __future__ import annotations

import asyncio

import pytest

from app.core.plan import Target, Traits
from app.core.ports import Call, EmbeddingRequest, Embeddings, UsageRecord
from app.errors import InvalidRequest
from app.stages.admission import Plain
from app.stages.bookkeeping import Bookkeeper, KeptEmbedder
from tests.unit.stages.prices import PRICES
from tests.unit.stages.upstreams import call

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


async def resolve(name: str) -> Target:
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
