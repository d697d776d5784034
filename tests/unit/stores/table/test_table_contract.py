"""What `core.table.Table` promises, of the table in memory and of DynamoDB behind two implementations of its API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from app.core.table import Absent, AtMost, Condition, Equal, Item, Present, Refused, Table, Value
from tests.unit.stores.table.conftest import Clock

ODD_NAMES = ("a#b", "o:1700000000:req_1", "a b", "a.b", "size", "q12", "ünï", "_", "#", ":v")
VALUES: Mapping[str, Value] = {
    "text": "väl\u2028ue \U0001f600 \x00 end",
    "empty": "",
    "zero": 0,
    "negative": -5,
    "large": 10**38 - 1,
    "round": 10**30,
    "bytes": bytes(range(256)),
    "no bytes": b"",
}


def keyed(item: Item, pk: str = "p", sk: str = "s") -> Item:
    return {**item, "pk": pk, "sk": sk}


async def test_an_item_comes_back_as_it_was_put(table: Table) -> None:
    item: Item = {**VALUES, **dict.fromkeys(ODD_NAMES, 1)}
    await table.put("p", "s", item)
    for consistent in (False, True):
        found = await table.get("p", "s", consistent=consistent)
        assert found == keyed(item)
        assert found is not None
        assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in keyed(item).items()}


async def test_what_was_never_put_is_not_there(table: Table) -> None:
    assert await table.get("p", "s") is None
    assert await table.query("p") == []
    assert await table.get_many([("p", "s")]) == {}
    await table.delete("p", "s")


async def test_a_put_replaces_the_whole_item(table: Table) -> None:
    await table.put("p", "s", {"old": 1, "both": 1})
    await table.put("p", "s", {"both": 2})
    assert await table.get("p", "s") == keyed({"both": 2})
    await table.delete("p", "s")
    assert await table.get("p", "s") is None


async def test_what_is_given_and_what_is_kept_are_apart(table: Table) -> None:
    given = {"n": 1}
    await table.put("p", "s", given)
    given["n"] = 2
    found = dict(await table.get("p", "s") or {})
    found["n"] = 3
    assert await table.get("p", "s") == keyed({"n": 1})


async def test_many_items_are_got_at_once_whatever_is_missing_or_asked_twice(table: Table) -> None:
    keys = [(f"p{number % 3}", f"s{number}") for number in range(50)]
    for pk, sk in keys:
        await table.put(pk, sk, {"n": int(sk[1:])})
    found = await table.get_many([*keys, *keys[:25], *((f"p{n}", "none") for n in range(25))])
    assert found == {(pk, sk): keyed({"n": int(sk[1:])}, pk, sk) for pk, sk in keys}
    assert await table.get_many([]) == {}


async def test_an_update_makes_the_item_and_changes_only_what_it_names(table: Table) -> None:
    assert await table.update("p", "s", set={"a": "x"}, add={"n": 5}) == keyed({"a": "x", "n": 5})
    assert await table.update("p", "s", add={"n": -7, "m": 1}) == keyed({"a": "x", "n": -2, "m": 1})
    after = await table.update("p", "s", set={"b": b"y"}, add={"n": 2}, remove=["a", "never there"])
    assert after == keyed({"b": b"y", "n": 0, "m": 1})
    assert await table.get("p", "s") == after


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_any_name_will_do_everywhere(table: Table, name: str) -> None:
    assert await table.update("p", "s", set={f"{name}!": "x"}, add={name: 1}) == keyed({f"{name}!": "x", name: 1})
    await table.update("p", "s", remove=[f"{name}!"], when=[Equal(name, 1), Present(f"{name}!"), Absent(f"{name}?")])
    assert await table.query("p", attributes=[name]) == [keyed({name: 1})]


async def test_sums_are_exact_where_a_float_is_not(table: Table) -> None:
    await table.put("p", "s", {"n": 2**53})
    assert (await table.update("p", "s", add={"n": 1}))["n"] == 2**53 + 1
    assert (await table.update("p", "s", add={"n": 10**37}))["n"] == 2**53 + 1 + 10**37


HELD: Item = {"n": 5, "s": "five", "b": b"five", "empty": ""}

HOLDING: list[list[Condition]] = [
    [],
    [Absent("none")],
    [Present("n")],
    [Present("empty")],
    [Present("sk")],
    [Equal("n", 5)],
    [Equal("s", "five")],
    [Equal("b", b"five")],
    [Equal("empty", "")],
    [AtMost("n", 5)],
    [AtMost("n", 6)],
    [AtMost("none", -1)],
    [Present("n"), Equal("s", "five"), AtMost("n", 9), AtMost("n", 8), Absent("x")],
]
FAILING: list[list[Condition]] = [
    [Absent("n")],
    [Absent("sk")],
    [Present("none")],
    [Equal("n", 6)],
    [Equal("n", "5")],
    [Equal("s", "Five")],
    [Equal("s", b"five")],
    [Equal("none", "")],
    [AtMost("n", 4)],
    [Present("n"), Equal("s", "five"), AtMost("n", 4)],
]


@pytest.mark.parametrize("when", HOLDING, ids=str)
async def test_a_condition_that_holds_lets_everything_happen(table: Table, when: list[Condition]) -> None:
    await table.put("p", "s", HELD)
    assert (await table.update("p", "s", add={"seen": 1}, when=when))["seen"] == 1
    await table.put("p", "s", {**HELD, "again": 1}, when=when)
    assert await table.get("p", "s") == keyed({**HELD, "again": 1})
    await table.delete("p", "s", when=when)
    assert await table.get("p", "s") is None


@pytest.mark.parametrize("when", FAILING, ids=str)
async def test_a_condition_that_does_not_hold_changes_nothing_and_tells_what_is_there(
    table: Table, when: list[Condition]
) -> None:
    await table.put("p", "s", HELD)
    for attempt in (
        table.update("p", "s", set={"s": "six"}, add={"n": 1}, remove=["b"], when=when),
        table.put("p", "s", {"new": 1}, when=when),
        table.delete("p", "s", when=when),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.item == keyed(HELD)
    assert await table.get("p", "s", consistent=True) == keyed(HELD)


async def test_conditions_on_what_is_not_there(table: Table) -> None:
    failing: list[list[Condition]] = [[Present("sk")], [Equal("n", 0)], [Absent("sk"), Present("n")]]
    for when in failing:
        for attempt in (
            table.put("p", "s", {}, when=when),
            table.update("p", "s", add={"n": 1}, when=when),
            table.delete("p", "s", when=when),
        ):
            with pytest.raises(Refused) as refused:
                await attempt
            assert refused.value.item is None
    assert await table.query("p") == []
    await table.put("p", "s", {"n": 1}, when=[Absent("sk"), AtMost("n", 0)])
    assert await table.get("p", "s") == keyed({"n": 1})


async def test_an_expired_item_is_gone_for_readers_to_the_second(table: Table, clock: Clock) -> None:
    until = int(clock.now) + 100
    await table.put("p", "a", {"expires_at": until})
    await table.put("p", "b", {"expires_at": until + 1})
    await table.put("p", "c", {})
    clock.now = until - 0.5
    assert [item["sk"] for item in await table.query("p")] == ["a", "b", "c"]
    clock.now = until
    assert await table.get("p", "a") is None
    assert await table.get("p", "a", consistent=True) is None
    assert set(await table.get_many([("p", "a"), ("p", "b"), ("p", "c")])) == {("p", "b"), ("p", "c")}
    assert [item["sk"] for item in await table.query("p")] == ["b", "c"]
    assert [item["sk"] for item in await table.query("p", limit=1)] == ["b"]


async def test_a_query_of_some_attributes_leaves_expired_items_out_as_well(table: Table, clock: Clock) -> None:
    await table.put("p", "a", {"expires_at": int(clock.now) + 100, "n": 1})
    await table.put("p", "b", {"expires_at": int(clock.now) + 300, "n": 2, "other": 3})
    clock.now += 200
    assert await table.query("p", attributes=["n"]) == [keyed({"n": 2}, sk="b")]


async def test_writes_meet_an_expired_item_that_has_not_been_deleted_yet(table: Table, clock: Clock) -> None:
    """DynamoDB knows of no expiry in conditions; those who write must ask for it (`AtMost("expires_at", now)`)."""
    await table.put("p", "s", {"expires_at": int(clock.now) + 100, "n": 1})
    clock.now += 200
    with pytest.raises(Refused) as refused:
        await table.put("p", "s", {"n": 2}, when=[Absent("sk")])
    assert refused.value.item == keyed({"expires_at": int(clock.now) - 100, "n": 1})
    await table.put("p", "s", {"n": 2}, when=[AtMost("expires_at", int(clock.now))])
    assert await table.get("p", "s") == keyed({"n": 2})


async def test_a_query_sorts_by_utf8_and_takes_a_prefix_a_limit_and_an_order(table: Table) -> None:
    names = ["B", "a", "a#1", "a#10", "a#2", "a\U0001f600", "a\uffee", "ä", "z"]
    for sk in reversed(names):
        await table.put("p", sk, {"n": 1, "m": 2})
    await table.put("q", "a#3", {})
    expected = sorted(names, key=lambda name: name.encode())
    assert [item["sk"] for item in await table.query("p")] == expected
    assert [item["sk"] for item in await table.query("p", descending=True)] == expected[::-1]
    assert [item["sk"] for item in await table.query("p", prefix="a#")] == ["a#1", "a#10", "a#2"]
    assert [item["sk"] for item in await table.query("p", prefix="a#", limit=2)] == ["a#1", "a#10"]
    assert [item["sk"] for item in await table.query("p", prefix="a#", limit=1, descending=True)] == ["a#2"]
    assert [item["sk"] for item in await table.query("p", limit=100)] == expected
    assert await table.query("p", prefix="z", attributes=["m", "none"]) == [keyed({"m": 2}, sk="z")]
    assert await table.query("p", prefix="none") == []


async def test_a_query_goes_on_beyond_dynamodbs_page_of_a_megabyte(table: Table) -> None:
    for number in range(12):
        await table.put("p", f"{number:02}", {"body": b"x" * 300_000, "n": number})
    expected = list(range(12))
    assert [item["n"] for item in await table.query("p")] == expected
    assert [item["n"] for item in await table.query("p", descending=True, attributes=["n"])] == expected[::-1]
    assert [item["n"] for item in await table.query("p", limit=9)] == expected[:9]


async def test_a_limit_counts_what_is_given_and_not_what_has_expired(table: Table, clock: Clock) -> None:
    for number in range(12):
        await table.put("p", f"{number:02}", {"n": number} | ({"expires_at": int(clock.now) + 9} if number < 8 else {}))
    clock.now += 10
    assert [item["n"] for item in await table.query("p", limit=3)] == [8, 9, 10]


async def test_two_hundred_updates_at_once_are_two_hundred(table: Table) -> None:
    after = await asyncio.gather(*(table.update("p", "s", add={"n": 1}) for _ in range(200)))
    assert sorted(item["n"] for item in after) == list(range(1, 201))
    assert await table.get("p", "s", consistent=True) == keyed({"n": 200})


async def test_of_two_hundred_conditional_writes_exactly_those_that_fit_win(table: Table) -> None:
    """A budget in miniature: each takes 3 of 100, and only while there are 3 left."""

    async def take() -> bool:
        try:
            await table.update("p", "s", add={"used": 3}, when=[AtMost("used", 97)])
        except Refused:
            return False
        return True

    taken = await asyncio.gather(*(take() for _ in range(200)))
    assert sum(taken) == 33
    assert (await table.get("p", "s", consistent=True) or {})["used"] == 99


async def test_one_of_many_that_put_where_nothing_is_wins(table: Table) -> None:
    results = await asyncio.gather(
        *(table.put("p", "s", {"by": number}, when=[Absent("sk")]) for number in range(50)), return_exceptions=True
    )
    [winner] = [number for number, result in enumerate(results) if result is None]
    for result in results:
        if result is not None:
            assert isinstance(result, Refused)
            assert result.item == keyed({"by": winner})
