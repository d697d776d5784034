"""Usage records for tests of what they add up to: one with sensible values, and any at all."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from app.core.books import UsageRecord
from app.core.events import Usage
from app.core.money import Cost
from app.core.ports import Call, Caller

NOON = 1_763_726_400.0
"""2025-11-21 12:00 UTC."""
DAY = "2025-11-21"


def record(request_id: str = "req_1", /, **given: Any) -> UsageRecord:
    """Fields of UsageRecord, Call and Caller by name; `model` and `asked` are what was called and the alias."""
    caller = Caller(
        given.pop("key", "key_1"),
        tags=given.pop("tags", {}),
        project=given.pop("project", "proj_1"),
        user=given.pop("user", ""),
    )
    call = Call(request_id, caller, given.pop("endpoint", "chat.completions"), metadata=given.pop("metadata", {}))
    call.receipt.model = given.pop("model", "acme.rocket-v1:0")
    call.receipt.route = given.pop("asked", "")
    call.receipt.cache = given.pop("cache", "")
    call.traffic = given.pop("traffic", "realtime")
    fields: dict[str, Any] = {
        "outcome": "ok",
        "status": 200,
        "error_code": None,
        "usage": Usage(100, 200),
        "tier": "",
        "finish": None,
        "streamed": False,
        "choices": 1,
        "first_token_ms": None,
        "total_ms": 1500,
        "ended": NOON,
    }
    return UsageRecord(call=call, **(fields | given))


def any_records(most: int = 30, *, days: int = 3) -> st.SearchStrategy[list[UsageRecord]]:
    """Lists of records with few different dimensions, within so many days from the start of DAY on."""
    midnight = int(NOON) // 86400 * 86400
    counts = st.integers(0, 10_000)
    costs = st.builds(Cost, counts, counts, counts, counts, counts, st.booleans())
    one = st.fixed_dictionaries({
        "key": st.sampled_from(["key_1", "key_2"]),
        "project": st.sampled_from(["proj_1", "proj_2"]),
        "user": st.sampled_from(["", "ann", "b|b%\x00,="]),
        "model": st.sampled_from(["acme.rocket-v1:0", "us.acme.rocket-v1:0"]),
        "asked": st.sampled_from(["", "fast"]),
        "traffic": st.sampled_from(["realtime", "batch"]),
        "tier": st.sampled_from(["", "flex"]),
        "endpoint": st.sampled_from(["chat.completions", "embeddings"]),
        "tags": st.sampled_from([{}, {"team": "search"}, {"team": "a,b=c%|\ud800", "app": "x"}]),
        "outcome": st.sampled_from(["ok", "error", "disconnected"]),
        "status": st.sampled_from([200, 429, 500]),
        "usage": st.builds(Usage, counts, counts, counts, counts),
        "cost": costs,
        "saved": counts,
        "total_ms": st.integers(0, 2_000_000),
        "first_token_ms": st.none() | st.integers(0, 60_000),
        "ended": st.integers(midnight + 1, midnight + days * 86400 - 1).map(float),
    })  # fmt: skip
    return st.lists(one, max_size=most).map(
        lambda each: [record(f"req_{number}", **values) for number, values in enumerate(each)]
    )
