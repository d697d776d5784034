"""What a key's own rules do to a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.access import Access
from app.core.plan import Plan, Target, Traits
from app.core.ports import Call, Caller
from app.core.prompt import Guardrail
from app.core.records import KeyRecord
from app.errors import InvalidRequest, PermissionDenied
from app.plan.access import OPEN, allows, by_profile, denied, matches
from app.plan.planner import ModelPlanner, Policy
from app.upstreams.converse.request import to_body
from local.rules import violations
from tests.unit.plan.planning import CHAT_MODELS, NOVA, SONNET_45, asked, finish, no_profile, resolve, wire_id

SONNET = f"us.{SONNET_45}"
NOVA_2 = "amazon.nova-2-lite-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"


USUAL = Policy()


def planned(access: Access, model: str, policy: Policy = USUAL, **options: Any) -> tuple[Plan, Call]:
    call = Call("req_1", Caller("key-1", access=access), "chat.completions")
    return finish(ModelPlanner(resolve, no_profile, policy).plan(asked(model, **options), call, stream=False)), call


def test_callers_without_rules_share_one_object() -> None:
    assert Caller("a").access is OPEN is Caller("b", "name").access
    assert KeyRecord("k", "n").access == OPEN


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("us.anthropic.*", "us.anthropic.claude-opus-5", True),
        ("us.anthropic.*", "us-gov.anthropic.x", False),
        ("*", "", True),
        ("*haiku*", "eu.anthropic.claude-haiku-5-5", True),
        ("fast", "fast", True),
        ("fast", "Fast", False),
        ("fast", "faster", False),
        ("fas?", "fast", True),
        ("a.b", "aXb", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("[!a]*", "[!a]x", True),
        ("a|b", "b", False),
        ("x*", "x\ny", True),
    ],
)
def test_globs_know_stars_and_question_marks_and_nothing_else(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


def test_a_pattern_made_to_take_for_ever_does_not() -> None:
    assert not matches("*a" * 100, "a" * 99 + "b" * 2000)


@given(st.text(st.sampled_from("ab.*?[]!"), max_size=12), st.text(st.sampled_from("ab.[]!"), max_size=12))
def test_globs_mean_what_a_slow_reading_says(pattern: str, name: str) -> None:
    def slow(p: str, n: str) -> bool:
        if not p:
            return not n
        if p[0] == "*":
            return slow(p[1:], n) or (bool(n) and slow(p, n[1:]))
        return bool(n) and p[0] in ("?", n[0]) and slow(p[1:], n[1:])

    assert matches(pattern, name) == slow(pattern, name)


def test_no_globs_allow_everything_and_one_of_many_is_enough() -> None:
    assert allows((), "anything")
    assert allows(("a", "b*"), "x", "bc")
    assert not allows(("a", "b*"), "x", "ab")


def test_the_refusal_is_openais_and_shows_no_arn() -> None:
    problem = denied("x" * 500)
    assert (problem.status, problem.type, problem.code) == (403, "invalid_request_error", "model_not_found")
    assert problem.message == f"The key does not have access to model {'x' * 128!r}."
    assert "123456789012" not in denied(PROFILE).message


# Profiles


def test_a_keys_profile_is_called_and_rules_and_price_stay_those_of_the_model() -> None:
    target = Target(SONNET, SONNET_45, Traits(family="claude"))
    for pattern in (SONNET_45, SONNET, "us.*", "*claude*"):
        called = by_profile(target, Access(profiles={"nothing*": "arn:x", pattern: PROFILE, "*": "arn:y"}))
        assert called == replace(target, model_id=PROFILE, priced_id=SONNET)
    assert by_profile(target, Access(profiles={"eu.*": PROFILE})) is target


def test_a_profile_behind_an_arn_keeps_its_price_and_is_of_its_own_region_only() -> None:
    target = Target(
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x", SONNET_45, Traits(), "", "us.p"
    )
    assert by_profile(target, Access(profiles={"*": PROFILE})).priced_id == "us.p"
    assert by_profile(replace(target, priced_id=""), Access(profiles={"*": PROFILE})).priced_id == ""
    west = Target(SONNET, SONNET_45, Traits(), region="us-west-2")
    assert by_profile(west, Access(profiles={"*": PROFILE})) is west
    theirs = PROFILE.replace("us-east-1", "us-west-2")
    assert by_profile(west, Access(profiles={"*": theirs})).model_id == theirs


# The limit of an answer


@pytest.mark.parametrize(
    ("asked_for", "sent", "told"), [(None, 500, []), (200, 200, []), (500, 500, []), (9000, 500, ["max_tokens"])]
)
def test_the_cap(asked_for: int | None, sent: int, told: list[str]) -> None:
    options: dict[str, Any] = {} if asked_for is None else {"max_tokens": asked_for}
    plan, call = planned(Access(max_tokens=500), NOVA, **options)
    assert (plan.max_tokens, list(call.receipt.ignored)) == (sent, told)


def test_a_cap_below_what_the_model_takes_is_told() -> None:
    with pytest.raises(InvalidRequest, match="allows 0 tokens") as caught:
        planned(Access(max_tokens=0), NOVA)
    assert caught.value.param == "max_tokens"


@pytest.mark.parametrize(
    ("cap", "own", "sent", "repaired"),
    [
        (4000, {"type": "enabled", "budget_tokens": 3999}, 3999, None),
        (4000, {"type": "enabled", "budget_tokens": 4000}, 2000, "thinking-budget-lowered"),
        (1500, {"type": "enabled", "budget_tokens": 9000}, 1024, "thinking-budget-lowered"),
        (1024, {"type": "enabled", "budget_tokens": 9000}, None, "thinking-off"),
        (1024, {"type": "adaptive"}, None, None),
    ],
)
def test_a_clients_own_budget_for_thoughts_stays_below_the_cap(
    cap: int, own: dict[str, Any], sent: int | None, repaired: str | None
) -> None:
    plan, call = planned(Access(max_tokens=cap), SONNET_45, thinking=own)
    expected = own if sent is None else own | {"budget_tokens": sent}
    assert dict(plan.fields) == ({} if repaired == "thinking-off" else {"thinking": expected})
    assert plan.reasoning is (repaired != "thinking-off")
    assert (plan.max_tokens, dict(call.receipt.repairs)) == (cap, {repaired: 1} if repaired else {})


def test_an_effort_that_allows_no_limit_is_lowered_where_the_key_has_one() -> None:
    plan, call = planned(Access(max_tokens=500), NOVA_2, reasoning_effort="high")
    assert dict(plan.fields) == {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}
    assert (plan.max_tokens, call.receipt.repairs["effort-lowered"]) == (500, 1)
    assert list(call.receipt.ignored) == []
    plan, call = planned(Access(max_tokens=500), NOVA_2, reasoning_effort="medium")
    assert (plan.max_tokens, dict(call.receipt.repairs)) == (500, {})


def test_limits_among_a_clients_own_model_fields_are_left_out_and_told() -> None:
    own = {"max_gen_len": 9000, "inferenceConfig": {"maxTokens": 9000, "topK": 5}}
    plan, call = planned(Access(max_tokens=500), NOVA, additional_model_request_fields=own)
    assert dict(plan.fields) == {"inferenceConfig": {"topK": 5}}
    assert (plan.max_tokens, list(call.receipt.ignored)) == (
        500,
        ["additional_model_request_fields.max_gen_len", "additional_model_request_fields.maxTokens"],
    )
    assert own["inferenceConfig"] == {"maxTokens": 9000, "topK": 5}, "the client's own are as they were"


OWN_FIELDS = st.dictionaries(
    st.sampled_from(["max_tokens", "maxTokens", "inferenceConfig", "max_gen_len", "thinking", "top_k"]),
    st.integers(1, 10**6)
    | st.fixed_dictionaries({"maxTokens": st.integers(1, 10**6)})
    | st.fixed_dictionaries({"type": st.just("enabled"), "budget_tokens": st.integers(0, 10**6)}),
    max_size=3,
)


@given(
    model=st.sampled_from(CHAT_MODELS),
    cap=st.integers(16, 40_000),
    limit=st.none() | st.integers(1, 200_000),
    effort=st.none() | st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    own=OWN_FIELDS,
)
def test_nothing_a_client_says_gets_it_a_longer_answer(
    model: str, cap: int, limit: int | None, effort: str | None, own: dict[str, Any]
) -> None:
    call = Call("req_1", Caller("key-1", access=Access(max_tokens=cap)), "chat.completions")
    options: dict[str, Any] = {"max_tokens": limit} if limit else {}
    if effort:
        options["reasoning_effort"] = effort
    prompt = replace(asked(wire_id(model), **options), extra_fields=own)
    plan = finish(ModelPlanner(resolve, no_profile).plan(prompt, call, stream=False))
    assert plan.max_tokens is not None
    assert plan.max_tokens <= cap
    thinking = plan.fields.get("thinking")
    if isinstance(thinking, dict) and "budget_tokens" in thinking:
        assert thinking["budget_tokens"] < plan.max_tokens
    assert not {"max_tokens", "maxTokens", "max_gen_len"} & set(plan.fields)
    config = plan.fields.get("inferenceConfig")
    assert not isinstance(config, dict) or "maxTokens" not in config
    if not own and limit is None:
        body, _ = to_body(plan)
        assert violations(plan.target.model_id, body, streaming=False) == []


# Guardrail, tier


THEIRS, OURS, GATEWAYS = Guardrail("theirs", "1"), Guardrail("keys", "2"), Guardrail("gateways", "3")


@pytest.mark.parametrize("override", [False, True])
def test_a_keys_guardrail_goes_before_all_others_and_cant_be_replaced(override: bool) -> None:
    policy = Policy(guardrail=GATEWAYS, guardrail_override=override)
    access = Access(guardrail=OURS)
    assert planned(access, NOVA, policy)[0].guardrail == OURS
    prompt = replace(asked(NOVA), guardrail=THEIRS)
    call = Call("req_1", Caller("key-1", access=access), "chat.completions")
    with pytest.raises(PermissionDenied):
        finish(ModelPlanner(resolve, no_profile, policy).plan(prompt, call, stream=False))
    same = replace(prompt, guardrail=OURS)
    assert finish(ModelPlanner(resolve, no_profile, policy).plan(same, call, stream=False)).guardrail == OURS


@pytest.mark.parametrize(
    ("asked_for", "keys", "sent", "traffic"),
    [
        (None, "", "", "realtime"),
        (None, "flex", "flex", "flex"),
        ("auto", "flex", "flex", "flex"),
        ("default", "flex", "default", "realtime"),
        ("priority", "flex", "priority", "realtime"),
        ("flex", "", "flex", "flex"),
        (None, "scale", "reserved", "realtime"),
    ],
)
def test_the_requests_tier_goes_before_the_keys(asked_for: str | None, keys: str, sent: str, traffic: str) -> None:
    options: dict[str, Any] = {} if asked_for is None else {"service_tier": asked_for}
    plan, call = planned(Access(tier=keys), NOVA, **options)
    assert (plan.service_tier, call.traffic) == (sent, traffic)


def test_a_tier_of_ours_that_a_model_refuses_is_left_out_and_not_called_the_clients() -> None:
    call = Call("req_1", Caller("key-1", access=Access(tier="flex")), "chat.completions")
    planner = ModelPlanner(resolve, no_profile, Policy(strict=True))
    plan = finish(planner.plan(asked(NOVA), call, stream=False, quirks=frozenset({"service_tier"})))
    assert (plan.service_tier, call.traffic, list(call.receipt.ignored)) == ("", "realtime", [])


@pytest.mark.parametrize("keys", ["", "flex"])
def test_what_comes_out_of_a_batch_stays_batch_traffic_whatever_its_tier(keys: str) -> None:
    call = Call("req_1", Caller("key-1", access=Access(tier=keys)), "chat.completions", traffic="batch")
    plan = finish(ModelPlanner(resolve, no_profile).plan(asked(NOVA), call, stream=False))
    assert (plan.service_tier, call.traffic) == (keys, "batch")


def test_the_receipt_and_the_metadata_say_who_and_what() -> None:
    plan, call = planned(OPEN, NOVA)
    assert call.receipt.target is not None
    assert (call.receipt.target.model_id, call.receipt.route) == (NOVA, "")
    assert dict(plan.metadata) == {"gateway_key": "key-1", "gateway_project": "proj_default"}
