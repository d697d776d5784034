"""A refused field is left out and learned, before the first byte only, and not on anybody's word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.plan import QUIRKS
from app.core.prompt import Message, Prompt, Reasoning, ResponseFormat, Text, Tool, ToolChoice
from app.errors import InvalidRequest, NotFound, UnsupportedField
from app.plan.traits import FORGOTTEN
from app.stages.heal import Heal
from tests.unit.stages.upstreams import ANSWER, FixedPlanner, Scripted, call, plan, taken

FULL: dict[str, Any] = {
    "temperature": 0.5, "top_p": 0.5, "stop": ("a",), "cache_points": True, "tools": (Tool("f", strict=True),),
    "tool_choice": ToolChoice("any"), "text_format": ResponseFormat("json_schema", {}), "service_tier": "flex",
    "max_tokens": 9000, "reasoning": True, "messages": (Message("assistant", (Reasoning("hm", "sig"),)),),
}  # fmt: skip


def refusal(quirk: str) -> UnsupportedField:
    return UnsupportedField(f"no {quirk}", quirk=quirk)


async def test_a_refused_field_is_left_out_and_remembered() -> None:
    upstream, planner, of = Scripted([refusal("temperature")], ANSWER), FixedPlanner(), call()
    assert await taken(Heal(upstream, planner), plan(temperature=0.5), of) == ANSWER
    assert planner.quirks == [frozenset({"temperature"})]
    assert planner.learned == {"temperature"}
    assert (of.receipt.retries, dict(of.receipt.repairs)) == (1, {"unsupported-temperature": 1})


async def test_a_value_that_is_refused_spoils_the_field_for_nobody_else() -> None:
    refused = UnsupportedField("stop: at most 4 are allowed", quirk="stop", of_value=True)
    upstream, planner = Scripted([refused], ANSWER), FixedPlanner()
    assert await taken(Heal(upstream, planner), plan(**FULL), call()) == ANSWER
    assert planner.quirks == [frozenset({"stop"})]
    assert planner.learned == set()


async def test_several_fields_are_refused_one_at_a_time() -> None:
    upstream = Scripted([refusal("top_p")], [refusal("cache_points")], [refusal("max_tokens:4096")], ANSWER)
    planner, of = FixedPlanner(plan(**FULL)), call()
    assert await taken(Heal(upstream, planner), plan(**FULL), of) == ANSWER
    assert dict(of.receipt.repairs) == {"unsupported-cache-points-max-tokens-top-p": 1}
    assert planner.quirks[-1] == {"top_p", "cache_points", "max_tokens:4096"}


async def test_a_model_that_refuses_everything_is_given_up() -> None:
    upstream = Scripted(*([refusal(quirk)] for quirk in ("temperature", "top_p", "stop", "strict", "effort")))
    planner = FixedPlanner(plan(**FULL))
    with pytest.raises(InvalidRequest):
        await taken(Heal(upstream, planner), plan(**FULL), call())
    assert len(upstream.plans) == upstream.closed == 4
    assert planner.learned == set(), "nothing is learned from a request that never succeeded"


async def test_the_same_refusal_twice_is_told() -> None:
    upstream = Scripted([refusal("stop")])
    with pytest.raises(UnsupportedField):
        await taken(Heal(upstream, FixedPlanner(plan(**FULL))), plan(**FULL), call())
    assert len(upstream.plans) == 2


async def test_reasoning_that_is_refused_twice_is_dropped_altogether_and_nothing_is_remembered() -> None:
    upstream = Scripted([refusal("reasoning_replay")], [refusal("reasoning_replay")], ANSWER)
    planner = FixedPlanner(plan(**FULL))
    assert await taken(Heal(upstream, planner), plan(**FULL), call()) == ANSWER
    assert planner.quirks == [{"reasoning_replay"}, {"reasoning_replay", "reasoning_history"}]
    assert planner.learned <= FORGOTTEN


async def test_a_refusal_of_reasoning_where_none_was_sent_turns_it_off_for_this_request() -> None:
    upstream, made = Scripted([refusal("reasoning_replay")], ANSWER), plan(reasoning=True)
    planner = FixedPlanner(made)
    assert await taken(Heal(upstream, planner), made, call()) == ANSWER
    assert planner.quirks == [{"reasoning_missing"}]
    assert planner.learned <= FORGOTTEN


async def test_after_the_first_byte_nothing_is_mended() -> None:
    upstream = Scripted([ANSWER[0], refusal("stop")])
    with pytest.raises(UnsupportedField):
        await taken(Heal(upstream, FixedPlanner()), plan(**FULL), call())
    assert len(upstream.plans) == 1


@pytest.mark.parametrize(
    "quirk", [*sorted(set(QUIRKS) - {"max_tokens", "profile", "effort", "betas"}), "max_tokens:4096", "max_tokens:9999"]
)
async def test_a_field_that_was_not_sent_is_not_left_out(quirk: str) -> None:
    about_messages = {"prefill", "system_role", "system_prompt", "tool_result_images"}
    for made, sent in ((plan(**FULL), quirk != "max_tokens:9999"), (plan(whole=True), quirk in about_messages)):
        upstream = Scripted([refusal(quirk)], ANSWER)
        if sent:
            assert await taken(Heal(upstream, FixedPlanner()), made, call()) == ANSWER
        else:
            with pytest.raises(UnsupportedField):
                await taken(Heal(upstream, FixedPlanner()), made, call())


async def test_an_effort_that_was_asked_may_be_refused() -> None:
    made = plan()
    made = replace(made, prompt=Prompt("m", (Message("user", (Text("a"),)),), effort="max"))
    assert await taken(Heal(Scripted([refusal("effort")], ANSWER), FixedPlanner()), made, call()) == ANSWER


@pytest.mark.parametrize(
    ("quirk", "made", "learned"),
    [
        ("temperature", plan(temperature=0.5), True),
        ("temperature", plan(temperature=0.5, reasoning=True), False),
        ("stop", plan(stop=("a",), reasoning=True), True),
        ("stop", replace(plan(stop=("a",)), prompt=Prompt("m", (), extra_fields={"thinking": {}})), False),
    ],
)
async def test_one_clients_fields_do_not_spoil_a_model_for_all(quirk: str, made: Any, learned: bool) -> None:
    planner = FixedPlanner()
    assert await taken(Heal(Scripted([refusal(quirk)], ANSWER), planner), made, call()) == ANSWER
    assert planner.learned == ({quirk} if learned else set())


async def test_a_model_that_needs_a_profile_nobody_has_is_not_found() -> None:
    upstream = Scripted([refusal("profile")])
    with pytest.raises(NotFound) as caught:
        await taken(Heal(upstream, FixedPlanner(known=frozenset({"profile"}))), plan(), call())
    assert caught.value.code == "model_not_found"
    assert await taken(Heal(Scripted([refusal("profile")], ANSWER), FixedPlanner()), plan(), call()) == ANSWER
