"""The day's cap, kept in the table so that runs at the same time share it: pk="probe", sk="spent#YYYY-MM-DD" (UTC).

    reserve   adds the most that a check can cost, on condition that the sum stays within the cap
    settle    corrects it to what the check did cost

So the sum is never above the cap as long as estimates are upper bounds; what crashes in between stays booked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.canary import aws
from app.canary.prices import MICROCENTS

_KEEP_SECONDS = 40 * 86400
_REFUSED = "ConditionalCheckFailedException"


@dataclass(frozen=True)
class Reservation:
    """What was booked, and on which day: a check that runs past midnight is settled where it was booked."""

    day: str
    microcents: int


class Budget:
    """`client`: of DynamoDB, without retries. Adding is not idempotent: a call whose answer got lost may have counted,
    and a second one, of a refund, would let the day spend more than its cap."""

    def __init__(self, client: Any, table: str, cents: float, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self.cap = int(cents * MICROCENTS)

    def reserve(self, microcents: int) -> Reservation | None:
        """Books the amount; None where the day has no room for it. Raises Unavailable."""
        if microcents > self.cap:
            return None
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        booked = self._add(
            day,
            microcents,
            ConditionExpression="attribute_not_exists(microcents) OR microcents <= :room",
            room=self.cap - microcents,
        )
        return Reservation(day, microcents) if booked else None

    def settle(self, reservation: Reservation, microcents: int) -> None:
        """Replaces the booked amount with the real one. Raises Unavailable; then the booked amount stands."""
        if microcents != reservation.microcents:
            self._add(reservation.day, microcents - reservation.microcents)

    def _add(self, day: str, amount: int, *, room: int | None = None, **condition: str) -> bool:
        values = {":amount": amount, ":end": int(self._clock()) + _KEEP_SECONDS}
        if room is not None:
            values[":room"] = room
        answer = aws.call(
            "UpdateItem",
            lambda: self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": "probe"}, "sk": {"S": f"spent#{day}"}},
                UpdateExpression="ADD microcents :amount SET expires_at = :end",
                ExpressionAttributeValues={name: {"N": str(value)} for name, value in values.items()},
                **condition,
            ),
            expected=_REFUSED,
        )
        return answer is not None
