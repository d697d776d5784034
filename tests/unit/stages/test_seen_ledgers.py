"""What this process saw of the ledgers: what is left, and which requests need not ask the table to be refused."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.access import Budget, Rates, Scope
from app.errors import QuotaExceeded, RateLimited
from app.stages.seen_ledgers import SeenLedgers

NOW = 1_795_266_030.0
DAY = "2026-11-21"
MINUTE = int(NOW) // 60


def test_what_is_left_is_known_from_the_ledger_of_this_window_only() -> None:
    seen = SeenLedgers()
    key = Scope("key", "k", budget=Budget(1000, "day"))
    project = Scope("project", "p", budget=Budget(900, "day"))
    soft = Scope("organization", "o", budget=Budget(5, "day", hard=False))
    assert seen.remaining([soft], NOW) is None
    assert seen.remaining([key, project, soft], NOW) == 900
    seen.note(key, DAY, {"used": 300})
    seen.note(soft, DAY, {"used": 300})
    seen.note(project, DAY, {"used": "broken"})
    assert seen.remaining([key, project], NOW) == 700
    assert seen.remaining([key, project], NOW + 86_400) == 900


def test_the_ledgers_seen_are_bounded() -> None:
    seen = SeenLedgers()
    for number in range(5100):
        seen.note(Scope("key", str(number), budget=Budget(1000, "day")), DAY, {"used": 1})
    assert seen.remaining([Scope("key", "0", budget=Budget(1000, "day"))], NOW) == 1000
    assert seen.remaining([Scope("key", "5099", budget=Budget(1000, "day"))], NOW) == 999


def refusal(scope: Scope, item: dict[str, Any] | None = None, *, later: float = 0.0) -> Any:
    seen = SeenLedgers()
    if item is not None:
        seen.note(scope, DAY, item)
    return seen.refusal([Scope("project", "p"), scope], NOW + later)


BLOCKED = [
    (Scope("key", "k", budget=Budget(0, "day")), QuotaExceeded),
    (Scope("key", "k", Rates(rpm=0)), RateLimited),
    (Scope("organization", "o", Rates(tpm=0)), RateLimited),
]


@pytest.mark.parametrize(("scope", "kind"), BLOCKED)
def test_what_blocks_everything_is_known_before_any_ledger_was_seen(scope: Scope, kind: type[Exception]) -> None:
    error = refusal(scope)
    assert isinstance(error, kind)
    assert error.should_retry is False  # type: ignore[attr-defined]


def test_a_budget_that_is_spent_for_good_refuses_until_its_window_ends() -> None:
    scope = Scope("key", "k", budget=Budget(1000, "day"))
    error = refusal(scope, {"used": 1200, "settled": 1000})
    assert isinstance(error, QuotaExceeded)
    assert error.message.startswith("This key has spent $")
    assert refusal(scope, {"used": 1200, "settled": 1000}, later=86_400) is None


def test_what_may_become_less_refuses_nothing() -> None:
    """Reservations of requests under way end lower; a soft budget never refuses."""
    assert refusal(Scope("key", "k", budget=Budget(1000, "day")), {"used": 1200, "settled": 999}) is None
    assert refusal(Scope("key", "k", budget=Budget(0, "day", hard=False)), {"settled": 5}) is None
    assert refusal(Scope("key", "k", Rates(tpm=10)), {f"t{MINUTE}": 500}) is None


def test_requests_of_this_minute_count_and_those_of_one_model_do_not() -> None:
    scope = Scope("key", "k", Rates(rpm=2))
    error = refusal(scope, {f"q{MINUTE}": 2})
    assert isinstance(error, RateLimited)
    assert "2 requests per minute" in error.message
    assert refusal(scope, {f"q{MINUTE}": 1}) is None
    assert refusal(scope, {f"q{MINUTE}:model": 5}) is None
    assert refusal(scope, {f"q{MINUTE}": 2}, later=60) is None
