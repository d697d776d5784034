"""What one request adds to its item, and how its dimensions become a sort key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.counting import BOUNDS, bucket_of, percentile
from app.core.events import Usage
from app.core.money import Cost
from app.core.rollup import Counters, Dimensions
from app.stores.rollup_items import TAG, adds_of, sk_of, tag_of, unsettled_adds
from app.stores.rollup_rows import dimensions_of, row_of, tags_in
from tests.usage_records import DAY, record

TEXT = st.text(st.characters(codec=None), max_size=300)  # half surrogate pairs among them
NAMES = ("team", "workflow", "app")


def test_a_good_answer() -> None:
    one = record(usage=Usage(100, 200, 30, 4), cost=Cost(1, 2, 3, 4, 5), total_ms=1000, first_token_ms=2, saved=9)
    assert adds_of(one, 13) == {
        "n13": 1, "i13": 100, "o13": 200, "r13": 30, "w13": 4, "c13": 15,
        "ci": 1, "co": 2, "cr": 3, "cw": 4, "cx": 5, "s": 9, "l30": 1, "f3": 1, "v": 1,
    }  # fmt: skip


def test_an_answer_says_which_ledgers_count_it() -> None:
    adds = adds_of(record(cost=Cost(1, 2)), 0, ("km", "od"))
    assert (adds["km"], adds["od"]) == (3, 3)
    assert unsettled_adds(-7, 0, ("km",)) == {"c0": -7, "cx": -7, "x": -1, "km": -7}


REFUSED = {"q0", "e"}


@pytest.mark.parametrize(("given_", "expected"), [
    ({"outcome": "error", "status": 400, "error_code": "invalid_value"}, REFUSED),
    ({"outcome": "error", "status": 429, "error_code": "rate_limit_exceeded"}, REFUSED | {"t"}),
    ({"outcome": "error", "status": 429, "error_code": "insufficient_quota"}, REFUSED),
    ({"outcome": "error", "status": 200, "error_code": "rate_limit_exceeded"}, REFUSED | {"t"}),  # in mid-stream
    ({"outcome": "disconnected", "status": 499}, set()),
    ({"outcome": "ok", "status": 200, "cache": "hit"}, {"k"}),
    ({"outcome": "ok", "status": 200, "cache": "miss"}, set()),
    ({"cost": Cost(priced=False)}, {"u"}),
])  # fmt: skip
def test_what_became_of_it(given_: dict[str, object], expected: set[str]) -> None:
    adds = adds_of(record(usage=Usage(), total_ms=0, **given_), 0)
    assert ("l0" in adds) is not (expected >= REFUSED), "a refusal has no place among the times of answers"
    assert set(adds) - {"n0", "l0", "v"} == expected


@pytest.mark.parametrize("taken", [{"usage": Usage(input=5)}, {"usage": Usage(), "cost": Cost(other=5)}])
def test_an_answer_that_broke_off_was_not_refused(taken: dict[str, object]) -> None:
    adds = adds_of(record(outcome="error", status=200, **taken), 0)
    assert adds["e"] == 1
    assert "q0" not in adds


@pytest.mark.parametrize(("output", "choices", "endpoint", "outcome", "short"), [
    (99, 1, "chat.completions", "ok", True),
    (100, 1, "chat.completions", "ok", False),
    (199, 2, "completions", "ok", True),
    (0, 1, "chat.completions", "ok", False),
    (99, 1, "chat.completions", "error", False),
    (99, 1, "embeddings", "ok", False),
])  # fmt: skip
def test_short_answers(output: int, choices: int, endpoint: str, outcome: str, short: bool) -> None:
    one = record(
        usage=Usage(5, output), choices=choices, endpoint=endpoint, outcome=outcome, cost=Cost(input=1, output=6)
    )
    adds = adds_of(one, 0)
    assert (adds.get("h", 0), adds.get("ch", 0)) == ((1, 7) if short else (0, 0))


def test_an_item_as_a_row() -> None:
    sk = sk_of("completions", "proj_1", "key_1", "", "m", "", "default", "realtime", "")
    row = row_of(DAY, {
        "pk": "usage#x", "sk": sk, "expires_at": 5,
        "n0": 1, "n23": 2, "c0": 10, "c23": 5, "ci": 15, "e": 1, "l30": 3, "f63": 1,
    })  # fmt: skip
    assert row is not None
    assert row.dimensions == Dimensions("completions", "proj_1", "key_1", "", "m")
    assert row.hours == {0: Counters(requests=1, cost=10), 23: Counters(requests=2, cost=5)}
    assert row.total == Counters(requests=3, cost=15, cost_input=15, errors=1, latency={30: 3}, first_token={63: 1})


def test_what_makes_no_sense_in_an_item_is_left_out() -> None:
    sk = sk_of("completions", "proj_1", "key_1", "", "m", "", "default", "realtime", "")
    noise: dict[str, str | int | bytes] = {
        "n01": 1,
        "n24": 1,
        "n5": "7",
        "n": 1,
        "zz": 1,
        "zz3": 1,
        "l64": 1,
        "l3": -1,
        "i3": -4,
        "n٣": 1,
        "c1x": 1,
        "": 1,
    }
    row = row_of(DAY, {"sk": sk, "n1": 1, **noise})
    assert row is not None
    assert row.total == Counters(requests=1)
    for broken in ("", "a|b", "x"):
        assert row_of(DAY, {"sk": broken, "n1": 1}) is None
    assert row_of(DAY, {"n1": 1}) is None


def test_an_unsettled_charge_and_its_way_back() -> None:
    sk = sk_of("completions", "proj_1", "key_1", "", "(unsettled)", "", "default", "realtime", "")
    row = row_of(DAY, {"sk": sk, **unsettled_adds(500, 3)})
    assert row is not None
    assert row.total == Counters(cost=500, cost_other=500, unsettled=1)
    back = row_of(DAY, {"sk": sk, **unsettled_adds(-500, 3)})
    assert back is not None
    assert back.total == Counters(cost=-500, cost_other=-500, unsettled=-1)


# Sort keys


def replaced(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


FIELD = st.text(st.characters(codec=None), max_size=3)
"""Short enough for every field, with all its characters escaped."""


@given(st.tuples(*[FIELD] * 8), st.text(st.characters(codec=None), max_size=100))
def test_dimensions_come_back_from_their_sort_key(fields: tuple[str, ...], tag: str) -> None:
    found = dimensions_of(sk_of(*fields, tag))
    assert found is not None
    kind, project, key, user, model, asked, tier, traffic = map(replaced, fields)
    assert found == Dimensions(kind, project, key, user, model, asked, tier, traffic, replaced(tag))


@given(st.lists(TEXT, min_size=9, max_size=9))
def test_a_sort_key_fits_and_can_be_read_whatever_is_in_it(fields: list[str]) -> None:
    sk = sk_of(*fields)
    assert len(sk.encode()) <= 1024
    found = dimensions_of(sk)
    assert found is not None
    assert found.kind == replaced(fields[0])[: len(found.kind)]
    if found.model != replaced(fields[4]):  # clipped: what is left is its beginning
        assert replaced(fields[4]).startswith(found.model)


@given(st.dictionaries(st.sampled_from(NAMES), TEXT), st.dictionaries(st.sampled_from(NAMES), TEXT))
def test_tags_come_back_as_they_were_and_the_keys_own_win(own: dict[str, str], told: dict[str, str]) -> None:
    tag = tag_of(NAMES, own, told)
    assert len(tag.encode()) <= TAG
    found = tags_in(tag)
    assert found.keys() == {name for name in NAMES if own.get(name) or told.get(name)}
    for name, value in found.items():
        meant = replaced((own.get(name) or told[name])[:64])
        assert meant.startswith(value)
        if len(meant) < 48 and meant.isalnum() and meant.isascii():
            assert value == meant


def test_only_metered_tags_count() -> None:
    assert tag_of(NAMES, {"team": "search"}, {"team": "mine", "app": "a=b", "secret": "x"}) == "team=search,app=a%3Db"
    assert tag_of((), {"team": "search"}, {}) == ""
    assert tags_in("") == {}


def test_hundreds_of_metered_tags_still_fit() -> None:
    names = [f"name{number}" for number in range(300)]
    assert len(sk_of(*"abcdefgh", tag_of(names, dict.fromkeys(names, "v" * 64), {})).encode()) <= 1024


# Histograms


@given(st.integers(-5, 10**9))
def test_a_bucket_holds_what_falls_into_it(milliseconds: int) -> None:
    bucket = bucket_of(milliseconds)
    assert 0 <= bucket <= len(BOUNDS)
    assert bucket == 0 or BOUNDS[bucket - 1] <= milliseconds
    assert bucket == len(BOUNDS) or milliseconds < BOUNDS[bucket]


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_a_percentile_is_off_by_a_quarter_at_most(values: list[int], share: float) -> None:
    histogram: dict[int, int] = {}
    for value in values:
        histogram[bucket_of(value)] = histogram.get(bucket_of(value), 0) + 1
    found = percentile(histogram, share)
    rank = -(-len(values) * int(share * 100) // 100)
    exact = sorted(values)[rank - 1]
    assert found is not None
    assert exact / 1.26 - 1 <= found <= exact * 1.26 + 1


def test_percentiles_of_nothing_and_of_the_endless_bucket() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({3: 0}, 0.5) is None
    assert percentile({63: 2}, 0.95) == round(BOUNDS[-1])
