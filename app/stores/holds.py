"""What a request holds in a ledger, and the words of a ledger's item (see `ledger.py`). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.access import Rates, Scope
from app.core.counting import Charge
from app.core.table import Absent, AtMost, Condition, Value
from app.core.windows import DAY, Window

KEPT_AFTER = 40 * DAY
"""Seconds that a ledger outlives its window, for those who look back."""


@dataclass(slots=True)
class Hold:
    """What a request holds in one ledger. `cost` and `tokens` are its estimate; the counters are as they were afterwards.

    `marked`: whether there is a reservation of money. `charge`: where it goes if it is never settled.
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
    charge: Charge
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


def holds_back(scope: Scope, model: str) -> bool:
    """Whether a request has to ask this scope before it may go."""
    return (scope.budget is not None and scope.budget.hard) or bool(rates_of(scope, model))


def conditions_of(hold: Hold) -> list[Condition] | None:
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


def counted(hold: Hold, requests: int, tokens: int) -> dict[str, int]:
    return {name: requests if name.startswith("q") else tokens for name in hold.counters}


def stale_counters(item: Mapping[str, Any], minute: int) -> list[str]:
    """Counters of minutes that are over. The one before stays: other processes' clocks may be behind."""
    return [name for name in item if name[:1] in "qt" and _minute(name) < minute - 1][:50]


def _minute(name: str) -> int:
    digits = name[1:].partition(":")[0]
    return int(digits) if digits.isdecimal() else 1 << 62


def mark_of(expires: int, request_id: str, charge: Charge) -> str:
    """The name of a reservation. `charge_of` reads it, and the names that versions before 2026-12 made, without `counted`.

    >>> mark_of(17, "req_1", Charge("key_1", ("km", "od")))
    'o:17:req_1:key_1:km,od'
    """
    mark = f"o:{expires}:{request_id}"
    return f"{mark}:{charge.payer}:{','.join(charge.counted)}" if charge.payer else mark


def charge_of(name: str) -> Charge:
    """
    >>> charge_of("o:17:req_1:key_1:km,od")
    Charge(payer='key_1', counted=('km', 'od'))
    >>> charge_of("o:17:req_1")
    Charge(payer='', counted=())
    """
    payer, _, counted = name.partition(":")[2].partition(":")[2].partition(":")[2].partition(":")
    return Charge(payer, tuple(counted.split(",")) if counted else ())


def expiry_of(name: str) -> int:
    digits = name[2:].partition(":")[0]
    return int(digits) if digits.isdecimal() else 1 << 62


def whole(item: Mapping[str, Any], name: str) -> int:
    value = item.get(name, 0)
    return value if isinstance(value, int) else 0
