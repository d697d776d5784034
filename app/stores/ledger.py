"""Ledgers: what a key, a project or the organization has spent in a window, and how fast. One item each, changed only by
conditional writes, so that however many processes ask at once no hard limit is passed.

    pk = spend#<kind>#<id>, sk = <interval>#<window>      such as spend#key#key_ab12, month#2026-11
    used       nano-USD spent, and reserved by requests under way; what the hard limit is held against
    settled    nano-USD of it that is final
    o:<expires>:<request id>    the reservation of one request, nano-USD
    q<minute>, t<minute>        requests and tokens in that minute (minutes since the epoch); `:<model>` behind for one model

A reservation that nobody settles stays in `used`; once it has expired, whoever sees it makes it final (`sweep`), so a killed
process has spent what it had reserved.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.core.access import Budget, Interval, Rates, Scope
from app.core.directory import Spent
from app.core.table import Absent, AtMost, Condition, Item, Present, Refused, Table, TableUnavailable, Value
from app.core.windows import DAY, MINUTE, Window, window_at

log = logging.getLogger(__name__)

KEPT_AFTER = 40 * DAY
"""Seconds that a ledger outlives its window, for whoever looks back."""
SETTLING = 3
"""Attempts to settle. What fails thrice is charged at its estimate."""
MOST_SWEPT = 20


@dataclass(slots=True)
class Hold:
    """What a request holds in one ledger. `cost` and `tokens` are its estimate; the counters are as they were afterwards.

    `marked`: whether there is a reservation of money. `requests` and `tokens_used` of this minute, by the rates that count.
    """

    scope: Scope
    window: Window
    sk: str
    mark: str
    minute: int
    cost: int
    tokens: int
    model: str
    marked: bool
    counters: tuple[str, ...]
    item: Mapping[str, Value] = field(default_factory=dict)

    @property
    def pk(self) -> str:
        return pk_of(self.scope.kind, self.scope.id)

    def rates(self) -> Iterable[tuple[Rates, str]]:
        return rates_of(self.scope, self.model)


def pk_of(kind: str, id: str) -> str:
    return f"spend#{kind}#{id}"


def rates_of(scope: Scope, model: str) -> list[tuple[Rates, str]]:
    """The rates that hold for a request, each with what its counters' names end in."""
    found = [(scope.rates, "")]
    own = scope.models.get(model)
    if own is not None:
        found.append((own, f":{model}"))
    return [(rates, ending) for rates, ending in found if rates.rpm is not None or rates.tpm is not None]


def interval_of(scope: Scope) -> Interval:
    if scope.budget is not None:
        return scope.budget.interval
    return scope.alerts[0].interval if scope.alerts else "day"


class Settled(NamedTuple):
    """`item`: the ledger afterwards, None where it could not be written, so that the estimate will be charged. `late`: the
    estimate had been charged already, and was put right in the ledger."""

    item: Item | None
    late: bool = False


class Exhausted(Exception):
    """A limit stands in the way. `item`: the ledger as it is."""

    def __init__(self, hold: Hold, item: Item) -> None:
        super().__init__("a limit is reached")
        self.hold = hold
        self.item = item


class Ledgers:
    """Implements Spending, and what admission needs. `lasts`: seconds until a reservation expires."""

    def __init__(self, table: Table, *, lasts: int = 1200, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._lasts = lasts
        self._clock = clock

    async def spent(self, kind: str, id: str, interval: Interval) -> Spent:
        window = window_at(interval, self._clock())
        item = await self._table.get(pk_of(kind, id), f"{interval}#{window.name}", consistent=True) or {}
        expired = sum(_whole(item, name) for name in item if name.startswith("o:") and _expiry(name) <= self._clock())
        used, settled = _whole(item, "used"), _whole(item, "settled") + expired
        return Spent(settled, used - settled, window.name, window.end)

    async def begin(self, kind: str, id: str, budget: Budget, already: int) -> None:
        window = window_at(budget.interval, self._clock())
        with contextlib.suppress(Refused):  # it is counted already
            await self._table.update(
                pk_of(kind, id),
                f"{budget.interval}#{window.name}",
                set={"expires_at": window.end + KEPT_AFTER},
                add={"used": already, "settled": already},
                when=(Absent("settled"),),
            )

    async def reserve(self, scope: Scope, request_id: str, model: str, cost: int, tokens: int) -> Hold:
        """Take room for a request in one ledger. Raises Exhausted, and TableUnavailable where that can't be told."""
        hold = self._hold(scope, request_id, model, cost, tokens)
        conditions = _conditions(hold)
        if conditions is None:  # more than the limit itself: no write can succeed
            raise Exhausted(hold, await self._table.get(hold.pk, hold.sk) or {})
        add = _counted(hold, 1, tokens)
        fresh: dict[str, Value] = {"expires_at": hold.window.end + KEPT_AFTER}
        if hold.marked:
            add["used"] = cost
            fresh[hold.mark] = cost
        for attempt in (1, 2):
            try:
                hold.item = await self._table.update(hold.pk, hold.sk, set=fresh, add=add, when=conditions)
            except Refused as refusal:
                held = refusal.item or {}
                if not hold.marked or hold.mark not in held:
                    raise Exhausted(hold, held) from None
                hold.item = held  # by the attempt whose answer was lost
            except TableUnavailable as problem:
                if attempt == 2 or problem.written is False:
                    raise
                continue
            break
        return hold

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
        remove += _stale(hold.item, hold.minute)
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
        log.error("request %s could not be settled; its estimate is charged", hold.mark.rpartition(":")[2])
        return Settled(None)

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
        """Make reservations final that have expired in the ledger as `hold` saw it. Nano-USD charged by this call."""
        charged, now = 0, self._clock()
        expired = [name for name in hold.item if name.startswith("o:") and _expiry(name) <= now]
        for name in expired[:MOST_SWEPT]:
            amount = _whole(hold.item, name)
            try:
                await self._table.update(
                    hold.pk, hold.sk, add={"settled": amount}, remove=(name,), when=(Present(name),)
                )
            except Refused:
                continue  # settled late, or swept by somebody else
            except TableUnavailable:
                break
            charged += amount
        return charged

    async def _resettle(self, hold: Hold, cost: int) -> Settled:
        """It came so late that its estimate was charged: put that right, once."""
        difference = {"used": cost - hold.cost, "settled": cost - hold.cost}
        for _ in range(SETTLING):
            try:
                return Settled(await self._table.update(hold.pk, hold.sk, add=difference), late=True)
            except TableUnavailable as problem:
                if problem.written is not False:
                    break
        return Settled(None)

    def _hold(self, scope: Scope, request_id: str, model: str, cost: int, tokens: int) -> Hold:
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
            f"o:{int(now) + self._lasts}:{request_id}",
            minute,
            cost,
            tokens,
            model,
            marked=scope.budget is not None and scope.budget.hard,
            counters=tuple(counters),
        )


def holds_back(scope: Scope, model: str) -> bool:
    """Whether a request has to ask this scope before it may go."""
    return (scope.budget is not None and scope.budget.hard) or bool(rates_of(scope, model))


def _conditions(hold: Hold) -> list[Condition] | None:
    """What must hold for the request to go; None where nothing could make it."""
    found: list[Condition] = []
    limits: list[tuple[str, int | None]] = []
    if hold.marked:
        assert hold.scope.budget is not None
        found.append(Absent(hold.mark))
        limits.append(("used", hold.scope.budget.nanos - hold.cost if hold.scope.budget.nanos else -1))
    for rates, ending in hold.rates():
        if rates.rpm is not None:
            limits.append((f"q{hold.minute}{ending}", rates.rpm - 1))
        if rates.tpm is not None:
            limits.append((f"t{hold.minute}{ending}", rates.tpm - hold.tokens if rates.tpm else -1))
    for name, room in limits:
        if room is None or room < 0:
            return None
        found.append(AtMost(name, room))
    return found


def _counted(hold: Hold, requests: int, tokens: int) -> dict[str, int]:
    return {name: requests if name.startswith("q") else tokens for name in hold.counters}


def _stale(item: Mapping[str, Any], minute: int) -> list[str]:
    """Counters of minutes that are over. The one before stays: other processes' clocks may be behind."""
    return [name for name in item if name[:1] in "qt" and _minute(name) < minute - 1][:50]


def _minute(name: str) -> int:
    digits = name[1:].partition(":")[0]
    return int(digits) if digits.isdecimal() else 1 << 62


def _expiry(name: str) -> int:
    digits = name[2:].partition(":")[0]
    return int(digits) if digits.isdecimal() else 1 << 62


def _whole(item: Mapping[str, Any], name: str) -> int:
    value = item.get(name, 0)
    return value if isinstance(value, int) else 0
