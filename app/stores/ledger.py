"""Ledgers: what a key, a project or the organization has spent in a window, and how fast. One item each, changed only by
conditional writes, so that however many processes ask at once no hard limit is passed.

    pk = spend#<kind>#<id>, sk = <interval>#<window>      such as spend#key#key_ab12, month#2026-11
    used       nano-USD spent, and reserved by requests under way; what the hard limit is held against
    settled    nano-USD of it that is final
    o:<expires>:<request id>[:<key id>:<counted>]    the reservation of one request, nano-USD; in one ledger of a request
                with the key, and with the ledgers that hold it
    seeded, due, until          what was taken over from the rollups, and when to look again: `recount.py`
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
from typing import TYPE_CHECKING, NamedTuple

from app.core.access import Budget, Interval, Scope
from app.core.counting import Charge
from app.core.directory import Spent
from app.core.lasting import start
from app.core.table import Condition, Item, Present, Refused, Table, TableUnavailable, Value
from app.core.windows import DAY, MINUTE, Window, window_at
from app.stores.holds import (
    KEPT_AFTER,
    Hold,
    charge_of,
    conditions_of,
    counted,
    expiry_of,
    mark_of,
    pk_of,
    rates_of,
    stale_counters,
    whole,
)
from app.stores.recount import Recounts

if TYPE_CHECKING:
    from app.core.rollup import UsageSource

log = logging.getLogger(__name__)

SETTLING = 3
"""Attempts to settle. After the last one the estimate is charged."""
MOST_SWEPT = 20
NO_CHARGE = Charge()
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
        usage: UsageSource | None = None,
        *,
        lasts: int = 1200,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._table = table
        self._lasts = lasts
        self._clock = clock
        self._sleep = sleep
        self._recounts = Recounts(table, usage, lasts, clock)

    async def spent(self, kind: str, id: str, interval: Interval) -> Spent:
        window = window_at(interval, self._clock())
        item = await self._table.get(pk_of(kind, id), f"{interval}#{window.name}", consistent=True) or {}
        if self._recounts.is_due(item):
            item = await self._recounts.look(kind, id, interval, window) or item
        expired = sum(whole(item, name) for name in item if name.startswith("o:") and expiry_of(name) <= self._clock())
        used, settled = whole(item, "used"), whole(item, "settled") + expired
        return Spent(settled, used - settled, window.name, window.end)

    async def begin(self, kind: str, id: str, budget: Budget) -> None:
        """Raises TableUnavailable."""
        await self._recounts.begin(kind, id, budget.interval)

    async def reserve(
        self, scope: Scope, request_id: str, model: str, cost: int, tokens: int, *, charge: Charge = NO_CHARGE
    ) -> Hold:
        """Take room for a request in one ledger. Raises Exhausted, and TableUnavailable where that can't be told.

        After TableUnavailable a reservation that may have been written is withdrawn in the background.
        """
        hold = self._hold(scope, request_id, model, cost, tokens, charge)
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
        if self._recounts.is_due(hold.item):
            await self._recount(hold)
        return hold

    async def _recount(self, hold: Hold) -> None:
        """Raises Exhausted where the request does not fit into what the ledger has left when it knows all."""
        item = await self._recounts.look(hold.scope.kind, hold.scope.id, hold.scope.interval, hold.window)
        if item is None:
            return
        hold.item = item
        budget = hold.scope.budget
        if hold.marked and budget is not None and whole(item, "used") > budget.nanos:
            released = await self.settle(hold, 0, 0)
            raise Exhausted(hold, released.item or item)

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
        interval = scope.interval
        window = window_at(interval, self._clock())
        item = await self._table.update(
            pk_of(scope.kind, scope.id),
            f"{interval}#{window.name}",
            set={"expires_at": window.end + KEPT_AFTER},
            add={"used": cost, "settled": cost},
        )
        if self._recounts.is_due(item):
            item = await self._recounts.look(scope.kind, scope.id, interval, window) or item
        return item, window

    async def sweep(self, hold: Hold) -> Mapping[Charge, int]:
        """Make reservations final that have expired in the ledger as `hold` saw it, as far as they go on its payer's
        account or on none. Nano-USD charged to the payer by this call."""
        return await self._swept(hold.pk, hold.sk, hold.item, {"", hold.charge.payer})

    async def sweep_ledger(self, kind: str, id: str, budget: Budget) -> Mapping[Charge, int]:
        """All of them, in the ledger of now and in the one before it just after a window has ended."""
        charged: Counter[Charge] = Counter()
        now = self._clock()
        for name in dict.fromkeys(window_at(budget.interval, at).name for at in (now - self._lasts - DAY, now)):
            pk, sk = pk_of(kind, id), f"{budget.interval}#{name}"
            charged.update(await self._swept(pk, sk, await self._table.get(pk, sk) or {}, None))
        return charged

    async def _swept(self, pk: str, sk: str, item: Item, payers: Container[str] | None) -> Mapping[Charge, int]:
        charged: Counter[Charge] = Counter()
        now = self._clock()
        expired = [
            name
            for name in item
            if name.startswith("o:") and expiry_of(name) <= now and (payers is None or charge_of(name).payer in payers)
        ]
        for name in expired[:MOST_SWEPT]:
            amount = whole(item, name)
            try:
                await self._table.update(pk, sk, add={"settled": amount}, remove=(name,), when=(Present(name),))
            except Refused:
                continue  # settled late, or swept by somebody else
            except TableUnavailable:
                break
            charge = charge_of(name)
            if charge.payer:
                charged[charge] += amount
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

    def _hold(self, scope: Scope, request_id: str, model: str, cost: int, tokens: int, charge: Charge) -> Hold:
        now = self._clock()
        interval = scope.interval
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
            mark_of(int(now) + self._lasts, request_id, charge),
            minute,
            cost,
            tokens,
            model,
            marked=scope.budget is not None and scope.budget.hard,
            counters=tuple(counters),
            charge=charge,
        )
