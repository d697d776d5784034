"""A client that stops reading and stays connected: its connection is closed, and its answer is settled."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import Any

import pytest
import uvicorn
from pydantic_core import to_json

from local.emulator import Emulator
from tests.wire import gateway as wire
from tests.wire.gateway import NOVA, Gateway, chat, eventually, serving
from tests.wire.raw import request
from tests.wire.test_invocation import context
from tests.wire.web_socket import Socket

ENDLESS = "go [[emulate: tokens=100000]]"
"""More than the buffers of two kernels and the transport hold."""


@contextmanager
def unread(gateway: Gateway, body: Any, path: str = "/v1/chat/completions", *headers: str) -> Iterator[socket.socket]:
    """A connection whose client has read the beginning of the answer and reads no more."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(15)
        connection.connect(("127.0.0.1", gateway.port))
        connection.sendall(request(to_json(body), path=path, headers=headers))
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        yield connection


STREAMS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", chat(ENDLESS, stream=True)),
    ("/v1/completions", {"model": NOVA, "prompt": ENDLESS, "stream": True}),
    ("/v1/responses", {"model": NOVA, "input": ENDLESS, "stream": True}),
    (
        "/v1/messages",
        {
            "model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "max_tokens": 64_000,
            "stream": True,
            "messages": [{"role": "user", "content": ENDLESS}],
        },
    ),
]


@pytest.mark.parametrize(("path", "body"), STREAMS, ids=["chat", "legacy", "responses", "messages"])
def test_the_stream_of_a_client_that_does_not_read_is_settled_at_the_deadline(
    emulator: Emulator, path: str, body: dict[str, Any]
) -> None:
    with serving(emulator.url, aws_lambda_function_name=True) as gateway, gateway.client() as client:
        ends = time.time() + 4
        ((name, value),) = context(4).items()
        with unread(gateway, body, path, f"{name}: {value}"):
            (record,) = gateway.records()
            assert record.ended < ends
            assert client.post("/v1/chat/completions", json=chat(), headers=context(60)).status_code == 200
    assert (record.outcome, record.error_code, record.estimated) == ("error", "deadline_exceeded", True)
    assert record.usage.output > 0


def test_a_stream_whose_client_takes_no_byte_is_closed_and_settled(emulator: Emulator) -> None:
    with serving(emulator.url, client_stall_timeout=0.3) as gateway, unread(gateway, chat(ENDLESS, stream=True)):
        (record,) = gateway.records()
        assert (record.outcome, record.estimated) == ("disconnected", True)
        eventually(lambda: gateway.connections == 0, "the connection is closed")


def test_a_stream_whose_client_takes_no_byte_is_read_to_its_end_where_streams_are_drained(emulator: Emulator) -> None:
    settings: dict[str, Any] = {"client_stall_timeout": 0.3, "on_disconnect": "drain"}
    with serving(emulator.url, **settings) as gateway, unread(gateway, chat(ENDLESS, stream=True)):
        eventually(lambda: gateway.meter.records, "the record", 60)
        (record,) = gateway.records()
        assert (record.outcome, record.usage.output) == ("disconnected", 100_000)


def test_a_whole_answer_that_is_not_read_holds_no_connection(emulator: Emulator) -> None:
    text = "x" * 20_000_000
    usage = {"inputTokens": 11, "outputTokens": 22, "totalTokens": 33}
    content = {"message": {"role": "assistant", "content": [{"text": text}]}}
    answer = {"output": content, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}}
    emulator.script({"operation": "Converse", "status": 200, "body": answer})
    with serving(emulator.url, client_stall_timeout=0.3) as gateway, unread(gateway, chat()):
        (record,) = gateway.records()
        assert (record.outcome, record.usage.output) == ("ok", 22)
        eventually(lambda: gateway.connections == 0, "the connection is closed")


@pytest.mark.skipif(find_spec("wsproto") is None, reason="wsproto is not installed: ./dev lock")
def test_a_web_socket_whose_client_takes_no_byte_is_closed_and_settled(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    from app.web.socket_protocol import SocketProtocol

    made = uvicorn.Config
    monkeypatch.setattr(uvicorn, "Config", lambda *given, **named: made(*given, **named | {"ws": SocketProtocol}))
    with wire.serving(emulator.url, client_stall_timeout=0.3) as gateway, closing(Socket(gateway.port)) as ws:
        assert ws.hear() == "AcceptConnection"
        ws.say({"type": "response.create", "model": NOVA, "input": ENDLESS, "store": False})
        (record,) = gateway.records()
        assert record.outcome == "disconnected"
        eventually(lambda: gateway.connections == 0, "the connection is closed")
