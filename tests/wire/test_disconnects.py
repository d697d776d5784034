"""A client that goes away: its thread and connection are freed at once, or the answer is read to its end and counted.

The choice is ON_DISCONNECT.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_core import to_json

from local.emulator import Emulator
from tests.wire.gateway import NOVA, TITAN, Gateway, chat, eventually, pump_threads, serving, stalled
from tests.wire.raw import connected, read_until, request


@pytest.fixture
def draining(emulator: Emulator) -> Iterator[Gateway]:
    with serving(emulator.url, on_disconnect="drain") as gateway:
        yield gateway


def asked(emulator: Emulator, count: int = 1) -> None:
    """Wait until Bedrock has been asked."""
    eventually(lambda: len(emulator.requests) >= count, f"{count} requests to Bedrock")


def assert_freed(gateway: Gateway, emulator: Emulator, upstream_calls: int = 1) -> None:
    eventually(lambda: all(entry.hung_up for entry in emulator.requests), "Bedrock sees the connection close", 3)
    eventually(lambda: pump_threads() == 0, "no thread waits for Bedrock", 3)
    assert len(emulator.requests) == upstream_calls
    (record,) = gateway.records()
    assert record.outcome == "disconnected"


SILENT: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", chat("Hello [[emulate: hang]]")),
    ("/v1/chat/completions", chat("Hello [[emulate: hang]]", stream=True)),
    ("/v1/completions", {"model": NOVA, "prompt": "Hello [[emulate: hang]]"}),
    ("/v1/completions", {"model": NOVA, "prompt": "Hello [[emulate: hang]]", "stream": True}),
]


@pytest.mark.parametrize(("path", "body"), SILENT, ids=["chat", "chat-stream", "legacy", "legacy-stream"])
def test_a_client_that_leaves_before_bedrock_answers_frees_everything(
    gateway: Gateway, emulator: Emulator, path: str, body: dict[str, Any]
) -> None:
    with connected(gateway) as connection:
        connection.sendall(request(to_json(body), path=path))
        asked(emulator)
    assert_freed(gateway, emulator)


@pytest.mark.parametrize("stream", [False, True])
def test_all_choices_are_given_up(gateway: Gateway, emulator: Emulator, stream: bool) -> None:
    with connected(gateway) as connection:
        connection.sendall(request(to_json(chat("Hello [[emulate: hang]]", n=3, stream=stream))))
        asked(emulator, 3)
    assert_freed(gateway, emulator, 3)


def test_a_client_that_leaves_in_the_middle_of_a_stream_frees_everything(gateway: Gateway, emulator: Emulator) -> None:
    with connected(gateway) as connection:
        connection.sendall(request(to_json(chat("one two three [[emulate: hang after=2]]", stream=True))))
        read_until(connection, b'"content":"You')
    assert_freed(gateway, emulator)


def test_a_reset_connection_counts_as_leaving(gateway: Gateway, emulator: Emulator) -> None:
    with connected(gateway) as connection:
        connection.sendall(request(to_json(chat("one two three [[emulate: hang after=2]]", stream=True))))
        read_until(connection, b'"content":"You')
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert_freed(gateway, emulator)


def test_an_abandoned_embedding_frees_everything(gateway: Gateway, emulator: Emulator) -> None:
    emulator.script({"operation": "InvokeModel", "status": 200, "wait": 60, "body": {}})
    with connected(gateway) as connection:
        connection.sendall(request(to_json({"model": TITAN, "input": "Hello"}), path="/v1/embeddings"))
        asked(emulator)
    assert_freed(gateway, emulator)


def test_a_client_that_stops_reading_and_leaves_frees_everything(gateway: Gateway, emulator: Emulator) -> None:
    with connected(gateway) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request(to_json(chat("go [[emulate: tokens=60000]]", stream=True))))
        read_until(connection, b"data:")
        stalled(emulator)
    eventually(lambda: pump_threads() == 0, "no thread waits for Bedrock", 3)
    assert gateway.records()[0].outcome == "disconnected"


def test_the_next_client_is_served_after_many_that_left(gateway: Gateway, emulator: Emulator) -> None:
    for count in range(20):
        with connected(gateway) as connection:
            connection.sendall(request(to_json(chat("Hello [[emulate: hang]]", stream=count % 2 == 0))))
            asked(emulator, count + 1)
    eventually(lambda: pump_threads() == 0, "no thread waits for Bedrock", 5)
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
    outcomes = [record.outcome for record in gateway.records(21)]
    assert outcomes.count("disconnected") == 20


DRAINED = chat("count [[emulate: delay=0.01 tokens=30]]", stream=True)


@pytest.mark.parametrize("more", [{}, {"n": 2}], ids=["one", "two-choices"])
def test_a_drained_stream_is_read_to_its_end_and_counted_exactly(
    draining: Gateway, emulator: Emulator, more: dict[str, Any]
) -> None:
    with draining.client() as client:
        assert client.post("/v1/chat/completions", json=DRAINED | more).status_code == 200
    with connected(draining) as connection:
        connection.sendall(request(to_json(DRAINED | more)))
        read_until(connection, b"data:")
    whole, left = draining.records(2)
    assert (whole.outcome, left.outcome) == ("ok", "disconnected")
    assert left.usage == whole.usage
    assert left.usage.output >= 30
    assert left.finish is not None
    assert not any(entry.hung_up for entry in emulator.requests)


def test_a_drained_whole_answer_is_counted_exactly(draining: Gateway, emulator: Emulator) -> None:
    usage = {"inputTokens": 11, "outputTokens": 22, "totalTokens": 33}
    content = {"message": {"role": "assistant", "content": [{"text": "late"}]}}
    answer = {"output": content, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}}
    emulator.script({"operation": "Converse", "status": 200, "wait": 0.3, "body": answer})
    with connected(draining) as connection:
        connection.sendall(request(to_json(chat())))
        asked(emulator)
    (record,) = draining.records()
    assert (record.outcome, record.usage.input, record.usage.output) == ("disconnected", 11, 22)
    assert not emulator.requests[0].hung_up


def test_a_stream_left_before_its_first_event_is_drained_too(draining: Gateway, emulator: Emulator) -> None:
    events = [
        {"type": "messageStart", "payload": {"role": "assistant"}, "wait": 0.3},
        {"type": "contentBlockDelta", "payload": {"contentBlockIndex": 0, "delta": {"text": "hi"}}},
        {"type": "contentBlockStop", "payload": {"contentBlockIndex": 0}},
        {"type": "messageStop", "payload": {"stopReason": "end_turn"}},
        {
            "type": "metadata",
            "payload": {"usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}, "metrics": {"latencyMs": 1}},
        },
    ]
    emulator.script({"operation": "ConverseStream", "events": events})
    with connected(draining) as connection:
        connection.sendall(request(to_json(chat(stream=True))))
        asked(emulator)
    (record,) = draining.records()
    assert (record.outcome, record.usage.output) == ("disconnected", 7)


def test_a_drained_stream_that_breaks_is_an_error_in_the_record(draining: Gateway) -> None:
    body = chat("one two three [[emulate: delay=0.05]] [[emulate: cut after=4]]", stream=True)
    with connected(draining) as connection:
        connection.sendall(request(to_json(body)))
        read_until(connection, b"data:")
    (record,) = draining.records()
    assert (record.outcome, record.error_code) == ("error", "upstream_disconnected")


def test_a_slow_client_that_leaves_is_drained(draining: Gateway, emulator: Emulator) -> None:
    with connected(draining) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request(to_json(chat("go [[emulate: tokens=50000]]", stream=True))))
        read_until(connection, b"data:")
        stalled(emulator)
    eventually(lambda: draining.meter.records, "the record", 30)
    (record,) = draining.records()
    assert record.usage.output >= 50_000
