"""Connections to Bedrock: kept, shared one after the other and never at once, and replaced when Bedrock dropped them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.upstreams.aws import Aws
from app.upstreams.exchange import Aborted, Exchange
from app.upstreams.http import LONGEST_IDLE
from local.emulator import Emulator
from tests.wire.gateway import NOVA, TITAN, chat, environment, eventually, serving


@pytest.fixture
def bedrock() -> Iterator[Emulator]:
    """An emulator of its own, whose connections are those of one gateway."""
    with Emulator() as emulator:
        yield emulator


def connections(emulator: Emulator) -> int:
    return len(emulator.connections)


def test_requests_one_after_another_share_a_connection(bedrock: Emulator) -> None:
    with serving(bedrock.url) as gateway, gateway.client() as client:
        for _ in range(5):
            assert client.post("/v1/chat/completions", json=chat()).status_code == 200
            assert "[DONE]" in client.post("/v1/chat/completions", json=chat(stream=True)).text
            assert client.post("/v1/embeddings", json={"model": TITAN, "input": "Hello"}).status_code == 200
        assert connections(bedrock) == 1
        assert len(bedrock.requests) == 15


def test_refusals_keep_the_connection(bedrock: Emulator) -> None:
    with serving(bedrock.url) as gateway, gateway.client() as client:
        for stream in (False, True) * 3:
            body = chat("Hello [[emulate: throttle]]", stream=stream)
            assert client.post("/v1/chat/completions", json=body).status_code == 429
        assert connections(bedrock) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_kept_connection_that_bedrock_closed_fails_no_request(bedrock: Emulator, stream: bool) -> None:
    with serving(bedrock.url) as gateway, gateway.client() as client:
        for _ in range(5):
            assert client.post("/v1/chat/completions", json=chat(stream=stream)).status_code == 200
            bedrock.drop_connections()
        gateway.records(5)


def test_embeddings_survive_a_closed_connection(bedrock: Emulator) -> None:
    with serving(bedrock.url) as gateway, gateway.client() as client:
        for _ in range(3):
            assert client.post("/v1/embeddings", json={"model": TITAN, "input": "Hello"}).status_code == 200
            bedrock.drop_connections()


def test_giving_up_a_finished_answer_leaves_the_next_request_on_that_connection_alone(bedrock: Emulator) -> None:
    endpoint = Aws(environment(bedrock.url)).runtime()
    path, body = f"/model/{NOVA}/converse-stream", b'{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}'
    headers = {"content-type": "application/json"}
    first, second = Exchange(), Exchange()

    answer = endpoint.post(path, body, dict(headers), first)
    while answer.read1(65536):  # the pool has the connection from the end of the body on
        pass
    later = endpoint.post(path, body, dict(headers), second)
    assert connections(bedrock) == 1
    first.close()  # the client of the first request leaves just now

    received = b""
    while data := later.read1(65536):
        received += data
    assert b"messageStop" in received


def test_a_request_given_up_before_it_was_sent_is_not_answered(emulator: Emulator) -> None:
    endpoint = Aws(environment(emulator.url)).runtime()
    exchange = Exchange()
    exchange.close()
    with pytest.raises(Aborted):
        endpoint.post(f"/model/{NOVA}/converse", b"{}", {}, exchange)


class Clock:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def time(self) -> float:
        return self.now


def test_a_connection_that_was_idle_for_long_is_not_trusted(bedrock: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function is frozen for minutes, and nobody can tell it that its connections are gone."""
    clock = Clock()
    monkeypatch.setattr("app.upstreams.http.time", clock)
    seen: list[Any] = []
    with serving(bedrock.url) as gateway, gateway.client() as client:
        for idle in (0, LONGEST_IDLE - 1, LONGEST_IDLE - 1, LONGEST_IDLE + 1, -LONGEST_IDLE - 1):
            clock.now += idle
            assert client.post("/v1/chat/completions", json=chat()).status_code == 200
            eventually(lambda: connections(bedrock) == 1, "one connection")
            seen += [each for each in bedrock.connections if each not in seen]
    assert len(seen) == 3
