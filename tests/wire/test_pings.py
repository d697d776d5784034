"""`: ping` into silence, from the first byte on and only between frames."""

from __future__ import annotations

from pydantic_core import to_json

from local.emulator import Emulator
from tests.wire.gateway import chat, frames, serving, stalled, text_of
from tests.wire.raw import connected, read_until, request

PING = b": ping\n\n"


def test_a_silent_stream_is_kept_alive(emulator: Emulator) -> None:
    with serving(emulator.url, ping_interval=0.05) as gateway, connected(gateway) as connection:
        connection.sendall(request(to_json(chat("one two three [[emulate: hang after=2]]", stream=True))))
        received = read_until(connection, PING)
        assert received.index(b"data:") < received.index(PING)
        for _ in range(3):
            read_until(connection, PING)


def test_no_ping_comes_before_the_first_byte(emulator: Emulator) -> None:
    events = [
        {"type": "messageStart", "payload": {"role": "assistant"}, "wait": 0.4},
        {"exception": "throttlingException", "message": "slow down"},
    ]
    emulator.script({"operation": "ConverseStream", "events": events})
    with serving(emulator.url, ping_interval=0.03) as gateway, gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(stream=True))
        # Nothing had been promised during the silence, so what came first decided the status.
        assert (reply.status_code, ": ping" in reply.text) in {(429, False), (200, False)}


def test_pings_stand_between_frames(emulator: Emulator) -> None:
    with serving(emulator.url, ping_interval=0.01) as gateway, gateway.client() as client:
        body = chat("count [[emulate: delay=0.03 tokens=30]]", stream=True)
        reply = client.post("/v1/chat/completions", json=body)
        assert reply.text.count(": ping\n\n") > 10
        blocks = [block for block in reply.text.split("\n\n") if block]
        assert all(block == ": ping" or block.startswith("data: ") for block in blocks)
        *chunks, done = frames(reply.text)
        assert done == "[DONE]"
        assert text_of(chunks)
        assert reply.text.endswith("data: [DONE]\n\n")


def test_a_busy_stream_has_no_pings(emulator: Emulator) -> None:
    with serving(emulator.url, ping_interval=5) as gateway, gateway.client() as client:
        body = chat("count [[emulate: delay=0.01 tokens=30]]", stream=True)
        assert ": ping" not in client.post("/v1/chat/completions", json=body).text


def test_a_slow_client_is_not_sent_pings_that_it_does_not_read(emulator: Emulator) -> None:
    with serving(emulator.url, ping_interval=0.1) as gateway, connected(gateway, 30) as connection:
        connection.sendall(request(to_json(chat("go [[emulate: tokens=80000]]", stream=True))))
        read_until(connection, b"data:")
        stalled(emulator, polls=400)  # eight intervals and more
        received = read_until(connection, b"data: [DONE]")
    # One may be genuine on a busy machine; those of the stall would stand next to each other.
    assert b"8\r\n: ping\n\n\r\n" * 4 not in received


def test_pings_end_with_the_stream(emulator: Emulator) -> None:
    with serving(emulator.url, ping_interval=0.02) as gateway, gateway.client() as client:
        for _ in range(5):  # on one connection: a late ping would stand in front of the next answer
            reply = client.post("/v1/chat/completions", json=chat("x [[emulate: stall=0.1 after=1]]", stream=True))
            assert reply.text.rstrip().endswith("data: [DONE]")
        assert client.get("/health").json()["status"] == "ok"
