"""What holds for every request and every known model."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.api.chat.decode import decode
from app.errors import GatewayError
from app.plan.reasoning import LEVELS
from tests.examples import examples
from tests.unit.api.chat.bodies import requests
from tests.unit.plan.planning import CHAT_MODELS, asked, complaints, planned

MODELS = st.sampled_from(CHAT_MODELS)
UNSURE = "anthropic.claude-mythos-5-1"
"""Sources disagree on whether it takes an effort; the gateway tries, and learns from the refusal."""


@settings(max_examples=examples(400), suppress_health_check=[HealthCheck.too_slow])
@given(model=MODELS, body=requests(ended=True), stream=st.booleans())
def test_what_is_planned_is_accepted(model: str, body: dict[str, Any], stream: bool) -> None:
    assume(not (model == UNSURE and "reasoning_effort" in body))
    try:
        plan, _ = planned(decode(body | {"model": model}).prompt, stream=stream)
        found = complaints(plan)
    except GatewayError:
        return
    assert found == []


@settings(deadline=None)
@given(model=MODELS, body=requests(), stream=st.booleans())
def test_planning_fails_in_no_other_way_than_it_may(model: str, body: dict[str, Any], stream: bool) -> None:
    with suppress(GatewayError):
        planned(decode(body | {"model": model}).prompt, stream=stream)


@settings(deadline=None)
@given(model=MODELS, effort=st.sampled_from(LEVELS), limit=st.none() | st.integers(1, 200_000))
def test_a_budget_is_below_the_limit_and_a_limit_is_never_needed(model: str, effort: str, limit: int | None) -> None:
    plan, _ = planned(asked(model, reasoning_effort=effort, max_tokens=limit))
    budget = plan.fields.get("thinking", {}).get("budget_tokens")
    if limit is None:
        assert plan.max_tokens is None
    if budget is not None:
        assert budget >= 1024
        assert plan.max_tokens is None or budget < plan.max_tokens
