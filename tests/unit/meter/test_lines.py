"""A usage line can be read again, wherever a log has been, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.books import UsageRecord
from app.core.events import Finished, Usage
from app.core.money import Cost
from app.core.ports import Call, Caller
from app.meter.lines import line_of, record_of, records_in
from app.meter.log import to_line


def record(**changes: Any) -> UsageRecord:
    caller = Caller("key_1", "alice", {"team": "red"}, "proj_1", "alice@corp", stale=True)
    call = Call("req_1", caller, "chat.completions", "fast", 1000.0, traffic="flex")
    call.receipt.model, call.receipt.route, call.receipt.cache, call.receipt.retries = "us.m", "fast", "hit", 2
    values: dict[str, Any] = {
        "call": call, "outcome": "ok", "status": 200, "error_code": None, "usage": Usage(1, 2, 3, 4, 1, 5),
        "tier": "flex", "finish": Finished("stop"), "streamed": True, "choices": 1, "first_token_ms": 7, "total_ms": 2000,
        "cost": Cost(10, 20, 30, 40, 50, False, "v1"), "estimated": True, "saved": 9, "ended": 1002.0, "unsettled": True,
    }  # fmt: skip
    return UsageRecord(**(values | changes))


def test_what_was_written_is_read_again() -> None:
    assert record_of(to_line(record())) == record()


LINE = json.dumps(to_line(record()))


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"  {LINE}\r\n",
        f"2026-11-21T10:00:00.000Z {LINE}",
        f"2026-11-21T10:00:00+00:00\t2026/11/21/[$LATEST]0123abc\t{LINE}",
        json.dumps({"timestamp": 1, "message": LINE, "ingestionTime": 2}),
        json.dumps({"@timestamp": "2026", "@message": LINE}),
        json.dumps({"message": {"message": LINE}}),
        json.dumps({"log": f"x {LINE}\n"}),
        f'            "message": {json.dumps(LINE)},',  # of `aws logs filter-log-events`
        f'"message": {json.dumps(LINE)}',
    ],
)
def test_it_is_found_inside_what_logs_put_around_it(text: str) -> None:
    assert list(records_in([text])) == [record()]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "usage",
        "START RequestId: 1",
        '{"event": "request", "about": "usage"}',
        '{"event": "usage"}',
        '{"event": "usage", "request_id": 5}',
        '{"event": "usage", "request_id": ""}',
        '["usage"]',
        '"usage"',
        '{"message": "usage {"}',
        '{"message":' * 50_000 + " usage",
        json.dumps({"message": json.dumps({"message": json.dumps({"message": LINE})})}),
        '{"event": "usage", "request_id": "r", "x": "' + "x" * 1_048_576 + '"}',
        '{"event": "usage", "request_id": "\ud83d"}',
    ],
    ids=lambda text: f"{len(text)} {text[:40]!a}",
)
def test_other_lines_are_passed_over(text: str) -> None:
    assert list(records_in([text, LINE])) == [record()]


def test_values_that_make_no_sense_count_as_not_told() -> None:
    found = record_of(
        {
            "event": "usage", "request_id": "r", "status": "x", "outcome": 3, "prompt_tokens": -1, "completion_tokens": 1e9,
            "cache_read_tokens": True, "cost_nanos": 10**30, "cost_by_kind": [1], "tags": "x", "traffic": "warp", "ended": "x",
            "project": None, "finish_reason": [], "repairs": {"a": "b"}, "first_token_ms": {}, "cache_write_1h_tokens": 5,
        }
    )  # fmt: skip
    assert found is not None
    assert (found.status, found.outcome, found.usage, found.cost) == (500, "error", Usage(), Cost())
    assert (found.call.caller.project, found.call.traffic, found.ended) == ("proj_default", "realtime", 0.0)


def test_lines_from_before_there_were_prices_are_read_too() -> None:
    found = record_of({"event": "usage", "request_id": "r", "key_id": "default", "outcome": "ok", "prompt_tokens": 3})
    assert found is not None
    assert (found.usage.input, found.cost.total, found.call.caller.project) == (3, 0, "proj_default")


def test_the_total_is_the_line_s_even_where_the_kinds_are_not_told() -> None:
    found = record_of({"event": "usage", "request_id": "r", "cost_nanos": 7, "cost_by_kind": {"input": 2}})
    assert found is not None
    assert found.cost == Cost(input=2, other=5)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(sorted(to_line(record())))


@given(st.dictionaries(NAMES, json_values, max_size=8))
def test_no_line_raises(values: dict[str, Any]) -> None:
    found = record_of(to_line(record()) | values)
    assert found is None or (found.cost.total >= 0 and found.usage.prompt >= 0 and found.total_ms >= 0)


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    line_of('{"usage' + text)
    line_of(text + "usage")
