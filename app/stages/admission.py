"""Who may go, and what it cost: limits are asked before a request, and everything is written down after it.

    no table, or a caller without hard limits    nothing before the first token
    limits                                       one conditional write per ledger before, one after
    every request of a table                     is added to its rollup after it

The ledgers, the rollups and the meters come in through the protocols below; `main` decides who stands behind them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from app.core.access import Scope
from app.core.books import Accounting, Demand, Meter, Settlement, UsageRecord
from app.core.counting import Charge, counted_in
from app.core.lasting import lasting, start
from app.core.ports import Call, Caller
from app.core.table import TableUnavailable
from app.core.windows import MINUTE
from app.errors import GatewayError
from app.stages.limits import Alerts, is_out_of_money, left_of, rate_headers, refusal
from app.stages.output_budget import least_limit, limit_for
from app.stages.seen_ledgers import SeenLedgers

log = logging.getLogger(__name__)

FLUSH_SECONDS = 3.0
"""How long an answer waits for the books on Lambda, where nothing runs after it."""
_REMEMBERED = 5000


class Ledgers(Protocol):
    """`stores.ledger.Ledgers`; holds are opaque here."""

    async def reserve(
        self, scope: Scope, request_id: str, model: str, cost: int, tokens: int, *, charge: Charge
    ) -> Any: ...
    async def release(self, hold: Any) -> None: ...
    async def settle(self, hold: Any, cost: int, tokens: int) -> Any: ...
    async def count(self, scope: Scope, cost: int) -> Any: ...
    async def sweep(self, hold: Any) -> Mapping[Charge, int]: ...


class Rollups(Protocol):  # `stores.rollups.Recorder`
    def record(self, record: UsageRecord, counted: Sequence[str]) -> None: ...
    def charge_unsettled(
        self, project: str, key: str, user: str, nanos: int, at: float, *, counted: Sequence[str]
    ) -> None: ...
    async def flush(self, limit_seconds: float) -> bool: ...


class Admission:
    """Implements Accounting over a table. `holds_back(scope, model)` says whether a scope is to be asked before.

    `at_once`: wait until the rollup is written before the answer ends, as Lambda needs it.
    """

    def __init__(
        self,
        ledgers: Ledgers,
        rollups: Rollups,
        meter: Meter,
        *,
        holds_back: Callable[[Scope, str], bool],
        exhausted: type[Exception],
        at_once: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ledgers = ledgers
        self.rollups = rollups
        self.meter = meter
        self.alerts = Alerts()
        self.seen = SeenLedgers()
        self.at_once = at_once
        self.clock = clock
        self._holds_back = holds_back
        self._exhausted = exhausted
        self._known: dict[str, tuple[int, dict[str, str]]] = {}

    async def admit(self, call: Call, demand: Callable[[], Awaitable[Demand]]) -> Settlement:
        caller = call.caller
        if not caller.scopes:
            return Visit(self, call, ())
        asked = await demand() if any(self._may_hold_back(scope) for scope in caller.scopes) else None
        scopes = [scope for scope in caller.scopes if asked is not None and self._holds_back(scope, asked.base_id)]
        if asked is None or not scopes:
            return Visit(self, call, ())
        remaining = self.seen.remaining(scopes, self.clock())
        if asked.output is not None and remaining is not None:
            asked = _under_limit(asked, limit_for(asked.output, remaining))
        holds, limit = await self._reserve(call, scopes, asked)
        call.output_limit = limit
        call.receipt.headers.clear()  # what was known from other requests, maybe of another model
        self._tell(call, holds)
        return Visit(self, call, holds)

    def foresee(self, call: Call) -> GatewayError | None:
        return self.seen.refusal(call.caller.scopes, self.clock()) if call.caller.scopes else None

    def settle(self, record: UsageRecord) -> Awaitable[None] | None:
        """For a request that was never admitted."""
        return Visit(self, record.call, ()).settle(record)

    def limits(self, caller: Caller) -> Mapping[str, str]:
        if not caller.scopes:
            return {}
        minute, headers = self._known.get(caller.key_id, (0, {}))
        if minute == int(self.clock()) // MINUTE:
            return headers
        return rate_headers((), self.clock(), caller.scopes)

    def _may_hold_back(self, scope: Scope) -> bool:
        return bool(scope.models) or self._holds_back(scope, "")

    async def _reserve(self, call: Call, scopes: Sequence[Scope], asked: Demand) -> tuple[list[Any], int | None]:
        """The holds, and the output limit that they pay for. Where a limit set by the gateway turns out too expensive, the
        ledgers that refused it are asked once more, with the limit that they still pay for."""
        charges = _charges(call.caller.key_id, scopes)
        held: list[Any] = []
        while True:
            results = await self._hold(call, scopes, asked, charges, held)
            problems: list[Any] = [result for result in results if isinstance(result, BaseException)]
            held += [result for result in results if not isinstance(result, BaseException)]
            if not problems:
                return held, asked.limit
            smaller = self._smaller(problems, asked)
            if smaller is None:
                break
            scopes, asked = [problem.hold.scope for problem in problems], replace(smaller, output=None)
        await lasting(self._release(held))
        told: list[Any] = [problem for problem in problems if isinstance(problem, self._exhausted)]
        if not told:
            raise problems[0]
        error = refusal(told, asked, self.clock())
        self._tell(call, [problem.hold for problem in told])
        raise error

    async def _hold(
        self, call: Call, scopes: Sequence[Scope], asked: Demand, charges: Mapping[int, Charge], held: Sequence[Any]
    ) -> list[Any]:
        """The hold of each ledger, or what went wrong with it. Where the client leaves, nothing stays reserved."""
        work = [
            self.ledgers.reserve(
                scope,
                call.request_id,
                asked.base_id,
                asked.cost,
                asked.tokens,
                charge=charges[id(scope)],
            )
            for scope in scopes
        ]
        reserving = asyncio.gather(*map(_caught, work))
        try:
            results: list[Any] = await asyncio.shield(reserving)
        except asyncio.CancelledError:
            start(self._give_back(reserving, held))  # the client has left, and what is being written would be charged
            raise
        for result in results:
            hold: Any = getattr(result, "hold", result)  # `Exhausted` has one as well
            if not isinstance(hold, BaseException):
                self.seen.note(hold.scope, hold.window.name, result.item)
        return results

    def _smaller(self, problems: Sequence[Any], asked: Demand) -> Demand | None:
        """The request with the limit that the ledgers still pay for; None where that does not help."""
        terms = asked.output
        if terms is None or terms.named is not None or not all(isinstance(each, self._exhausted) for each in problems):
            return None
        poor = [problem for problem in problems if is_out_of_money(problem)]
        if len(poor) < len(problems):
            return None  # a rate stands in the way
        remaining = min(map(left_of, poor))
        smaller = _under_limit(asked, limit_for(terms, remaining))
        if smaller.cost <= remaining and smaller.cost < asked.cost:
            return smaller
        for problem in poor:  # what the client is shown is the least that would have been enough
            problem.hold.cost = min(problem.hold.cost, terms.cost_at(least_limit(terms)))
        return None

    async def _give_back(self, reserving: asyncio.Future[list[Any]], held: Sequence[Any]) -> None:
        await self._release([*held, *(each for each in await reserving if not isinstance(each, BaseException))])

    async def _release(self, holds: Sequence[Any]) -> None:
        await asyncio.gather(*map(self.ledgers.release, holds))

    def _tell(self, call: Call, holds: Sequence[Any]) -> None:
        now = self.clock()
        headers = rate_headers(holds, now)
        if headers:
            call.receipt.headers |= headers
            if any(hold.scope.models for hold in holds):  # what is left of one model says nothing of the others
                headers = rate_headers(holds, now, models=False)
            if len(self._known) > _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[call.caller.key_id] = (int(now) // MINUTE, headers)


class Visit:
    """Implements Settlement: one request, and what it holds."""

    def __init__(self, admission: Admission, call: Call, holds: Sequence[Any]) -> None:
        self._books = admission
        self._call = call
        self._holds = holds

    def settle(self, record: UsageRecord) -> Awaitable[None] | None:
        caller, books = self._call.caller, self._books
        cost = record.cost.total
        held = {id(hold.scope) for hold in self._holds}
        counted = [scope for scope in caller.scopes if id(scope) not in held and _counts(scope)] if cost else []
        ledgers = [hold.scope for hold in self._holds] + counted
        books.rollups.record(record, [counted_in(scope.kind, scope.interval) for scope in ledgers])
        if self._holds or counted:
            return self._settle(record, counted, cost)
        books.meter.record(record)
        if books.at_once:
            return self._finish()
        return None

    async def _settle(self, record: UsageRecord, counted: Sequence[Scope], cost: int) -> None:
        tokens = record.usage.prompt + record.usage.output
        work = [self._one(hold, cost, tokens) for hold in self._holds]
        work += [self._count(scope, cost) for scope in counted]
        settled = [await work[0]] if len(work) == 1 else await asyncio.gather(*work)
        self._books.meter.record(record if all(settled) else replace(record, unsettled=True))
        await self._finish()

    async def _one(self, hold: Any, cost: int, tokens: int) -> bool:
        books = self._books
        settled = await books.ledgers.settle(hold, cost, tokens)
        if settled.item is None:
            if hold.marked and not settled.doubtful:
                # The estimate will be charged for it, and not beside what it really cost.
                self._charge({hold.charge: -cost})
            return False
        books.seen.note(hold.scope, hold.window.name, settled.item)
        books.alerts.look(hold.scope, hold.window, settled.item, cost - hold.cost if settled.late else cost)
        swept = Counter(await books.ledgers.sweep(hold))
        if settled.late:
            swept[hold.charge] -= hold.cost
        self._charge(swept)
        return True

    def _charge(self, charges: Mapping[Charge, int]) -> None:
        """Enter in the rollups what was charged beside requests."""
        caller, books = self._call.caller, self._books
        for charge, nanos in charges.items():
            if nanos and charge.payer:  # the others hold the same requests once more
                books.rollups.charge_unsettled(
                    caller.project, caller.key_id, caller.user, nanos, books.clock(), counted=charge.counted
                )

    async def _count(self, scope: Scope, cost: int) -> bool:
        try:
            item, window = await self._books.ledgers.count(scope, cost)
        except TableUnavailable:
            return False
        self._books.alerts.look(scope, window, item, cost)
        return True

    async def _finish(self) -> None:
        books = self._books
        if books.at_once:
            await books.rollups.flush(FLUSH_SECONDS)


def _charges(key_id: str, scopes: Sequence[Scope]) -> Mapping[int, Charge]:
    """By the identity of a scope. The first ledger that holds money back has the reservation on the key's account."""
    hard = [scope for scope in scopes if scope.budget is not None and scope.budget.hard]
    paid = Charge(key_id, tuple(counted_in(scope.kind, scope.interval) for scope in hard))
    return {id(scope): paid if hard and scope is hard[0] else Charge() for scope in scopes}


def _counts(scope: Scope) -> bool:
    """Whether what is spent is added up for this scope though nothing is held back."""
    return scope.budget is not None or bool(scope.alerts)


def _under_limit(asked: Demand, limit: int) -> Demand:
    assert asked.output is not None
    return replace(asked, limit=limit, cost=asked.output.cost_at(limit))


async def _caught(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except Exception as problem:  # noqa: BLE001  one of several, judged together
        return problem


_: Callable[..., Accounting] = Admission
