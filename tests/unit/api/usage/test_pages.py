"""What the usage and costs routes answer, against the plainest way to count."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.usage.decode import decode
from app.api.usage.read import page
from app.api.usage.route import operations
from app.api.usage.schema import REPORTS
from app.core.books import UsageRecord
from app.core.events import Usage
from app.core.money import Cost
from app.core.ports import Caller
from app.core.rollup import UsageRow
from app.core.table import Item, TableUnavailable
from app.errors import PermissionDenied
from app.stores.recorder import Recorder
from app.stores.rollup_items import adds_of, kind_of, sk_of
from app.stores.rollup_rows import row_of
from app.stores.rollups import Rollups
from app.stores.table.memory import MemoryTable
from app.web.asgi import Request
from app.web.router import Router
from tests.unit.web.asgi import Wire, scope
from tests.usage_records import NOON, any_records, record

MIDNIGHT = int(NOON) // 86400 * 86400
DAY, HOUR = 86400, 3600


def clock() -> float:
    return NOON + 2 * DAY


class Rows:
    """Implements UsageSource over rows that are there already."""

    def __init__(self, rows: Sequence[UsageRow]) -> None:
        self._rows = rows

    async def rows(self, first_day: str, last_day: str) -> AsyncIterator[UsageRow]:
        for row in self._rows:
            if first_day <= row.day <= last_day:
                yield row


def source_of(records: Sequence[UsageRecord]) -> Rollups:
    table = MemoryTable(clock)
    recorder = Recorder(table, metered_tags=("team",), interval=0, clock=clock)
    for each in records:
        recorder.record(each)
    assert asyncio.run(recorder.flush(5))
    return Rollups(table, clock)


def answer(source: Any, query: str, name: str = "completions") -> Any:
    asked = decode(query.encode(), REPORTS[name], clock())
    return asyncio.run(page(asked, source))


def walked(source: Any, query: str, name: str = "completions") -> list[Any]:
    """The buckets of all pages."""
    found: list[Any] = []
    cursor = ""
    for _ in range(500):
        body = answer(source, query + cursor, name)
        found += body["data"]
        assert body["has_more"] == (body["next_page"] is not None)
        if not body["has_more"]:
            return found
        cursor = f"&page={body['next_page']}"
    raise AssertionError("the pages have no end")


def test_a_bucket_of_everything() -> None:
    records = [
        record("a", usage=Usage(100, 20, 3, 4)),
        record("b", usage=Usage(1, 2), model="other"),
        record("c", usage=Usage(), outcome="error", status=400),
        record("d", endpoint="embeddings", usage=Usage(50)),
    ]
    body = answer(source_of(records), f"start_time={MIDNIGHT}&limit=1")
    assert body["object"] == "page"
    assert body["has_more"]
    (bucket,) = body["data"]
    assert (bucket["object"], bucket["start_time"], bucket["end_time"]) == ("bucket", MIDNIGHT, MIDNIGHT + DAY)
    assert bucket["results"] == [{
        "object": "organization.usage.completions.result",
        "input_tokens": 108, "output_tokens": 22, "num_model_requests": 2,
        "input_cached_tokens": 3, "input_cache_write_tokens": 4, "input_uncached_tokens": 101,
        "input_text_tokens": 101, "input_cached_text_tokens": 3, "output_text_tokens": 22,
        "input_audio_tokens": 0, "input_cached_audio_tokens": 0, "output_audio_tokens": 0,
        "input_image_tokens": 0, "input_cached_image_tokens": 0, "output_image_tokens": 0,
        "project_id": None, "user_id": None, "api_key_id": None, "model": None, "batch": None,
        "service_tier": None, "api_source": None,
    }]  # fmt: skip
    (bucket,) = answer(source_of(records), f"start_time={MIDNIGHT}&limit=1", "embeddings")["data"]
    assert bucket["results"] == [{
        "object": "organization.usage.embeddings.result", "input_tokens": 50, "num_model_requests": 1,
        "project_id": None, "user_id": None, "api_key_id": None, "model": None,
    }]  # fmt: skip


def test_what_nobody_used_is_empty() -> None:
    source = source_of([record()])
    for name in REPORTS:
        query = f"start_time={MIDNIGHT + DAY}&end_time={MIDNIGHT + 2 * DAY}"
        assert [bucket["results"] for bucket in answer(source, query, name)["data"]] == [[]]
    for name in REPORTS.keys() - {"completions", "costs"}:
        assert [bucket["results"] for bucket in answer(source, f"start_time={MIDNIGHT}", name)["data"]] == [[]] * 3


def test_requests_that_were_refused_are_no_usage() -> None:
    source = source_of([record(usage=Usage(), outcome="error", status=429)])
    assert [bucket["results"] for bucket in answer(source, f"start_time={MIDNIGHT}")["data"]] == [[]] * 3


def test_groups_have_their_names_and_the_rest_is_null() -> None:
    source = source_of([record(traffic="batch", tier="flex", user="ann"), record(user="")])
    groups = "user_id,batch,service_tier,api_source,model,project_id,api_key_id"
    (bucket, *_) = answer(source, f"start_time={MIDNIGHT}&group_by={groups}")["data"]
    named = [{name: each[name] for name in groups.split(",")} for each in bucket["results"]]
    both = {"api_source": "unlabeled", "model": "acme.rocket-v1:0", "project_id": "proj_1", "api_key_id": "key_1"}
    assert named == [
        {"user_id": None, "batch": False, "service_tier": "default"} | both,
        {"user_id": "ann", "batch": True, "service_tier": "flex"} | both,
    ]


def test_the_first_and_the_last_bucket_are_cut_to_what_was_asked() -> None:
    source = source_of([record("a", ended=NOON - HOUR), record("b"), record("c", ended=NOON + DAY)])
    query = f"start_time={int(NOON) + 7}&end_time={int(NOON) + DAY + 7}"
    first, last = answer(source, query)["data"]
    assert (first["start_time"], first["end_time"]) == (NOON, MIDNIGHT + DAY)
    assert (last["start_time"], last["end_time"]) == (MIDNIGHT + DAY, NOON + DAY + HOUR)
    assert [each["results"][0]["num_model_requests"] for each in (first, last)] == [1, 1]


def test_costs_of_everything_and_by_line() -> None:
    one = record(usage=Usage(100, 20, 3, 4), cost=Cost(1_000_000_000, 250_000_000, 3, 4, 5))
    source = source_of([one, record("b", endpoint="embeddings", usage=Usage(9), cost=Cost(input=1), model="e")])
    (bucket, *_) = answer(source, f"start_time={MIDNIGHT}", "costs")["data"]
    assert bucket["results"] == [{
        "object": "organization.costs.result", "amount": {"value": 1.250000013, "currency": "usd"},
        "quantity": None, "quantity_unit": None,
        "project_id": None, "user_id": None, "api_key_id": None, "line_item": None, "api_source": None,
    }]  # fmt: skip
    (bucket, *_) = answer(source, f"start_time={MIDNIGHT}&group_by=line_item", "costs")["data"]
    assert [(each["line_item"], each["amount"]["value"], each["quantity"]) for each in bucket["results"]] == [
        ("acme.rocket-v1:0, cache read", 3e-9, 3),
        ("acme.rocket-v1:0, cache write", 4e-9, 4),
        ("acme.rocket-v1:0, input", 1.0, 100),
        ("acme.rocket-v1:0, other", 5e-9, None),
        ("acme.rocket-v1:0, output", 0.25, 20),
        ("e, input", 1e-9, 9),
    ]
    query = f"start_time={MIDNIGHT}&line_items[]=acme.rocket-v1:0, input&line_items[]=e, input"
    (bucket, *_) = answer(source, query, "costs")["data"]
    assert bucket["results"][0]["amount"]["value"] == 1.000000001


# Against the plainest way to count

FIELDS: dict[str, Callable[[UsageRecord], str | bool | None]] = {
    "project_id": lambda each: each.call.caller.project,
    "user_id": lambda each: each.call.caller.user or None,
    "api_key_id": lambda each: each.call.caller.key_id,
    "model": lambda each: each.call.receipt.model,
    "batch": lambda each: each.call.traffic == "batch",
    "service_tier": lambda each: each.tier or "default",
    "api_source": lambda each: "unlabeled",
}
FILTERS = {
    "project_ids": ("project_id", ["proj_1", "nobody"]),
    "user_ids": ("user_id", ["ann"]),
    "api_key_ids": ("api_key_id", ["key_1", "key_2"]),
    "models": ("model", ["us.acme.rocket-v1:0"]),
}
GROUPS = st.lists(st.sampled_from(sorted(FIELDS)), unique=True)
CHOSEN = st.lists(st.sampled_from(sorted(FILTERS)), unique=True, max_size=2)


def counted(records: Sequence[UsageRecord], groups: Sequence[str], width: int) -> dict[Any, tuple[int, ...]]:
    sums: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for each in records:
        usage = each.usage
        failed = each.outcome == "error" or (each.status >= 400 and each.outcome != "disconnected")
        worked = not failed or usage.prompt + usage.output + each.cost.total > 0
        key = (int(each.ended) // width * width, *(FIELDS[name](each) for name in groups))
        for index, value in enumerate((worked, usage.prompt, usage.output, usage.cache_read)):
            sums[key][index] += int(value)
    return {key: tuple(values) for key, values in sums.items() if any(values)}


@given(any_records(), GROUPS, CHOSEN, st.sampled_from([HOUR, DAY]), st.none() | st.booleans(), st.integers(1, 10))
def test_every_grouping_and_filter_counts_right(
    records: list[UsageRecord], groups: list[str], filters: list[str], width: int, batch: bool | None, limit: int
) -> None:
    query = f"start_time={MIDNIGHT}&end_time={MIDNIGHT + 3 * DAY}&limit={limit}&bucket_width="
    query += "1h" if width == HOUR else "1d"
    query += "".join(f"&group_by[]={name}" for name in groups)
    query += "".join(f"&{name}[]={value}" for name in filters for value in FILTERS[name][1])
    query += "" if batch is None else f"&batch={str(batch).lower()}"
    buckets = walked(source_of(records), query)
    starts = [bucket["start_time"] for bucket in buckets]
    assert starts == list(range(MIDNIGHT, MIDNIGHT + 3 * DAY, width))
    found = {
        (bucket["start_time"], *(each[name] for name in groups)): (
            each["num_model_requests"], each["input_tokens"], each["output_tokens"], each["input_cached_tokens"],
        )
        for bucket in buckets
        for each in bucket["results"]
    }  # fmt: skip
    kept = [
        each for each in records
        if kind_of(each.call.endpoint) == "completions"
        and all(FIELDS[FILTERS[name][0]](each) in FILTERS[name][1] for name in filters)
        and batch in (None, each.call.traffic == "batch")
    ]  # fmt: skip
    assert found == counted(kept, groups, width)


@given(any_records(), st.lists(st.sampled_from(["project_id", "user_id", "api_key_id"]), unique=True), st.booleans())
def test_costs_are_the_sums_of_the_records_to_the_nano(
    records: list[UsageRecord], groups: list[str], by_line: bool
) -> None:
    asked = [*groups, *(["line_item"] if by_line else [])]
    query = f"start_time={MIDNIGHT}&limit=2" + "".join(f"&group_by={name}" for name in asked)
    found: dict[Any, int] = defaultdict(int)
    for bucket in walked(source_of(records), query, "costs"):
        for each in bucket["results"]:
            found[bucket["start_time"], *(each[name] for name in groups)] += round(each["amount"]["value"] * 10**9)
    expected: dict[Any, int] = defaultdict(int)
    for record_ in records:
        day = int(record_.ended) // DAY * DAY
        expected[day, *(FIELDS[name](record_) for name in groups)] += record_.cost.total
    assert {key: value for key, value in found.items() if value} == {
        key: value for key, value in expected.items() if value
    }


@given(st.integers(0, 5 * DAY), st.integers(1, 5 * DAY), st.integers(1, 31), st.sampled_from(["1h", "1d"]))
def test_pages_cover_every_bucket_once(start: int, length: int, limit: int, width: str) -> None:
    start += MIDNIGHT - 3 * DAY
    query = f"start_time={start}&end_time={start + length}&bucket_width={width}&limit={limit}"
    buckets = walked(Rows([]), query)
    assert buckets[0]["start_time"] == start // HOUR * HOUR
    assert buckets[-1]["end_time"] == -(-(start + length) // HOUR) * HOUR
    for before, after in pairwise(buckets):
        assert before["end_time"] == after["start_time"]
        assert after["start_time"] % (HOUR if width == "1h" else DAY) == 0


def test_a_row_that_is_out_of_time_does_no_harm() -> None:
    sk = sk_of("completions", "p", "k", "", "m", "", "default", "realtime", "")
    row = row_of("2025-11-21", {"sk": sk, **adds_of(record(), 3)})
    assert row is not None
    query = f"start_time={MIDNIGHT + 5 * HOUR}&end_time={MIDNIGHT + 6 * HOUR}"
    assert answer(Rows([row]), query)["data"][0]["results"] == []


# The route


class Admins:
    def __init__(self, problem: Exception | None = None) -> None:
        self._problem = problem

    async def enter(self, request: Request) -> Caller:
        if self._problem:
            raise self._problem
        return Caller("adm_1")


def get(path: str, query: str, *, source: Any = None, admins: Any = None) -> tuple[Wire, list[str]]:
    flushed: list[str] = []

    async def flush() -> None:
        flushed.append(path)

    routes = operations(source or Rows([]), flush, admins or Admins(), clock=clock)
    wire = Wire()
    given_ = scope(path, "GET") | {"query_string": query.encode()}
    asyncio.run(wire.run(Router((each.method, each.path, each.endpoint) for each in routes), given_))
    return wire, flushed


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_every_route_answers_with_a_page(name: str) -> None:
    path = "/organization/costs" if name == "costs" else f"/organization/usage/{name}"
    wire, flushed = get(path, f"start_time={MIDNIGHT}&end_time={MIDNIGHT + DAY}")
    assert wire.status == 200
    bucket = {"object": "bucket", "start_time": MIDNIGHT, "end_time": MIDNIGHT + DAY, "results": []}
    assert json.loads(wire.body) == {"object": "page", "data": [bucket], "has_more": False, "next_page": None}
    assert flushed == [path]


def test_who_may_not_come_in_learns_nothing_of_the_query() -> None:
    wire, flushed = get("/organization/costs", "nonsense", admins=Admins(PermissionDenied("No.")))
    assert wire.status == 403
    assert flushed == []


def test_a_wrong_query_is_told_before_anything_is_read() -> None:
    wire, flushed = get("/organization/costs", "start_time=0&group_by=colour")
    assert wire.status == 400
    assert json.loads(wire.body)["error"]["param"] == "group_by"
    assert flushed == []


def test_a_table_that_can_not_be_read_is_503() -> None:
    class Broken(MemoryTable):
        async def query(self, pk: str, **options: Any) -> list[Item]:
            raise TableUnavailable("throttled")

    wire, _ = get("/organization/costs", f"start_time={MIDNIGHT}", source=Rollups(Broken(clock), clock))
    assert wire.status == 503
    assert wire.headers["retry-after"]
