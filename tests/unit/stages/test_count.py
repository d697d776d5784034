"""Tokens counted by Bedrock, or estimated and marked so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.plan import Plan
from app.core.ports import Call, TokenCount
from app.core.prompt import Blob, Media, Message, Text, ToolResult
from app.errors import RateLimited
from app.stages.count import Counter
from app.stages.estimate import likely_tokens
from tests.unit.plan.planning import NOVA, SONNET_45, asked, call, planned


class Says:
    def __init__(self, answer: int | Exception) -> None:
        self.answer = answer
        self.asked = 0

    async def count(self, plan: Plan, call: Call) -> int:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_bedrock_is_asked_where_it_counts() -> None:
    bedrock = Says(42)
    assert await Counter(bedrock).count(planned(asked(SONNET_45))[0], call()) == TokenCount(42, False)
    assert (await Counter(bedrock).count(planned(asked(NOVA))[0], call())).estimated
    assert bedrock.asked == 1


async def test_a_refusal_leaves_an_estimate() -> None:
    plan, _ = planned(asked(SONNET_45))
    assert await Counter(Says(RateLimited("no"))).count(plan, call()) == TokenCount(likely_tokens(plan), True)


async def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        await Counter(Says(KeyError("x"))).count(planned(asked(SONNET_45))[0], call())


def test_an_estimate_is_likely_and_grows() -> None:
    plan, _ = planned(asked(NOVA, {"role": "user", "content": "word " * 700}))
    assert 700 <= likely_tokens(plan) <= 1400
    picture = Media("image", Blob("AAAA", 3))
    turn = Message("user", (ToolResult("t", (picture, Text("a"))), picture))
    assert likely_tokens(replace(plan, messages=(turn,))) > 3200
    assert likely_tokens(replace(plan, messages=())) == 1
