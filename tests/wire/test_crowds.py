"""Many at once: nothing is lost, nobody waits for somebody else (C36)."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest

from local.emulator import Emulator
from tests.wire.gateway import Gateway, chat, eventually, frames, pump_threads, run, serving, text_of

STREAMS = 400


async def streamed(client: httpx.AsyncClient, body: dict[str, Any]) -> list[Any]:
    reply = await client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    return frames(reply.text)


def opened(gateway: Gateway) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    headers = dict(gateway.client().headers)
    return httpx.AsyncClient(base_url=gateway.url, headers=headers, limits=limits, timeout=60)


def test_four_hundred_streams_at_once_lose_nothing(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    async def main(gateway: Gateway) -> None:
        async with opened(gateway) as client:
            bodies = [
                chat(f"stream number {number} [[emulate: delay=0.02 tokens=40]]", stream=True)
                | {"stream_options": {"include_usage": True}}
                for number in range(STREAMS)
            ]
            answers = await asyncio.gather(*(streamed(client, body) for body in bodies))
        for chunks in answers:
            assert chunks[-1] == "[DONE]"
            assert chunks[-2]["usage"]["completion_tokens"] >= 40
            assert len(text_of(chunks)) >= 40
            assert [c["choices"][0]["finish_reason"] for c in chunks[:-2] if c["choices"][0]["finish_reason"]] == [
                "stop"
            ]

    with serving(emulator.url) as gateway:
        before = threading.active_count()
        run(main(gateway))
        records = gateway.records(STREAMS)
        assert {record.outcome for record in records} == {"ok"}
        assert len({record.call.request_id for record in records}) == STREAMS
        eventually(lambda: pump_threads() == 0, "no thread is busy")
        assert threading.active_count() <= before + STREAMS
    assert not [record for record in caplog.records if record.levelname == "WARNING"]  # of a pool that is too small


def test_more_requests_than_threads_wait_their_turn(emulator: Emulator) -> None:
    async def main(gateway: Gateway) -> None:
        async with opened(gateway) as client:
            bodies = [chat(f"number {number}", stream=number % 2 == 0) for number in range(40)]
            replies = await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for body in bodies))
            assert [reply.status_code for reply in replies] == [200] * 40

    with serving(emulator.url, max_concurrency=4) as gateway:
        run(main(gateway))
        gateway.records(40)


@pytest.mark.parametrize("marker", ["hang", "hang after=2"])
def test_stalled_streams_do_not_delay_another(gateway: Gateway, emulator: Emulator, marker: str) -> None:
    async def main() -> float:
        async with opened(gateway) as client:
            stalled = [
                asyncio.create_task(streamed(client, chat(f"a b c [[emulate: {marker}]]", stream=True)))
                for _ in range(5)
            ]
            while len(emulator.requests) < 5:  # noqa: ASYNC110  another thread fills it
                await asyncio.sleep(0.002)
            begun = time.perf_counter()
            chunks = await streamed(client, chat("x [[emulate: delay=0.01 tokens=20]]", stream=True))
            took = time.perf_counter() - begun
            assert chunks[-1] == "[DONE]"
            for task in stalled:
                task.cancel()
            await asyncio.gather(*stalled, return_exceptions=True)
            return took

    assert run(main()) < 1.5  # 0.2 s of tokens; generous, because CI shares its cores
    outcomes = [record.outcome for record in gateway.records(6)]
    assert outcomes.count("disconnected") == 5


def test_tokens_arrive_one_by_one_and_not_all_at_the_end(gateway: Gateway) -> None:
    with (
        gateway.client() as client,
        client.stream(
            "POST", "/v1/chat/completions", json=chat("x [[emulate: delay=0.05 tokens=10]]", stream=True)
        ) as reply,
    ):
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reply.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in reply.headers
        arrivals = [time.perf_counter() for piece in reply.iter_raw() if b"data:" in piece]
    assert arrivals[-1] - arrivals[0] > 0.3
    assert len(arrivals) >= 8
