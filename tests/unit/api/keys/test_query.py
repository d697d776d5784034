"""Queries of the admin routes: pages and filters."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.keys.query import Query, paged
from app.errors import InvalidRequest

ALLOWED = ("after", "before", "limit", "order", "kind", "kind[]")
ITEMS = [f"id_{number:02}" for number in range(45)]


def page(query: str) -> tuple[list[str], bool]:
    return paged(ITEMS, Query(query.encode(), ALLOWED), lambda item: item)


@pytest.mark.parametrize(
    ("query", "expected", "more"),
    [
        ("", ITEMS[:20], True),
        ("limit=100", ITEMS, False),
        ("limit=45", ITEMS, False),
        ("limit=44", ITEMS[:44], True),
        ("after=id_19", ITEMS[20:40], True),
        ("after=id_39", ITEMS[40:], False),
        ("after=id_44", [], False),
        ("after=", ITEMS[:20], True),
        ("order=desc&limit=2", ["id_44", "id_43"], True),
        ("order=desc&after=id_01", ["id_00"], False),
        ("before=id_20&limit=5", ITEMS[15:20], True),
        ("before=id_05&limit=5", ITEMS[:5], False),
        ("before=id_00", [], False),
    ],
)
def test_pages(query: str, expected: list[str], more: bool) -> None:
    assert page(query) == (expected, more)


@given(st.integers(1, 100), st.sampled_from(["asc", "desc"]))
def test_every_item_is_on_one_page(limit: int, order: str) -> None:
    found: list[str] = []
    more, after = True, ""
    while more:
        items, more = page(f"limit={limit}&order={order}&after={after}")
        assert items
        found += items
        after = items[-1]
    assert sorted(found) == ITEMS


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e1", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=5&limit=6", "limit"),
        ("after=gone", "after"),
        ("after=id_01&before=id_05", "before"),
        ("before=gone", "before"),
        ("order=up", "order"),
        ("user=me", "user"),
        ("x" * 5000 + "=1", "x" * 64),
        ("&".join(["limit=1"] * 1001), None),
    ],
)
def test_queries_that_are_refused(query: str, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as raised:
        page(query)
    assert raised.value.param == param


def test_lists_in_either_spelling() -> None:
    assert Query(b"kind[]=a&kind[]=b&kind=c&kind=", ALLOWED).many("kind") == {"a", "b", "c"}
    assert Query(b"kind%5B%5D=a", ALLOWED).many("kind") == {"a"}
    assert Query(b"", ALLOWED).many("kind") == frozenset()


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(query: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        paged(ITEMS, Query(query, ALLOWED), lambda item: item)
