"""The query of a usage route, in every spelling, and what is wrong with it."""

from __future__ import annotations

import contextlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.usage.decode import cursor, decode
from app.api.usage.schema import REPORTS, Asked
from app.errors import InvalidRequest

NOW = 1_763_726_700.0
"""2025-11-21 12:05 UTC."""
MIDNIGHT = 1_763_683_200
DAY, HOUR = 86400, 3600


def asked(query: str, name: str = "completions") -> Asked:
    return decode(query.encode(), REPORTS[name], NOW)


def problem(query: str, name: str = "completions") -> tuple[str | None, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        asked(query, name)
    assert caught.value.status == 400
    return caught.value.param, caught.value.code


def test_defaults() -> None:
    found = asked(f"start_time={MIDNIGHT}")
    assert (found.width, found.start, found.end, found.limit) == (DAY, MIDNIGHT, MIDNIGHT + DAY, 7)
    assert (found.group_by, found.filters, found.batch) == ((), (), None)


@pytest.mark.parametrize(("query", "name", "start", "end"), [
    (f"start_time={MIDNIGHT + 5}", "completions", MIDNIGHT, MIDNIGHT + DAY),
    (f"start_time={MIDNIGHT + 3605}", "completions", MIDNIGHT + HOUR, MIDNIGHT + DAY),
    (f"start_time={MIDNIGHT}&bucket_width=1h", "completions", MIDNIGHT, MIDNIGHT + 13 * HOUR),
    (f"start_time={MIDNIGHT}&end_time={MIDNIGHT + 3601}", "completions", MIDNIGHT, MIDNIGHT + 2 * HOUR),
    (f"start_time={MIDNIGHT}&end_time={MIDNIGHT + 3600}", "completions", MIDNIGHT, MIDNIGHT + HOUR),
    (f"start_time={MIDNIGHT + 3605}&end_time={MIDNIGHT + 3606}", "costs", MIDNIGHT, MIDNIGHT + DAY),
    (f"start_time={MIDNIGHT + 5 * DAY}", "completions", MIDNIGHT + 5 * DAY, MIDNIGHT + 6 * DAY),
])  # fmt: skip
def test_times_are_widened_to_what_is_kept(query: str, name: str, start: int, end: int) -> None:
    found = asked(query, name)
    assert (found.start, found.begin, found.end) == (start, start, end)


@pytest.mark.parametrize("query", [
    "group_by[]=model&group_by[]=user_id",
    "group_by=model&group_by=user_id",
    "group_by=model,user_id",
    "group_by[0]=model&group_by[1]=user_id",
    "group_by%5B%5D=model&group_by%5B%5D=user_id&group_by%5B%5D=model",
    "group_by= model , user_id ,",
])  # fmt: skip
def test_lists_in_every_spelling(query: str) -> None:
    assert asked(f"start_time=0&{query}").group_by == ("model", "user_id")


def test_filters() -> None:
    found = asked("start_time=0&models=a,b&user_ids[]=x,y&user_ids[]=z&project_ids=&batch=True")
    assert dict(found.filters) == {"models": {"a", "b"}, "user_ids": {"x,y", "z"}}
    assert found.batch is True
    found = asked("start_time=0&line_items[]=m, input&line_items[]=m, other", "costs")
    assert dict(found.filters) == {"line_items": {"m, input", "m, other"}}


@pytest.mark.parametrize(("name", "query", "least", "most", "usual"), [
    ("completions", "", 1, 31, 7),
    ("completions", "&bucket_width=1h", 1, 168, 24),
    ("costs", "", 1, 180, 7),
])  # fmt: skip
def test_limits(name: str, query: str, least: int, most: int, usual: int) -> None:
    assert asked(f"start_time=0{query}", name).limit == usual
    for limit in (least, most):
        assert asked(f"start_time=0{query}&limit={limit}", name).limit == limit
    for limit in (least - 1, most + 1, -5, 10**14):
        assert problem(f"start_time=0{query}&limit={limit}", name) == ("limit", "invalid_value")


@pytest.mark.parametrize(("query", "name", "param", "code"), [
    ("", "completions", "start_time", "missing_required_parameter"),
    ("start_time=", "completions", "start_time", "missing_required_parameter"),
    ("start_time=yesterday", "completions", "start_time", "invalid_type"),
    ("start_time=1.5", "completions", "start_time", "invalid_type"),
    ("start_time=%D9%A3", "completions", "start_time", "invalid_type"),
    ("start_time=-1", "completions", "start_time", "invalid_value"),
    ("start_time=99999999999999", "completions", "start_time", "invalid_value"),
    ("start_time=1&start_time=2", "completions", "start_time", "invalid_value"),
    ("start_time=100&end_time=100", "completions", "end_time", "invalid_value"),
    ("start_time=0&bucket_width=1m", "completions", "bucket_width", "unsupported_value"),
    ("start_time=0&bucket_width=1w", "completions", "bucket_width", "invalid_value"),
    ("start_time=0&bucket_width=1h", "costs", "bucket_width", "invalid_value"),
    ("start_time=0&group_by=line_item", "completions", "group_by", "invalid_value"),
    ("start_time=0&group_by=model", "costs", "group_by", "invalid_value"),
    ("start_time=0&group_by=user_id", "vector_stores", "group_by", "invalid_value"),
    ("start_time=0&batch=maybe", "completions", "batch", "invalid_value"),
    ("start_time=0&batch=true", "embeddings", "batch", "unknown_parameter"),
    ("start_time=0&models=a", "costs", "models", "unknown_parameter"),
    ("start_time=0&modles=a", "completions", "modles", "unknown_parameter"),
    ("start_time=0&page=x", "completions", "page", "invalid_value"),
    ("start_time=0&page=page_%ff", "completions", "page", "invalid_value"),
    ("start_time=0&" + "&".join(["models=a"] * 1001), "completions", None, "invalid_value"),
])  # fmt: skip
def test_what_is_wrong_is_named(query: str, name: str, param: str, code: str) -> None:
    assert problem(query, name) == (param, code)


def test_long_names_are_not_repeated_whole() -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked("x" * 5000 + "=1")
    assert len(caught.value.message) < 200


def test_a_cursor_leads_on() -> None:
    query = f"start_time={MIDNIGHT - 10 * DAY}"
    page = cursor(asked(query), MIDNIGHT - 3 * DAY)
    assert page.startswith("page_")
    assert asked(f"{query}&page={page}&limit=2").begin == MIDNIGHT - 3 * DAY


def forged(text: str) -> str:
    return "page_" + urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("text", [
    f"embeddings:{DAY}:{MIDNIGHT}",
    f"completions:{HOUR}:{MIDNIGHT}",
    f"completions:{DAY}:{MIDNIGHT + 1}",
    f"completions:{DAY}:{MIDNIGHT + 5 * DAY}",
    f"completions:{DAY}:{MIDNIGHT - 5 * DAY}",
    f"completions:{DAY}: {MIDNIGHT}",
    f"completions:{DAY}:+{MIDNIGHT}",
    f"completions:{DAY}:" + "9" * 5000,
    "completions",
    "a:b:c:d",
])  # fmt: skip
def test_a_forged_cursor_is_refused(text: str) -> None:
    assert problem(f"start_time={MIDNIGHT - 5 * DAY}&page={forged(text)}") == ("page", "invalid_value")


@given(st.binary(max_size=200), st.sampled_from(sorted(REPORTS)))
def test_no_query_is_more_than_wrong(query: bytes, name: str) -> None:
    for before in (b"", b"start_time=0&", b"start_time=0&page="):
        with contextlib.suppress(InvalidRequest):
            found = decode(before + query, REPORTS[name], NOW)
            assert found.start <= found.begin < found.end
