"""Ledgers: what a key, a project or the organization has spent in a window, and how fast. One item each, changed only by
conditional writes, so that however many processes ask at once no hard limit is passed.

    pk = spend#<kind>#<id>, sk = <interval>#<window>      such as spend#key#key_ab12, month#2026-11
    used       nano-USD spent, and reserved by requests under way; what the hard limit is held against
    settled    nano-USD of it that is final
    o:<expires>:<request id>[:<key id>]    the reservation of one request, nano-USD; with the key in one ledger of a request
    q<minute>, t<minute>        requests and tokens in that minute (minutes since the epoch); `:<model>` behind for one model

A reservation that nobody settles stays in `used`; once it has expired, whoever sees it makes it final (`sweep`), so a killed
process has spent what it had reserved.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Mapping
from typing import NamedTuple

from app.core.access import Budget, Interval, Scope
from app.core.directory import Spent
from app.core.lasting import start
from app.core.table import Absent, Condition, Equal, Item, Present, Refused, Table, TableUnavailable, Value
from app.core.windows import DAY, MINUTE, Window, window_at
from app.stores.holds import (
    Hold,
    conditions_of,
    counted,
    expiry_of,
    interval_of,
    payer_of,
    pk_of,
    rates_of,
    stale_counters,
    whole,
)

log = logging.getLogger(__name__)

KEPT_AFTER = 40 * DAY
"""Seconds that a ledger outlives its window, for whoever looks back."""
SETTLING = 3
"""Attempts to settle. What fails thrice is charged at its estimate."""
MOST_SWEPT = 20
WITHDRAW_DELAYS = (0.0, 2.0, 10.0, 30.0)
"""Seconds before each attempt to withdraw a reservation of which nobody knows whether it was, or will yet be, written."""


class Settled(NamedTuple):
    """`item`: the ledger afterwards, None where it could not be written, so that the estimate will be charged: for certain
    where `doubtful` is not set. `late`: the estimate had been charged already, and was put right in the ledger."""

    item: Item | None
    late: bool = False
    doubtful: bool = False


class Exhausted(Exception):
    """A limit stands in the way. `item`: the ledger as it is."""

    def __init__(self, hold: Hold, item: Item) -> None:
        super().__init__("a limit is reached")
        self.hold = hold
        self.item = item


class Ledgers:
    """Implements Spending, and what admission needs. `lasts`: seconds until a reservation expires."""

    def __init__(
        self,
        table: Table,
        *,
        lasts: int = 1200,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._table = table
        self._lasts = lasts
        self._clock = clock
        self._sleep = sleep

    async def spent(self, kind: str, id: str, interval: Interval) -> Spent:
        window = window_at(interval, self._clock())
        item = await self._table.get(pk_of(kind, id), f"{interval}#{window.name}", consistent=True) or {}
        expired = sum(whole(item, name) for name in item if name.startswith("o:") and expiry_of(name) <= self._clock())
        used, settled = whole(item, "used"), whole(item, "settled") + expired
        return Spent(settled, used - settled, window.name, window.end)

    async def begin(self, kind: str, id: str, budget: Budget, already: int) -> None:
        """A ledger that is there already may have stood still meanwhile: it counts only while there is a limit."""
        window = window_at(budget.interval, self._clock())
        pk, sk, kept = pk_of(kind, id), f"{budget.interval}#{window.name}", {"expires_at": window.end + KEPT_AFTER}
        when: tuple[Condition, ...] = (Absent("settled"),)
        missing = already
        while missing >= 0:
            try:
                await self._table.update(pk, sk, set=kept, add={"used": missing, "settled": missing}, when=when)
                return
            except Refused as refusal:
                settled = whole(refusal.item or {}, "settled")
                missing, when = already - settled, (Equal("settled", settled),)
                if missing == 0:
                    return

    async def reserve(
        self, scope: Scope, request_id: str, model: str, cost: int, tokens: int, *, payer: str = ""
    ) -> Hold:
        """Take room for a request in one ledger. Raises Exhausted, and TableUnavailable where that can't be told.

        After TableUnavailable a reservation that may have been written is withdrawn in the background.
        """
        hold = self._hold(scope, request_id, model, cost, tokens, payer)
        conditions = conditions_of(hold)
        if conditions is None:  # more than the limit itself: no write can succeed
            raise Exhausted(hold, await self._table.get(hold.pk, hold.sk) or {})
        add = counted(hold, 1, tokens)
        fresh: dict[str, Value] = {"expires_at": hold.window.end + KEPT_AFTER}
        if hold.marked:
            add["used"] = cost
            fresh[hold.mark] = cost
        doubtful = False
        for attempt in (1, 2):
            try:
                hold.item = await self._table.update(hold.pk, hold.sk, set=fresh, add=add, when=conditions)
            except Refused as refusal:
                held = refusal.item or {}
                if not hold.marked or hold.mark not in held:
                    raise Exhausted(hold, held) from None
                hold.item = held  # by the attempt whose answer was lost
            except TableUnavailable as problem:
                doubtful = doubtful or problem.written is not False
                if attempt == 2 or problem.written is False:
                    if doubtful and hold.marked:
                        start(self._withdraw(hold))
                    raise
                continue
            break
        return hold

    async def _withdraw(self, hold: Hold) -> None:
        """Remove a reservation to whose write no answer came. A write that is late is found by a later attempt.

        Never counts twice: each attempt requires the reservation to be there. If all attempts fail, or the process ends before,
        the reservation expires and is charged.
        """
        for seconds in WITHDRAW_DELAYS:
            await self._sleep(seconds)
            try:
                await self._table.update(
                    hold.pk, hold.sk, add={"used": -hold.cost}, remove=(hold.mark,), when=(Present(hold.mark),)
                )
                return
            except (Refused, TableUnavailable):
                continue

    async def release(self, hold: Hold) -> None:
        """The request was refused elsewhere: it cost nothing, though it counts as a request. Never raises."""
        await self.settle(hold, 0, 0)

    async def settle(self, hold: Hold, cost: int, tokens: int) -> Settled:
        """Make a request final at its real `cost` and `tokens`. Never raises."""
        add = {"settled": cost} if cost else {}
        if hold.marked and cost != hold.cost:
            add["used"] = cost - hold.cost
        if not hold.marked and cost:
            add["used"] = cost
        if tokens != hold.tokens and hold.minute == int(self._clock()) // MINUTE:
            add |= {name: tokens - hold.tokens for name in hold.counters if name.startswith("t")}
        remove = [hold.mark] if hold.marked else []
        remove += stale_counters(hold.item, hold.minute)
        if not add and not remove:
            return Settled(hold.item)
        when: tuple[Condition, ...] = (Present(hold.mark),) if hold.marked else ()
        doubtful = False
        for _ in range(SETTLING):
            try:
                return Settled(await self._table.update(hold.pk, hold.sk, add=add, remove=remove, when=when))
            except Refused as refusal:
                # After an attempt whose answer was lost, that one did it. Otherwise somebody swept it in the meantime.
                return Settled(refusal.item or {}) if doubtful else await self._resettle(hold, cost)
            except TableUnavailable as problem:
                doubtful = doubtful or problem.written is not False
                if doubtful and not hold.marked:
                    break
        log.error("request %s could not be settled; its estimate is charged", hold.mark.split(":")[2])
        return Settled(None, doubtful=doubtful)

    async def count(self, scope: Scope, cost: int) -> tuple[Item, Window]:
        """Add to a ledger that holds nothing back (a soft budget, alerts). Raises TableUnavailable."""
        interval = interval_of(scope)
        window = window_at(interval, self._clock())
        item = await self._table.update(
            pk_of(scope.kind, scope.id),
            f"{interval}#{window.name}",
            set={"expires_at": window.end + KEPT_AFTER},
            add={"used": cost, "settled": cost},
        )
        return item, window

    async def sweep(self, hold: Hold) -> int:
        """Make reservations final that have expired in the ledger as `hold` saw it, as far as they go on its payer's
        account or on none. Nano-USD charged to the payer by this call."""
        charged = await self._swept(hold.pk, hold.sk, hold.item, {"", hold.payer})
        return charged.get(hold.payer, 0) if hold.payer else 0

    async def sweep_ledger(self, kind: str, id: str, budget: Budget) -> Mapping[str, int]:
        """All of them, in the ledger of now and in the one before it just after a window has ended. Nano-USD by payer."""
        charged: Counter[str] = Counter()
        now = self._clock()
        for name in dict.fromkeys(window_at(budget.interval, at).name for at in (now - self._lasts - DAY, now)):
            pk, sk = pk_of(kind, id), f"{budget.interval}#{name}"
            charged.update(await self._swept(pk, sk, await self._table.get(pk, sk) or {}, None))
        return {payer: nanos for payer, nanos in charged.items() if payer}

    async def _swept(self, pk: str, sk: str, item: Item, payers: Container[str] | None) -> Mapping[str, int]:
        charged: Counter[str] = Counter()
        now = self._clock()
        expired = [
            name
            for name in item
            if name.startswith("o:") and expiry_of(name) <= now and (payers is None or payer_of(name) in payers)
        ]
        for name in expired[:MOST_SWEPT]:
            amount = whole(item, name)
            try:
                await self._table.update(pk, sk, add={"settled": amount}, remove=(name,), when=(Present(name),))
            except Refused:
                continue  # settled late, or swept by somebody else
            except TableUnavailable:
                break
            charged[payer_of(name)] += amount
        return charged

    async def _resettle(self, hold: Hold, cost: int) -> Settled:
        """It came so late that its estimate was charged: put that right, once."""
        difference, doubtful = {"used": cost - hold.cost, "settled": cost - hold.cost}, False
        for _ in range(SETTLING):
            try:
                return Settled(await self._table.update(hold.pk, hold.sk, add=difference), late=True)
            except TableUnavailable as problem:
                if problem.written is not False:
                    doubtful = True
                    break
        return Settled(None, doubtful=doubtful)

    def _hold(self, scope: Scope, request_id: str, model: str, cost: int, tokens: int, payer: str) -> Hold:
        now = self._clock()
        interval = interval_of(scope)
        window = window_at(interval, now)
        minute = int(now) // MINUTE
        counters = [
            f"{letter}{minute}{ending}"
            for rates, ending in rates_of(scope, model)
            for letter, limit in (("q", rates.rpm), ("t", rates.tpm))
            if limit is not None
        ]
        return Hold(
            scope,
            window,
            f"{interval}#{window.name}",
            f"o:{int(now) + self._lasts}:{request_id}" + (f":{payer}" if payer else ""),
            minute,
            cost,
            tokens,
            model,
            marked=scope.budget is not None and scope.budget.hard,
            counters=tuple(counters),
            payer=payer,
        )
