"""One limit decides how long an answer may be, wherever a client named it, and under a hard budget there always is one."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.access import Access
from app.core.plan import Plan
from app.core.ports import Call, Caller
from app.core.prompt import Prompt, Sampling, Thinking
from tests.unit.plan.planning import DEEPSEEK, NOVA, SONNET_45, asked, complaints, finish, planned, planner, prompt_of

NOVA_2 = "amazon.nova-2-lite-v1:0"
GLM = "zai.glm-5"
PREFIX = "additional_model_request_fields."


def limited(prompt: Prompt, limit: int | None, cap: int | None = None) -> tuple[Plan, Call]:
    """The plan under a hard budget that pays for `limit` tokens."""
    call = Call("req_1", Caller("key-1", access=Access(max_tokens=cap)), "chat.completions", output_limit=limit)
    return finish(planner().plan(prompt, call, stream=False)), call


@pytest.mark.parametrize("parameter", ["additional_model_request_fields", "extra_body"])
@pytest.mark.parametrize(
    ("outside", "inside", "limit", "ignored"),
    [
        ({"max_tokens": 1}, {"max_tokens": 64_000}, 1, [PREFIX + "max_tokens"]),
        ({"max_completion_tokens": 9}, {"inferenceConfig": {"maxTokens": 64_000}}, 9, [PREFIX + "maxTokens"]),
        ({"max_tokens": 9}, {"max_gen_len": 5}, 5, ["max_tokens"]),
        ({}, {"max_new_tokens": 5}, 5, []),
        ({"max_tokens": 5}, {"max_tokens": 5}, 5, []),
        ({}, {"max_tokens": "unlimited"}, None, [PREFIX + "max_tokens"]),
    ],
)
def test_a_limit_in_the_model_fields_does_not_replace_the_one_outside(
    parameter: str, outside: dict[str, Any], inside: dict[str, Any], limit: int | None, ignored: list[str]
) -> None:
    plan, call = planned(asked(NOVA, **outside, **{parameter: inside}))
    assert (plan.max_tokens, dict(plan.fields), list(call.receipt.ignored)) == (limit, {}, ignored)
    assert call.receipt.max_tokens is None, "named under a hard budget only"


def test_a_budget_for_thoughts_stays_below_the_limit_that_remains() -> None:
    own = {"type": "enabled", "budget_tokens": 32_000}
    prompt = asked(SONNET_45, max_tokens=2000, thinking=own, extra_body={"max_tokens": 64_000})
    plan, call = planned(prompt)
    assert (plan.max_tokens, plan.fields["thinking"]["budget_tokens"]) == (2000, 1024)
    assert call.receipt.repairs["thinking-budget-lowered"] == 1
    assert complaints(plan) == []


@pytest.mark.parametrize("model", [NOVA, SONNET_45, DEEPSEEK])
def test_under_a_hard_budget_what_was_reserved_is_sent(model: str) -> None:
    plan, call = limited(asked(model), 3000)
    assert (plan.max_tokens, call.receipt.max_tokens) == (3000, 3000)
    assert (list(call.receipt.ignored), dict(call.receipt.repairs), complaints(plan)) == ([], {}, [])


@pytest.mark.parametrize(
    ("model", "options", "limit", "cap", "sent"),
    [
        (NOVA, {}, 32_000, None, 10_000),  # the most the model can say
        (NOVA, {}, 3000, 500, 500),
        (NOVA, {}, 500, 3000, 500),
        (NOVA, {"max_tokens": 16}, 16, None, 16),
        (NOVA, {"max_tokens": 900, "extra_body": {"max_tokens": 300}}, 300, None, 300),
        (NOVA, {"max_tokens": 900}, 400, 400, 400),
    ],
)
def test_a_hard_budgets_limit_joins_the_others(
    model: str, options: dict[str, Any], limit: int, cap: int | None, sent: int
) -> None:
    plan, call = limited(asked(model, **options), limit, cap)
    assert (plan.max_tokens, call.receipt.max_tokens) == (sent, sent)


def test_a_tiny_limit_is_raised_to_what_the_model_takes() -> None:
    minimax = next(name for name in ("openai.gpt-5.4", GLM) if limited(asked(name, max_tokens=1), 1)[0].max_tokens != 1)
    plan, call = limited(asked(minimax, max_tokens=1), 1)
    assert plan.max_tokens == plan.target.traits.min_max_tokens == call.receipt.max_tokens
    assert limited(asked(minimax), 1)[0].max_tokens == plan.target.traits.min_max_tokens


@pytest.mark.parametrize("options", [{}, {"max_tokens": 9000}])
def test_an_effort_that_allows_no_limit_is_lowered_under_a_hard_budget(options: dict[str, Any]) -> None:
    plan, call = limited(asked(NOVA_2, reasoning_effort="high", **options), 9000)
    assert plan.fields["reasoningConfig"]["maxReasoningEffort"] == "medium"
    assert (plan.max_tokens, call.receipt.repairs["effort-lowered"]) == (9000, 1)
    assert "max_tokens" not in call.receipt.ignored


def test_a_budget_for_thoughts_shrinks_with_the_limit_and_is_reported() -> None:
    plan, call = limited(asked(SONNET_45, reasoning_effort="high"), 4096)
    assert plan.fields["thinking"]["budget_tokens"] == 2048
    assert call.receipt.repairs["thinking-budget-lowered"] == 1
    thinking = prompt_of(SONNET_45, thinking=Thinking("adaptive"), effort="high")
    plan, call = limited(thinking, 4096)
    assert plan.fields["thinking"]["budget_tokens"] == 2048
    assert call.receipt.repairs["thinking-budget-lowered"] == 1
    own = asked(SONNET_45, thinking={"type": "enabled", "budget_tokens": 30_000})
    plan, call = limited(own, 4096)
    assert plan.fields["thinking"]["budget_tokens"] == 2048
    assert call.receipt.repairs["thinking-budget-lowered"] == 1
    plan, call = limited(asked(SONNET_45, reasoning_effort="high"), 32_000)
    assert (plan.fields["thinking"]["budget_tokens"], dict(call.receipt.repairs)) == (4096, {})


def test_a_clients_own_limit_changes_no_budget_for_thoughts_silently() -> None:
    """What is lowered because of the client's own limit is as without a hard budget."""
    prompt = prompt_of(SONNET_45, thinking=Thinking("adaptive"), effort="high", sampling=Sampling(max_tokens=4096))
    with_budget, call = limited(prompt, 4096)
    without, other = limited(prompt, None)
    assert with_budget == without
    assert (call.receipt.repairs, call.receipt.ignored) == (other.receipt.repairs, other.receipt.ignored)
    assert (call.receipt.max_tokens, other.receipt.max_tokens) == (4096, None)
