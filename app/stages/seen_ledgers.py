"""What this process last saw of the ledgers: enough to tell, without asking the table, that a request would be refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.core.access import Rates, Scope
from app.core.books import Demand
from app.core.windows import MINUTE, Window, window_at
from app.errors import GatewayError
from app.stages.limits import refusal

_REMEMBERED = 5000
_SMALLEST = Demand("", 1, 0)
"""What every request takes at least."""


@dataclass(slots=True)
class _Hold:
    """The smallest request there can be, as `limits` looks at one."""

    scope: Scope
    window: Window
    minute: int
    marked: bool
    cost: int = 1
    item: Mapping[str, Any] = field(default_factory=dict)

    def rates(self) -> Iterable[tuple[Rates, str]]:
        return [(self.scope.rates, "")]


class _Problem(NamedTuple):
    hold: _Hold
    item: Mapping[str, Any]


class SeenLedgers:
    """It may be out of date; the conditional write decides."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str], tuple[str, Mapping[str, int]]] = {}

    def note(self, scope: Scope, window: str, item: Mapping[str, Any]) -> None:
        """`window`: the name of the window that the ledger's `item` belongs to."""
        if len(self._items) > _REMEMBERED:
            self._items.pop(next(iter(self._items)))
        kept = {
            name: value
            for name, value in item.items()
            if (name in ("used", "settled") or (name[0] == "q" and ":" not in name)) and isinstance(value, int)
        }
        self._items[scope.kind, scope.id] = (window, kept)

    def remaining(self, scopes: Sequence[Scope], now: float) -> int | None:
        """Nano-USD left of the tightest hard budget, None where there is none."""
        left = [
            scope.budget.nanos - self._item(scope, now).get("used", 0)
            for scope in scopes
            if scope.budget is not None and scope.budget.hard
        ]
        return min(left, default=None)

    def refusal(self, scopes: Sequence[Scope], now: float) -> GatewayError | None:
        """The error for a request of these scopes, whatever its size; None where it may be let in.

        Only what can't become less counts: money that is spent for good, and the requests of this minute.
        """
        problems = [_Problem(hold, hold.item) for scope in scopes if _is_reached(hold := self._hold(scope, now))]
        return refusal(problems, _SMALLEST, now) if problems else None

    def _hold(self, scope: Scope, now: float) -> _Hold:
        seen = self._item(scope, now)
        item = {name: value for name, value in seen.items() if name != "used"} | {"used": seen.get("settled", 0)}
        marked = scope.budget is not None and scope.budget.hard
        return _Hold(scope, window_at(scope.interval, now), int(now) // MINUTE, marked, item=item)

    def _item(self, scope: Scope, now: float) -> Mapping[str, int]:
        window, item = self._items.get((scope.kind, scope.id), ("", {}))
        return item if window == window_at(scope.interval, now).name else {}


def _is_reached(hold: _Hold) -> bool:
    budget, rates = hold.scope.budget, hold.scope.rates
    if hold.marked and budget is not None and hold.item["used"] >= budget.nanos:
        return True
    return rates.tpm == 0 or (rates.rpm is not None and hold.item.get(f"q{hold.minute}", 0) >= rates.rpm)
