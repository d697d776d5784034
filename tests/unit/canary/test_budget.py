"""The day's cap holds, whatever the order, the number of runs at once, and what breaks in between."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.canary.budget import Budget, Reservation
from app.canary.errors import Unavailable
from app.canary.prices import MICROCENTS
from tests.examples import examples
from tests.unit.canary.conftest import TABLE

NOON = 1_800_000_000.0
TODAY, TOMORROW = "2027-01-15", "2027-01-16"


def spent(table: Any, day: str = TODAY) -> int:
    item = table.get_item(TableName=TABLE, Key={"pk": {"S": "probe"}, "sk": {"S": f"spent#{day}"}}).get("Item", {})
    return int(item.get("microcents", {"N": "0"})["N"])


def budget(table: Any, cents: float, now: float = NOON) -> Budget:
    return Budget(table, TABLE, cents, lambda: now)


def test_a_reservation_is_booked_and_settled(table: Any) -> None:
    ours = budget(table, 1)
    reservation = ours.reserve(600_000)
    assert reservation == Reservation(TODAY, 600_000)
    assert spent(table) == 600_000
    assert ours.reserve(400_001) is None
    ours.settle(reservation, 100_000)
    assert spent(table) == 100_000
    assert ours.reserve(900_000) is not None
    assert spent(table) == MICROCENTS


def test_the_first_reservation_of_a_day_is_bound_too(table: Any) -> None:
    assert budget(table, 0.5).reserve(500_001) is None
    assert spent(table) == 0


def test_a_real_cost_above_the_estimate_is_booked_and_ends_the_day(table: Any) -> None:
    ours = budget(table, 1)
    reservation = ours.reserve(900_000)
    assert reservation is not None
    ours.settle(reservation, 1_200_000)
    assert spent(table) == 1_200_000
    assert ours.reserve(0) is None


def test_settling_what_was_estimated_calls_nobody() -> None:
    Budget(None, TABLE, 1).settle(Reservation(TODAY, 5), 5)


def test_a_check_over_midnight_is_settled_on_its_day(table: Any) -> None:
    now = NOON
    ours = Budget(table, TABLE, 1, lambda: now)
    reservation = ours.reserve(1_000_000)
    assert reservation is not None
    now += 86400
    assert ours.reserve(1_000_000) == Reservation(TOMORROW, 1_000_000)
    ours.settle(reservation, 1)
    assert (spent(table), spent(table, TOMORROW)) == (1, 1_000_000)


def test_a_day_is_forgotten_after_weeks(table: Any) -> None:
    budget(table, 1).reserve(1)
    item = table.get_item(TableName=TABLE, Key={"pk": {"S": "probe"}, "sk": {"S": f"spent#{TODAY}"}})["Item"]
    assert NOON + 30 * 86400 < int(item["expires_at"]["N"]) < NOON + 60 * 86400


def test_a_table_that_is_not_there_is_told_by_its_code(table: Any) -> None:
    with pytest.raises(Unavailable, match=r"^UpdateItem: ResourceNotFoundException$"):
        Budget(table, "elsewhere", 1).reserve(1)


AMOUNTS = st.integers(0, 700_000)
STEPS = st.lists(
    st.tuples(st.integers(0, 3), AMOUNTS, st.floats(0, 1), st.sampled_from(["settle", "crash"])), max_size=25
)


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cents=st.floats(0.01, 2), steps=STEPS)
def test_never_above_the_cap_in_any_order_of_any_runs(table: Any, cents: float, steps: list[Any]) -> None:
    """Four runs take turns. A step of a run that holds a reservation ends it (settled, or crashed); else it makes one."""
    table.delete_item(TableName=TABLE, Key={"pk": {"S": "probe"}, "sk": {"S": f"spent#{TODAY}"}})
    runs = [budget(table, cents) for _ in range(4)]
    held: dict[int, Reservation] = {}
    booked = 0
    for run, amount, share, ending in steps:
        if run in held:
            reservation = held.pop(run)
            if ending == "settle":
                real = int(reservation.microcents * share)
                runs[run].settle(reservation, real)
                booked += real - reservation.microcents
        elif (reserved := runs[run].reserve(amount)) is not None:
            held[run] = reserved
            booked += amount
        else:
            assert booked + amount > cents * MICROCENTS - 1, "refused although there was room"
        assert spent(table) == booked <= cents * MICROCENTS


class OneAtATime:
    """DynamoDB writes an item atomically; moto, called from several threads, may not."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def update_item(self, **arguments: Any) -> Any:
        with self._lock:
            return self._client.update_item(**arguments)


def test_runs_at_the_same_time_share_the_cap(table: Any) -> None:
    client, start, got = OneAtATime(table), threading.Barrier(8), []

    def run() -> None:
        start.wait(10)
        ours = budget(client, 1)
        while (reservation := ours.reserve(70_000)) is not None:
            got.append(reservation)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 14
    assert spent(table) == 980_000
