"""Cache points: where they pay, and nowhere that they are refused."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upstreams.converse.cache import MAX_POINTS, place_cache_points

POINT: dict[str, Any] = {"cachePoint": {"type": "default"}}


def text(word: str = "a") -> dict[str, Any]:
    return {"text": word}


def point(ttl: str = "") -> dict[str, Any]:
    return {"cachePoint": {"type": "default"} | ({"ttl": ttl} if ttl else {})}


def body(*turns: list[Any], system: list[Any] | None = None, tools: list[Any] | None = None) -> dict[str, Any]:
    roles = ("user", "assistant")
    made: dict[str, Any] = {"messages": [{"role": roles[at % 2], "content": turn} for at, turn in enumerate(turns)]}
    if system is not None:
        made["system"] = system
    if tools is not None:
        made["toolConfig"] = {"tools": tools}
    return made


def placed(made: dict[str, Any], **options: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"explicit": True, "auto": True, "tools": True, "ttl": "", "one_hour": True}
    place_cache_points(made, **(defaults | options))
    return made


def shape(made: dict[str, Any]) -> str:
    """`T|S|u.|a|u.`: a dot for a cache point."""
    lists = [made.get("toolConfig", {}).get("tools", []), made.get("system", [])]
    lists += [message["content"] for message in made["messages"]]
    return "|".join("".join("." if "cachePoint" in block else "x" for block in blocks) for blocks in lists)


def test_points_stand_after_tools_system_and_the_last_two_user_turns() -> None:
    made = body([text()], [text()], [text()], [text()], [text()], system=[text()], tools=[{"toolSpec": {}}])
    assert shape(placed(made)) == "x.|x.|x|x|x.|x|x."


@pytest.mark.parametrize(("options", "expected"), [({"tools": False}, "x|x.|x."), ({"auto": False}, "x|x|x")])
def test_none_is_added_where_it_is_not_wanted(options: dict[str, Any], expected: str) -> None:
    assert shape(placed(body([text()], system=[text()], tools=[{"toolSpec": {}}]), **options)) == expected


def test_none_stands_behind_a_system_tool() -> None:
    assert shape(placed(body([text()], tools=[{"toolSpec": {}}, {"systemTool": {}}]))) == "xx||x."


def test_the_clients_own_points_rule_the_gateways_out() -> None:
    assert shape(placed(body([text(), POINT], [text()], [text()], system=[text()]))) == "|x|x.|x|x"


def test_the_off_switch_takes_the_clients_points_too() -> None:
    made = body([text(), point()], system=[text(), point()], tools=[{"toolSpec": {}}, point()])
    assert shape(placed(made, explicit=False, auto=False)) == "x|x|x"


def test_points_that_are_refused_anywhere_go() -> None:
    thought: dict[str, Any] = {"reasoningContent": {}}
    made = body([point(), text(), point(), point()], [thought, point(), text()], [text()])
    assert shape(placed(made)) == "||x.|xx|x"


def test_of_too_many_points_the_earliest_in_the_messages_go() -> None:
    turns = [[text(), point()] for _ in range(5)]
    made = placed(body(*turns, system=[text(), point()]))
    assert shape(made) == "|x.|x|x|x.|x.|x."


def test_too_many_points_before_the_messages_are_cut_as_well() -> None:
    made = placed(body([text()], system=[block for _ in range(6) for block in (text(), point())]))
    assert shape(made) == "|xxx.x.x.x.|x"


def test_an_hour_comes_before_five_minutes() -> None:
    made = placed(body([text(), point("1h")], [text(), point("5m")], system=[text(), point()]))
    assert [made["system"][1], made["messages"][0]["content"][1]] == [point("1h"), point("1h")]
    assert made["messages"][1]["content"][1] == point("5m")


def test_a_model_without_the_hour_gets_no_ttl() -> None:
    made = placed(body([text(), point("1h")], system=[text(), point("5m")]), one_hour=False)
    assert made == body([text(), point()], system=[text(), point()])


def test_the_asked_ttl_stands_at_every_point() -> None:
    made = placed(body([text()], system=[text()]), ttl="1h")
    assert [made["system"][1], made["messages"][0]["content"][1]] == [point("1h"), point("1h")]


BLOCKS = st.lists(st.sampled_from(["text", "reasoning", "", "5m", "1h"]), max_size=5)


@given(st.lists(BLOCKS, min_size=1, max_size=6), BLOCKS | st.none(), st.booleans(), st.booleans(), st.booleans())
def test_wherever_points_stood_the_rules_hold_afterwards(
    turns: list[list[str]], system: list[str] | None, explicit: bool, auto: bool, one_hour: bool
) -> None:
    kinds = {"text": text(), "reasoning": {"reasoningContent": {}}}
    made = body(
        *([*(kinds.get(kind) or point(kind) for kind in turn), text()] for turn in turns),
        system=None if system is None else [kinds.get(kind) or point(kind) for kind in ["text", *system]],
        tools=[{"toolSpec": {}}],
    )
    again = placed(made, explicit=explicit, auto=auto, one_hour=one_hour)
    found = shape(again)
    assert found.count(".") <= MAX_POINTS
    assert ".." not in found
    assert not any(blocks.startswith(".") for blocks in found.split("|"))
    lists = [again["toolConfig"]["tools"], again.get("system", []), *(turn["content"] for turn in again["messages"])]
    ttls = [block["cachePoint"].get("ttl") for blocks in lists for block in blocks if "cachePoint" in block]
    assert one_hour or not any(ttls)
    assert not any(early != "1h" and late == "1h" for early, late in itertools.pairwise(ttls))
