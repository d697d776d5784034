"""One quick second try, where the first got nowhere."""

from __future__ import annotations

import pytest

from app.errors import GatewayError, RateLimited, UpstreamFailure
from app.stages.retry import LONGEST_WAIT, Retry
from tests.unit.stages.upstreams import ANSWER, Scripted, call, plan, taken

BUSY = UpstreamFailure("busy", status=503, code="service_unavailable")
waits: list[float] = []


async def sleep(seconds: float) -> None:
    waits.append(seconds)


async def test_a_busy_host_is_tried_once_more() -> None:
    upstream, of = Scripted([BUSY], ANSWER), call()
    assert await taken(Retry(upstream, sleep), plan(), of) == ANSWER
    assert of.receipt.retries == 1
    assert 0 <= waits[-1] <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("script", "tries"),
    [
        ([BUSY], 2),
        ([ANSWER[0], BUSY], 1),
        ([UpstreamFailure("slow", status=504, code="upstream_timeout")], 1),
        ([UpstreamFailure("no", code="service_unavailable", should_retry=False)], 1),
        ([RateLimited("slow down")], 1),
    ],
)
async def test_what_is_told_at_once(script: list[BaseException], tries: int) -> None:
    upstream = Scripted(script)
    with pytest.raises(GatewayError):
        await taken(Retry(upstream, sleep), plan(), call())
    assert (len(upstream.plans), upstream.closed) == (tries, tries)
