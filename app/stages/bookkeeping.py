"""What a request will take, and what it came to, in tokens and money: one record, whatever became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from app.core.access import Access
from app.core.books import Accounting, Demand, Ending, Outcome, OutputTerms, Settlement, UsageRecord
from app.core.deadline import for_books, in_time
from app.core.events import Finished, Usage
from app.core.lasting import lasting
from app.core.model_fields import client_limit
from app.core.money import Cost, Prices
from app.core.plan import Plan, Target
from app.core.ports import Call, Embedder, EmbeddingRequest, Embeddings
from app.errors import GatewayError, shutting_down
from app.stages.estimate import answer_cost, chat_demand, embedding_tokens, likely_tokens, output_limit, prompt_tokens
from app.stages.output_budget import largest_limit, sent_limit

if TYPE_CHECKING:
    from app.core.route import Hop


class Part(Protocol):
    """One choice, as `gateway.Part` has it."""

    usage: Usage | None
    tier: str
    target: Target | None
    letters: int


class Tally(Protocol):
    """What `gateway.Tally` has counted."""

    admitted: bool
    plans: Sequence[Plan]
    finish: Finished | None
    malformed_calls: int
    first: float | None
    upstream_ids: list[str]

    @property
    def parts(self) -> Mapping[int, Part]: ...


FASTEST = 400
"""Tokens that a model says in a second at most (2026-11: some 300)."""
_UNHEARD = frozenset({"upstream_timeout", "deadline_exceeded", "shutting_down"})

Ahead = Callable[[str, Access, "tuple[Hop, ...]"], Awaitable[Sequence[tuple[Target, str]]]]
"""The targets, and their service tiers, that the rest of a chain may lead to: `plan.selection.Selection.ahead`."""


class Bookkeeper:
    """Implements `gateway.Books`. `output`: tokens expected of an answer that nothing limits; `ahead` as above.

    `limit_output`: under a hard budget, what is reserved for the output is to be sent as its limit.
    """

    def __init__(
        self,
        accounting: Accounting,
        prices: Prices,
        *,
        output: int = 4096,
        ahead: Ahead | None = None,
        limit_output: bool = True,
    ) -> None:
        self.accounting = accounting
        self.prices = prices
        self._output = output
        self._ahead = ahead
        self._limit_output = limit_output

    def likely_tokens(self, plan: Plan) -> int:
        return likely_tokens(plan)

    async def demand(self, call: Call, plans: Sequence[Plan], n: int) -> Demand:
        """Of a chain the most expensive target counts: which one will answer is not known yet."""
        asked = chat_demand(plans, n, self.prices, self._output)
        chains = [await self._variants(plan, call.caller.access) for plan in plans]
        if any(len(variants) > 1 for variants in chains):
            cost = sum(max(self._cost_of(each, n) for each in variants) for variants in chains)
            asked = replace(asked, cost=cost)
        if self._limit_output and any(scope.budget and scope.budget.hard for scope in call.caller.scopes):
            asked = replace(asked, output=self._terms(chains, n, call.caller.access))
        return asked

    def _cost_of(self, plan: Plan, n: int) -> int:
        return chat_demand([plan], n, self.prices, self._output).cost

    async def _variants(self, plan: Plan, access: Access) -> list[Plan]:
        """The plan, and what becomes of it at the later targets of its chain."""
        variants = [plan]
        if self._ahead is None or len(plan.route) <= 1:
            return variants
        for target, tier in await self._ahead(plan.prompt.model, access, plan.route[1:]):
            limit = _limit_of(plan, target, access)
            variants += [
                replace(plan, target=target, service_tier=each, max_tokens=limit) for each in {tier, plan.service_tier}
            ]
        return variants

    def _terms(self, chains: Sequence[Sequence[Plan]], n: int, access: Access) -> OutputTerms:
        """What an output limit costs. The prompts are counted once, however many limits are tried."""
        named = client_limit(chains[0][0].prompt)
        if named is not None and access.max_tokens is not None:
            named = min(named, access.max_tokens)
        read = [(prompt_tokens(variants[0]), variants) for variants in chains]

        def cost_at(limit: int) -> int:
            return n * sum(
                max(
                    answer_cost(
                        each, tokens, sent_limit(limit, each.target.traits, named=named is not None), self.prices
                    )
                    for each in variants
                )
                for tokens, variants in read
            )

        traits = (each.target.traits for variants in chains for each in variants)
        return OutputTerms(named, largest_limit(traits, access.max_tokens), cost_at)

    def record(self, call: Call, tally: Tally, ending: Ending) -> UsageRecord:
        """A cached answer used nothing: its tokens are what was `saved`. Usage that was not reported is estimated, also
        that of an answer which came to a good end."""
        failure = ending.failure
        hit = call.receipt.cache == "hit"
        told = {choice: part.usage for choice, part in tally.parts.items() if part.usage is not None}
        silent = len(told) < ending.choices and not hit
        estimated = silent and (tally.first is not None or (tally.admitted and is_lost(ending)))
        usages = self._guessed(call, tally, ending, told) if estimated else told
        cost = self._billed(call, tally, ending, usages)
        begun = ending.streamed and tally.first is not None  # of a whole answer no status was sent yet
        return UsageRecord(
            call=call,
            outcome=ending.outcome,
            status=200 if ending.outcome != "error" or begun else failure.status if failure else 500,
            error_code=(failure.code or failure.type) if failure else None,
            usage=Usage() if hit else sum(usages.values(), Usage()),
            tier=next((part.tier for part in tally.parts.values() if part.tier), ""),
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
            malformed_calls=tally.malformed_calls,
        )

    def _guessed(self, call: Call, tally: Tally, ending: Ending, told: Mapping[int, Usage]) -> dict[int, Usage]:
        """What was reported of some choices, and an estimate of the others: the prompt and the answer so far.

        Of a whole answer that was abandoned nothing was seen, and all of it may have been produced: as much as was reserved
        for it, as far as there was time.
        """
        usages = dict(told)
        seconds = max(0.0, ending.ended - call.started)
        for choice in range(ending.choices) if tally.plans else ():
            if choice in usages:
                continue
            plan, part = _plan_of(tally, choice, ending.choices), tally.parts.get(choice)
            said = 0 if part is None else (part.letters + 2) // 3
            if part is None and plan.whole and is_lost(ending):
                said = min(output_limit(plan, self._output), round(seconds * FASTEST))
            usages[choice] = Usage(input=prompt_tokens(plan), output=said)
        return usages

    def _billed(self, call: Call, tally: Tally, ending: Ending, usages: Mapping[int, Usage]) -> Cost:
        """Each choice at the price of the model that answered it: a chain or a split may have led to several."""
        bills: dict[tuple[str, str, str], tuple[Target | None, Usage]] = {}
        for choice, usage in usages.items():
            part, target, tier = tally.parts.get(choice), call.receipt.target, ""
            if tally.plans:
                plan = _plan_of(tally, choice, ending.choices)
                target = plan.target if len(tally.plans) > 1 and call.receipt.cache != "hit" else target
                tier = plan.service_tier
            if part is not None:
                target, tier = part.target or target, part.tier or tier
            name = (target.model_id, target.priced_id, tier) if target else ("", "", tier)
            bills[name] = (target, bills[name][1] + usage if name in bills else usage)
        return sum((self.cost(target, usage, tier) for (_, _, tier), (target, usage) in bills.items()), _FREE)

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
        tokens = 0
        outcome: Outcome = "disconnected"
        failure: GatewayError | None = None
        try:
            settlement = await self._books.accounting.admit(call, lambda: self._demand(request, call.caller.access))
            embeddings = await in_time(self._inner.embed(request, call), call.deadline)
            tokens, outcome = embeddings.tokens, "ok"
            return embeddings
        except GatewayError as problem:
            outcome, failure = "error", problem
            raise
        except Exception:
            outcome = "error"
            raise
        except asyncio.CancelledError:
            if not call.gone:
                outcome, failure = "error", shutting_down()
            raise
        finally:
            ending = Ending(outcome, failure, self._clock())
            await lasting(settlement.settle(self._record(call, request, ending, tokens)), for_books(call.deadline))

    async def _demand(self, request: EmbeddingRequest, access: Access) -> Demand:
        target = await self._resolve(request.model, access)
        tokens = embedding_tokens(request.items)
        images = sum(item.image is not None for item in request.items)
        return Demand(target.base_id, tokens, self._books.cost(target, Usage(input=tokens), images=images).total)

    def _record(self, call: Call, request: EmbeddingRequest, ending: Ending, tokens: int) -> UsageRecord:
        """An embedding that nobody waited for was paid for all the same, and so was what came before a failure."""
        failure, estimated = ending.failure, is_lost(ending) and call.receipt.target is not None
        tokens = max(tokens, call.receipt.tokens)
        paid = ending.outcome == "ok" or estimated
        images = sum(item.image is not None for item in request.items) if paid else 0
        usage = Usage(input=max(tokens, embedding_tokens(request.items)) if estimated else tokens)
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


def is_lost(ending: Ending) -> bool:
    """Whether the model may have gone on, and is paid, though nobody heard it to its end."""
    failure = ending.failure
    return ending.outcome == "disconnected" or (failure is not None and failure.code in _UNHEARD)


def _limit_of(plan: Plan, target: Target, access: Access) -> int | None:
    """Of an answer by a later target of the chain: what held the first one to less need not hold this one."""
    limits = (client_limit(plan.prompt), access.max_tokens)
    named = min((limit for limit in limits if limit is not None), default=plan.max_tokens)
    most = target.traits.max_tokens_limit
    return named if named is None or most is None else min(named, most)


def _plan_of(tally: Tally, choice: int, choices: int) -> Plan:
    return tally.plans[min(choice // max(1, choices // len(tally.plans)), len(tally.plans) - 1)]


_NOTHING = Usage()
_FREE = Cost()
