"""Models as Anthropic's clients list them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.api.models.pages import info, page
from app.core.ports import ModelEntry
from app.errors import InvalidRequest

MODELS = [ModelEntry(name, name, "foundation", "o") for name in ("c", "a", "d", "b")]


def test_what_is_told_of_a_model() -> None:
    entry = ModelEntry(
        "m",
        "m",
        "foundation",
        "o",
        "Em",
        1_700_000_000,
        lifecycle="LEGACY",
        context_window=9,
        max_output=4,
        end_of_life="2027-01-08",
    )
    assert info(entry) == {
        "type": "model",
        "id": "m",
        "display_name": "Em",
        "created_at": "2023-11-14T22:13:20Z",
        "lifecycle": "deprecated",
        "retires_at": "2027-01-08T00:00:00Z",
        "max_input_tokens": 9,
        "max_tokens": 4,
    }
    bare = info(MODELS[0])
    assert (bare["display_name"], bare["created_at"], bare["lifecycle"]) == ("c", "1970-01-01T00:00:00Z", "active")
    assert info(replace(MODELS[0], end_of_life="2027-01-08"))["retires_at"] is None


@pytest.mark.parametrize(
    ("query", "shown", "more"),
    [
        ("", "abcd", False),
        ("limit=3", "abc", True),
        ("limit=2&after_id=b", "cd", False),
        ("after_id=nobody", "abcd", False),
        ("after_id=d", "", False),
        ("before_id=c", "ab", False),
        ("limit=1&before_id=c", "b", True),
        ("before_id=nobody&limit=1000", "abcd", False),
    ],
)
def test_pages_go_by_ids(query: str, shown: str, more: bool) -> None:
    told = page(MODELS, query.encode())
    assert ("".join(each["id"] for each in told["data"]), told["has_more"]) == (shown, more)
    assert (told["first_id"], told["last_id"]) == ((shown[0], shown[-1]) if shown else (None, None))


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "&".join(f"a{n}=1" for n in range(60))])
def test_a_wrong_query_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest):
        page(MODELS, query.encode())
