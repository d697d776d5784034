"""Admission where there is no table: everybody goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from app.core.books import Demand, Meter, Settlement, UsageRecord
from app.core.ports import Call, Caller


class Plain:
    """Implements Accounting where there is no table: everybody goes, and the meter is told."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def foresee(self, call: Call) -> None:
        return None

    async def admit(self, call: Call, demand: Callable[[], Awaitable[Demand]]) -> Settlement:
        return self

    def settle(self, record: UsageRecord) -> None:
        self._meter.record(record)

    def limits(self, caller: Caller) -> Mapping[str, str]:
        return {}
