"""CountTokens over the emulator: the request Converse would get, without what is not counted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.core.plan import Plan
from app.errors import GatewayError, UpstreamFailure
from app.upstreams.aws import Aws
from app.upstreams.counting import ConverseCounter, to_count_body, to_count_path
from local.emulator import Emulator
from tests.unit.plan.planning import NOVA, SONNET_45, WEATHER, asked, call, planned
from tests.wire.gateway import environment


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    running.reset()
    return running


async def counted(emulator: Emulator, plan: Plan) -> int:
    with ThreadPoolExecutor(1) as executor:
        return await ConverseCounter(Aws(environment(emulator.url)).runtime, executor).count(plan, call())


def plan_of(model: str = SONNET_45, text: str = "Hello there") -> Plan:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    return planned(asked(model, *messages, tools=[WEATHER], reasoning_effort="low", max_tokens=3000))[0]


def test_only_what_is_counted_is_sent() -> None:
    plan = plan_of()
    assert plan.target.model_id.startswith("us.")
    assert to_count_path(plan) == "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens"
    sent = to_count_body(plan)["input"]["converse"]
    assert set(sent) == {"messages", "system", "toolConfig", "additionalModelRequestFields"}


async def test_the_count_is_bedrocks(emulator: Emulator) -> None:
    short, long = await counted(emulator, plan_of()), await counted(emulator, plan_of(text="Hello there " * 100))
    assert 0 < short < long


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"status": 429, "body": {"__type": "ThrottlingException", "message": "slow"}}, "rate_limit_exceeded"),
        ({"body": "<html>"}, "upstream_bad_answer"),
        ({"body": {"inputTokens": "5"}}, "upstream_bad_answer"),
        ({"body": [1]}, "upstream_bad_answer"),
    ],
)
async def test_what_is_no_count_is_an_error(emulator: Emulator, entry: dict[str, Any], code: str) -> None:
    emulator.script({"operation": "CountTokens"} | entry)
    with pytest.raises(GatewayError) as caught:
        await counted(emulator, plan_of())
    assert caught.value.code == code


async def test_a_model_that_is_not_counted_for_is_refused(emulator: Emulator) -> None:
    with pytest.raises(GatewayError):
        await counted(emulator, planned(asked(NOVA))[0])


async def test_nobody_there_is_an_error() -> None:
    with ThreadPoolExecutor(1) as executor:
        aws = Aws(environment("http://127.0.0.1:9"))
        with pytest.raises(UpstreamFailure):
            await ConverseCounter(aws.runtime, executor).count(plan_of(), call())
