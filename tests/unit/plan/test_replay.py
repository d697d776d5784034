"""Where thoughts of earlier turns may have to go back, and where nobody need look for them."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from app.core.prompt import Prompt
from app.plan.replay import may_replay
from tests.unit.plan.planning import CHAT_MODELS, HAIKU_55, NOVA, OPUS_55, SONNET_45, SONNET_46, asked, planned

ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc"


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        (SONNET_45, {}, False),
        (SONNET_45, {"effort": "none"}, False),
        (SONNET_45, {"effort": "low"}, True),
        (f"us.{SONNET_46}", {"effort": "low"}, True),
        (SONNET_45, {"extra_fields": {"thinking": {"type": "enabled"}}}, True),
        (NOVA, {"effort": "high"}, False),
        ("fast", {}, True),
        (ARN, {}, True),
        ("acme.rocket-v1", {}, True),
    ],
)
def test_it_is_told_from_the_request(model: str, options: Any, expected: bool) -> None:
    assert may_replay(Prompt(model, (), **options)) is expected


@pytest.mark.parametrize("model", sorted({*CHAT_MODELS, OPUS_55, HAIKU_55}))
def test_a_request_that_is_sent_signed_reasoning_may_replay_it(model: str) -> None:
    for effort, more in product((None, "none", "low"), ({}, {"thinking": {"type": "enabled", "budget_tokens": 1024}})):
        prompt = asked(model, **({"reasoning_effort": effort} if effort else {}), **more)
        plan, _ = planned(prompt)
        if plan.reasoning and plan.target.traits.replay == "signed":
            assert may_replay(prompt), (effort, more)
