"""Clients that send nothing, or too slowly, and more clients than the limit: closed or refused, and others are served."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from pydantic_core import to_json

from app.web.connections import SPARE_CONNECTIONS, ConnectionLimits
from local.emulator import Emulator
from tests.wire.gateway import NOVA, Gateway, chat, eventually, serving
from tests.wire.raw import connected, exchange, read_answer, refused, request

CHAT = "/v1/chat/completions"
POSTS = (CHAT, "/v1/completions", "/v1/responses", "/v1/embeddings")
MESSAGES = to_json({"model": NOVA, "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]})


@pytest.fixture
def hasty(emulator: Emulator) -> Iterator[Gateway]:
    with serving(emulator.url, limits=ConnectionLimits(body_grace=0.05)) as gateway:
        yield gateway


def silent(gateway: Gateway, count: int) -> contextlib.ExitStack:
    """Connections that send nothing, once the gateway has them."""
    before = gateway.connections
    stack = contextlib.ExitStack()
    for _ in range(count):
        stack.enter_context(connected(gateway))
    eventually(lambda: gateway.connections >= before + count, f"{count} connections")
    return stack


def test_a_connection_that_sends_nothing_is_closed(emulator: Emulator) -> None:
    with serving(emulator.url, limits=ConnectionLimits(head_timeout=0.05)) as gateway, connected(gateway) as connection:
        assert connection.recv(1000) == b""


def test_half_a_head_is_408(emulator: Emulator) -> None:
    with serving(emulator.url, limits=ConnectionLimits(head_timeout=2)) as gateway, connected(gateway) as connection:
        connection.sendall(b"POST /v1/models HTTP/1.1\r\nhost: x\r\nx-half: y")
        assert refused(read_answer(connection), 408)["code"] == "request_timeout"
        assert connection.recv(1000) == b""


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_408(hasty: Gateway, path: str, framing: str) -> None:
    with connected(hasty) as connection:
        connection.sendall(request(length=False, path=path, headers=(framing,)))
        assert refused(read_answer(connection), 408)["code"] == "request_timeout"
        assert connection.recv(1000) == b""


def test_a_slow_body_of_messages_is_refused_in_its_envelope(hasty: Gateway) -> None:
    with connected(hasty) as connection:
        connection.sendall(request(MESSAGES, path="/v1/messages")[:-1])
        answer = read_answer(connection)
    assert answer.status == 408
    assert answer.json()["type"] == "error"


def test_a_body_that_does_not_come_after_an_early_answer_ends_the_connection(hasty: Gateway) -> None:
    with connected(hasty) as connection:
        connection.sendall(request(length=False, headers=("Content-Length: 1000",)).replace(b"Bearer", b"Basic"))
        refused(read_answer(connection), 401)
        assert connection.recv(1000) == b""


def test_connections_beyond_the_limit_get_503(emulator: Emulator) -> None:
    with serving(emulator.url, limits=ConnectionLimits(max_connections=3)) as gateway:
        with silent(gateway, 3):
            for path in POSTS:
                answer = exchange(gateway, request(to_json(chat()), path=path))
                assert refused(answer, 503)["code"] == "too_many_connections"
                assert answer.values("retry-after") == ["1"]
                assert answer.values("connection") == ["close"]
            answer = exchange(gateway, request(MESSAGES, path="/v1/messages"))
            assert (answer.status, answer.json()["type"]) == (529, "error")  # overloaded_error
        eventually(lambda: gateway.connections == 0, "all connections are closed")
        assert exchange(gateway, request(to_json(chat()))).status == 200


def test_health_is_answered_beyond_the_limit(emulator: Emulator) -> None:
    with (
        serving(emulator.url, limits=ConnectionLimits(max_connections=2)) as gateway,
        silent(gateway, 2 + SPARE_CONNECTIONS) as flood,
    ):
        for _ in range(3):
            answer = exchange(gateway, request(method="GET", path="/health", headers=("Connection: keep-alive",)))
            assert answer.status == 200
            assert answer.values("connection") == ["close"]
            flood.enter_context(connected(gateway))
        eventually(lambda: gateway.connections <= 2 + SPARE_CONNECTIONS, "the oldest surplus connections are closed")


def test_a_websocket_beyond_the_limit_is_503(emulator: Emulator) -> None:
    headers = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    with serving(emulator.url, limits=ConnectionLimits(max_connections=1)) as gateway, silent(gateway, 1):
        data = request(method="GET", path="/v1/responses", headers=headers, length=False)
        assert exchange(gateway, data).status == 503
