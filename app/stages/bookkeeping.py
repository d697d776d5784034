"""What a request will take, and what it came to, in tokens and money: one record, whatever became of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from app.core.access import Access
from app.core.books import Accounting, Demand, Ending, Outcome, Settlement, UsageRecord
from app.core.deadline import in_time
from app.core.events import Finished, Usage
from app.core.lasting import lasting
from app.core.money import Cost, Prices
from app.core.plan import Plan, Target
from app.core.ports import Call, Embedder, EmbeddingRequest, Embeddings
from app.errors import GatewayError
from app.stages.estimate import chat_demand, embedding_tokens, prompt_tokens

if TYPE_CHECKING:
    from app.core.route import Hop


class Tally(Protocol):
    """What `gateway.Tally` has counted. `letters`: of all that was answered; `told`: choices whose usage is known."""

    plans: Sequence[Plan]
    tier: str
    finish: Finished | None
    first: float | None
    upstream_ids: list[str]
    letters: int

    @property
    def usage(self) -> Usage: ...

    @property
    def told(self) -> int: ...


Ahead = Callable[[str, Access, "tuple[Hop, ...]"], Awaitable[Sequence[tuple[Target, str]]]]
"""The targets, and their service tiers, that the rest of a chain may lead to: `plan.selection.Selection.ahead`."""


class Bookkeeper:
    """Implements `gateway.Books`. `output`: tokens expected of an answer that nothing limits; `ahead` as above."""

    def __init__(
        self, accounting: Accounting, prices: Prices, *, output: int = 4096, ahead: Ahead | None = None
    ) -> None:
        self.accounting = accounting
        self.prices = prices
        self._output = output
        self._ahead = ahead

    async def demand(self, call: Call, plans: Sequence[Plan], n: int) -> Demand:
        """Of a chain the dearest target counts: nobody knows yet which one will answer."""
        asked = chat_demand(plans, n, self.prices, self._output)
        if self._ahead is None or not any(len(plan.route) > 1 for plan in plans):
            return asked
        cost = 0
        for plan in plans:
            others = await self._ahead(plan.prompt.model, call.caller.access, plan.route[1:])
            variants = [plan]
            for target, tier in others:
                variants += [replace(plan, target=target, service_tier=each) for each in {tier, plan.service_tier}]
            cost += max(chat_demand([each], n, self.prices, self._output).cost for each in variants)
        return replace(asked, cost=cost)

    def record(self, call: Call, tally: Tally, ending: Ending) -> UsageRecord:
        """A cached answer used nothing: its tokens are what was `saved`. Usage that nobody told is estimated."""
        usage, failure = tally.usage, ending.failure
        hit = call.receipt.cache == "hit"
        silent = ending.outcome != "ok" and tally.told < ending.choices and not hit
        estimated = silent and (tally.first is not None or (ending.outcome == "disconnected" and bool(tally.plans)))
        if estimated:
            usage = _estimated(tally, ending.choices)
        tier = tally.tier or (tally.plans[0].service_tier if tally.plans else "")
        cost = self.cost(call.receipt.target, usage, tier)
        begun = tally.first is not None
        return UsageRecord(
            call=call,
            outcome=ending.outcome,
            status=200 if ending.outcome != "error" or begun else failure.status if failure else 500,
            error_code=(failure.code or failure.type) if failure else None,
            usage=Usage() if hit else usage,
            tier=tally.tier,
            finish=tally.finish,
            streamed=ending.streamed,
            choices=ending.choices,
            first_token_ms=None if tally.first is None else round((tally.first - call.started) * 1000),
            total_ms=round((ending.ended - call.started) * 1000),
            upstream_ids=tuple(tally.upstream_ids),
            cost=Cost(version=cost.version) if hit else cost,
            estimated=estimated,
            saved=cost.total if hit else 0,
            ended=ending.ended,
        )

    def cost(self, target: Target | None, usage: Usage, tier: str = "", images: int = 0) -> Cost:
        if target is None or (usage == _NOTHING and not images):
            return _FREE
        return self.prices.cost(target.priced_id or target.model_id, target.base_id, usage, tier=tier, images=images)


class KeptEmbedder:
    """Implements Embedder around another one: admitted before, on the books after.

    `resolve` tells the model behind a name, for a caller's rules.
    """

    def __init__(
        self,
        inner: Embedder,
        books: Bookkeeper,
        resolve: Callable[[str, Access], Awaitable[Target]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._books = books
        self._resolve = resolve
        self._clock = clock

    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        settlement: Settlement = self._books.accounting
        tokens = images = 0
        outcome: Outcome = "disconnected"
        failure: GatewayError | None = None
        try:
            settlement = await self._books.accounting.admit(call, lambda: self._demand(request, call.caller.access))
            embeddings = await in_time(self._inner.embed(request, call), call.deadline)
            tokens, outcome = embeddings.tokens, "ok"
            images = sum(item.image is not None for item in request.items)
            return embeddings
        except GatewayError as problem:
            outcome, failure = "error", problem
            raise
        except Exception:
            outcome = "error"
            raise
        finally:
            ending = Ending(outcome, failure, self._clock())
            await lasting(settlement.settle(self._record(call, request, ending, tokens, images)))

    async def _demand(self, request: EmbeddingRequest, access: Access) -> Demand:
        target = await self._resolve(request.model, access)
        tokens = embedding_tokens(request.items)
        images = sum(item.image is not None for item in request.items)
        return Demand(target.base_id, tokens, self._books.cost(target, Usage(input=tokens), images=images).total)

    def _record(self, call: Call, request: EmbeddingRequest, ending: Ending, tokens: int, images: int) -> UsageRecord:
        """An embedding that nobody waited for was paid for all the same."""
        failure, estimated = ending.failure, ending.outcome == "disconnected" and call.receipt.target is not None
        usage = Usage(input=embedding_tokens(request.items) if estimated else tokens)
        status = 200 if ending.outcome == "ok" else 499 if ending.outcome == "disconnected" else 500
        return UsageRecord(
            call=call,
            outcome=ending.outcome,
            status=failure.status if failure else status,
            error_code=(failure.code or failure.type) if failure else None,
            usage=usage,
            tier="",
            finish=None,
            streamed=False,
            choices=1,
            first_token_ms=None,
            total_ms=round((ending.ended - call.started) * 1000),
            cost=self._books.cost(call.receipt.target, usage, images=images),
            estimated=estimated,
            ended=ending.ended,
        )


def _estimated(tally: Tally, choices: int) -> Usage:
    """What was told of some choices, and a guess at the others."""
    told = tally.usage
    each = choices // max(1, len(tally.plans))
    missing = sum(prompt_tokens(plan) for plan in tally.plans) * each * (choices - tally.told) // max(1, choices)
    said = max(0, (tally.letters + 2) // 3 - told.output)
    return told + Usage(input=missing, output=said)


_NOTHING = Usage()
_FREE = Cost()
