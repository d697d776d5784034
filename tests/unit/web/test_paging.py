"""Lists in pages, by their queries."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import InvalidRequest
from app.web.paging import Query, listing, page

ITEMS = [{"id": str(number)} for number in range(30)]


def ids(text: bytes) -> tuple[list[str], bool]:
    found: Any = page(ITEMS, Query(text))
    assert (found["first_id"], found["last_id"]) == (found["data"][0]["id"], found["data"][-1]["id"])
    return [item["id"] for item in found["data"]], found["has_more"]


def test_twenty_of_the_newest_by_default() -> None:
    assert ids(b"") == ([str(number) for number in range(29, 9, -1)], True)


@pytest.mark.parametrize(
    ("text", "first", "count", "more"),
    [
        (b"order=asc", "0", 20, True),
        (b"order=asc&limit=100", "0", 30, False),
        (b"order=asc&after=19", "20", 10, False),
        (b"after=25&limit=3", "24", 3, True),
        (b"after=2&limit=3", "1", 2, False),
        (b"limit=30&unknown=1&limit=5", "29", 5, True),
    ],
)
def test_pages(text: bytes, first: str, count: int, more: bool) -> None:
    found, beyond = ids(text)
    assert (found[0], len(found), beyond) == (first, count, more)


@pytest.mark.parametrize(
    "text", [b"limit=0", b"limit=101", b"limit=-1", b"limit=\xb2", b"order=x", b"after=30", b"limit=1e1"]
)
def test_what_does_not_fit(text: bytes) -> None:
    with pytest.raises(InvalidRequest):
        page(ITEMS, Query(text))


def test_a_page_of_nothing() -> None:
    empty: Any = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert page([], Query(b"")) == listing([]) == empty
    assert page(ITEMS, Query(b"after=0"))["data"] == []


def test_lists_and_flags() -> None:
    query = Query(b"include[]=a&include[]=b&include=c&include[0]=d&include=&stream=true&x=1&y=no")
    assert query.many("include") == {"a", "b", "c", "d"}
    assert (query.flag("stream"), query.flag("x"), query.flag("y"), query.flag("z")) == (True, True, False, False)


def test_too_many_parameters() -> None:
    with pytest.raises(InvalidRequest):
        Query(b"&".join(b"a=1" for _ in range(200)))
