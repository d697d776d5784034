"""A prompt becomes a plan: the model, the policy, and the receipt of what was changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.access import Access
from app.core.plan import Target, Traits
from app.core.ports import Call, Caller
from app.core.prompt import CachePoint, Guardrail, Message, Prompt, Text, Tool
from app.errors import InvalidRequest, PermissionDenied
from app.plan.lessons import LEARNED_SECONDS, RecentLessons
from app.plan.metadata import request_metadata
from app.plan.planner import ModelPlanner, Policy
from tests.unit.plan.planning import (
    NOVA,
    SONNET_45,
    WEATHER,
    asked,
    call,
    finish,
    no_profile,
    planned,
    planner,
    resolve,
)

OWN = Guardrail("ours", "1")
POINTED = {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral", "ttl": "1h"}}


def test_the_receipt_says_what_was_called_and_what_was_ignored() -> None:
    plan, made = planned(asked(SONNET_45, seed=7))
    assert made.receipt.model == plan.target.model_id == f"us.{SONNET_45}"
    assert list(made.receipt.ignored) == ["seed"]
    assert plan.response_paths == ("/stop_sequence", "/usage")


def test_strict_answers_400_where_a_parameter_would_be_ignored() -> None:
    with pytest.raises(InvalidRequest) as caught:
        planned(asked(NOVA, seed=7), policy=Policy(strict=True))
    assert (caught.value.param, caught.value.code) == ("seed", "unsupported_parameter")
    planned(asked(NOVA), policy=Policy(strict=True))


@pytest.mark.parametrize(
    ("policy", "asked_for", "expected"),
    [
        (Policy(), None, None),
        (Policy(guardrail=OWN), None, OWN),
        (Policy(), {"guardrailIdentifier": "theirs"}, Guardrail("theirs", "DRAFT")),
        (Policy(guardrail=OWN), {"guardrailIdentifier": "ours", "guardrailVersion": "1"}, OWN),
        (
            Policy(guardrail=OWN, guardrail_override=True),
            {"guardrailIdentifier": "theirs"},
            Guardrail("theirs", "DRAFT"),
        ),
    ],
)
def test_guardrails(policy: Policy, asked_for: Any, expected: Guardrail | None) -> None:
    assert planned(asked(NOVA, guardrail_config=asked_for), policy=policy)[0].guardrail == expected


def test_a_request_cannot_replace_the_operators_guardrail() -> None:
    with pytest.raises(PermissionDenied) as caught:
        planned(asked(NOVA, guardrail_config={"guardrailIdentifier": "x"}), policy=Policy(guardrail=OWN))
    assert caught.value.param == "guardrail_config"


@pytest.mark.parametrize(
    ("model", "options", "policy", "expected"),
    [
        (SONNET_45, {}, Policy(), (True, False, "")),
        (SONNET_45, {"tools": [WEATHER]}, Policy(), (True, True, "")),
        (SONNET_45, {"tools": [WEATHER]}, Policy(cache_auto=False), (True, False, "")),
        (SONNET_45, {"prompt_cache_key": "k"}, Policy(cache_auto=False), (True, True, "")),
        (SONNET_45, {"prompt_cache_retention": "24h"}, Policy(), (True, True, "1h")),
        (NOVA, {"prompt_cache_retention": "24h"}, Policy(), (True, True, "")),
        (SONNET_45, {"tools": [WEATHER]}, Policy(cache_ttl="1h"), (True, True, "1h")),
        (NOVA, {"tools": [WEATHER]}, Policy(cache_ttl="1h"), (True, True, "")),
        (SONNET_45, {"extra_body": {"prompt_caching": False}, "tools": [WEATHER]}, Policy(), (False, False, "")),
        ("qwen.qwen3-32b-v1:0", {"prompt_cache_key": "k"}, Policy(), (False, False, "")),
    ],
)
def test_caching(model: str, options: dict[str, Any], policy: Policy, expected: tuple[bool, bool, str]) -> None:
    plan, _ = planned(asked(model, **options), policy=policy)
    assert (plan.cache_points, plan.cache_auto, plan.cache_ttl) == expected


@pytest.mark.parametrize(("own", "deployment", "expected"), [("1h", "", "1h"), ("5m", "1h", ""), ("", "1h", "1h")])
def test_a_keys_own_time_to_live_of_cache_points_goes_before_the_deployments(
    own: str, deployment: str, expected: str
) -> None:
    call = Call("r", Caller("k", access=Access(prompt_cache_ttl=own)), "chat.completions")
    prompt = asked(SONNET_45, tools=[WEATHER])
    plan = finish(planner(Policy(cache_ttl=deployment)).plan(prompt, call, stream=False))
    assert plan.cache_ttl == expected


def test_a_second_user_turn_is_a_conversation_worth_caching() -> None:
    turns = [{"role": role, "content": "a"} for role in ("user", "assistant", "user")]
    assert planned(asked(SONNET_45, *turns))[0].cache_auto


@pytest.mark.parametrize(
    ("model", "ignored"), [("qwen.qwen3-32b-v1:0", ["cache_control"]), (SONNET_45, []), (NOVA, [])]
)
def test_points_a_model_refuses_are_told(model: str, ignored: list[str]) -> None:
    assert list(planned(asked(model, {"role": "user", "content": [POINTED]}))[1].receipt.ignored) == ignored
    tools = (Tool("f", cache=CachePoint()),)
    prompt = Prompt(model, (Message("user", (Text("a"),)),), tools)
    assert list(planned(prompt)[1].receipt.ignored) == ignored


@pytest.mark.parametrize(
    ("tier", "sent"),
    [(None, ""), ("auto", ""), ("default", "default"), ("flex", "flex"), ("priority", "priority"), ("fast", "priority"),
     ("scale", "reserved")],
)  # fmt: skip
def test_service_tiers(tier: str | None, sent: str) -> None:
    assert planned(asked(NOVA, service_tier=tier))[0].service_tier == sent


def test_a_tier_that_was_refused_is_left_out_and_told() -> None:
    plan, made = planned(asked(NOVA, service_tier="flex"), quirks=frozenset({"service_tier"}))
    assert (plan.service_tier, list(made.receipt.ignored)) == ("", ["service_tier"])


def test_web_search_is_the_models_own_or_none_at_all() -> None:
    plan, _ = planned(asked("amazon.nova-2-lite-v1:0", web_search_options={}), stream=True)
    assert (plan.grounding, plan.whole) == (True, True)
    with pytest.raises(InvalidRequest) as caught:
        planned(asked(NOVA, web_search_options={}))
    assert caught.value.param == "web_search_options"
    wish = replace(asked(NOVA, web_search_options={}), grounding_else="web_search")
    plan, call = planned(wish, stream=True)
    assert (plan.grounding, plan.whole, list(call.receipt.ignored)) == (False, False, ["web_search"])


def test_a_clients_model_fields_are_merged_into_ours() -> None:
    plan, _ = planned(asked(NOVA, top_k=5, additional_model_request_fields={"inferenceConfig": {"a": 1}, "b": [2]}))
    assert plan.fields == {"inferenceConfig": {"topK": 5, "a": 1}, "b": [2]}
    plan, _ = planned(asked(NOVA, top_k=5, additional_model_request_fields={"inferenceConfig": None}))
    assert plan.fields == {"inferenceConfig": None}


def test_latency_goes_through() -> None:
    assert planned(asked(NOVA, performance_config={"latency": "optimized"}))[0].latency == "optimized"


def test_what_a_model_refused_is_remembered_for_it_alone() -> None:
    mine = planner()
    target = finish(resolve(SONNET_45))
    assert finish(mine.learn(target, "temperature"))
    assert not finish(mine.learn(target, "temperature"))
    prompt = asked(SONNET_45, temperature=0.5)
    assert finish(mine.plan(prompt, call(), stream=False)).temperature is None
    assert finish(mine.plan(asked(NOVA, temperature=0.5), call(), stream=False)).temperature == 0.5


def test_a_model_is_asked_again_after_a_while() -> None:
    now = [0.0]
    mine = ModelPlanner(resolve, no_profile, lessons=RecentLessons(lambda: now[0]))
    finish(mine.learn(finish(resolve(NOVA)), "temperature"))
    prompt = asked(NOVA, temperature=0.5)
    for now[0], sent in ((LEARNED_SECONDS - 1, None), (LEARNED_SECONDS + 1, 0.5)):
        assert finish(mine.plan(prompt, call(), stream=False)).temperature == sent
    assert finish(mine.learn(finish(resolve(NOVA)), "temperature"))


def test_what_was_one_requests_fault_is_not_held_against_the_next() -> None:
    mine = planner()
    target = finish(resolve(SONNET_45))
    assert finish(mine.learn(target, "reasoning_replay"))
    assert finish(mine.learn(target, "reasoning_replay"))
    assert finish(mine.plan(asked(SONNET_45, reasoning_effort="low"), call(), stream=False)).reasoning


@pytest.mark.parametrize(("profile", "again"), [("us.m", True), (None, False)])
def test_a_model_that_needs_a_profile_is_tried_again_only_where_there_is_one(profile: str | None, again: bool) -> None:
    async def profile_for(base: str) -> str | None:
        return profile

    mine = ModelPlanner(resolve, profile_for)
    assert finish(mine.learn(Target("m", "m", Traits()), "profile")) is again


def test_metadata_says_who_asked_within_awss_limits() -> None:
    given = {
        "team": "a'b",
        "gateway_key": "forged",
        "gateway_project": "x",
        " ": "x",
        "user_hash": "x",
        "x" * 300: "y" * 300,
    }
    pairs = request_metadata("key-1", "proj_1", given, "ann@example.com")
    assert (pairs["gateway_key"], pairs["gateway_project"]) == ("key-1", "proj_1")
    assert pairs["team"] == "a_b"
    assert len(pairs["user_hash"]) == 32
    assert pairs["x" * 256] == "y" * 256
    assert "ann" not in str(pairs)
    assert " " not in pairs
    assert len(request_metadata("k", "p", {f"n{number}": "v" for number in range(40)}, "u")) == 16
    assert request_metadata("k", "p", {}, "") == {"gateway_key": "k", "gateway_project": "p"}
