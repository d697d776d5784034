"""Server-sent events by hand: what goes out, in which order, and what happens when client or model stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.core.events import Batch, TextDelta
from app.core.ports import Call, Caller
from app.errors import RateLimited, UpstreamFailure
from app.web.sse import PING, EventStream
from tests.unit.web.asgi import REQUEST, Wire, until

Events = AsyncGenerator[tuple[int, Batch], None]


class Words:
    """An encoder that one can read."""

    def feed(self, choice: int, batch: Batch) -> bytes:
        words = [event.text for event in batch if isinstance(event, TextDelta)]
        if "unspeakable" in words:
            raise KeyError("unspeakable")
        return "".join(f"data: {word}\n\n" for word in words).encode()

    def finish(self) -> bytes:
        return b"data: [DONE]\n\n"

    def fail(self, body: dict[str, object]) -> bytes:
        return b"data: " + json.dumps(body).encode() + b"\n\n"


class Model:
    """Says words one by one; each waits for `turns`. Notes whether it came to its end or was stopped."""

    def __init__(self, *words: Any, free: int = 100) -> None:
        self._words = words
        self._turns = asyncio.Semaphore(free)
        self.ended: str | None = None

    def go_on(self, turns: int = 100) -> None:
        for _ in range(turns):
            self._turns.release()

    async def events(self) -> Events:
        try:
            for word in self._words:
                await self._turns.acquire()
                if isinstance(word, Exception):
                    raise word
                yield 0, [TextDelta(word)]
            self.ended = "well"
        except BaseException as problem:
            self.ended = type(problem).__name__
            raise


def call() -> Call:
    return Call("req_1", Caller("default"), "chat.completions")


def stream(model: Model, given: Call | None = None, **options: Any) -> EventStream:
    return EventStream(model.events(), Words(), given or call(), lambda: {"x-gateway-model": "m"}, **options)


async def test_words_then_the_end() -> None:
    wire = Wire(REQUEST)
    await wire.run(stream(Model("a", "b")))
    assert wire.status == 200
    assert wire.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert wire.headers["x-gateway-model"] == "m"
    assert wire.body == b"data: a\n\ndata: b\n\ndata: [DONE]\n\n"
    assert [message.get("more_body") for message in wire.sent[1:]] == [True, True, False]


@pytest.mark.parametrize(
    ("problem", "status"), [(RateLimited("slow", retry_after=2), 429), (ValueError("hidden"), 500)]
)
async def test_a_failure_before_the_first_word_is_a_status(problem: Exception, status: int) -> None:
    wire = Wire(REQUEST)
    await wire.run(stream(Model(problem)))
    assert wire.status == status
    assert wire.headers["content-type"] == "application/json"
    assert wire.headers["x-gateway-model"] == "m"
    assert json.loads(wire.body)["error"]["request_id"] == "req_1"
    assert b"hidden" not in wire.body


@pytest.mark.parametrize("problem", [UpstreamFailure("broke", code="upstream_disconnected"), ValueError("hidden")])
async def test_a_later_failure_is_one_frame_and_the_end(problem: Exception) -> None:
    wire = Wire(REQUEST)
    await wire.run(stream(Model("a", problem)))
    first, error, nothing = wire.body.split(b"\n\n")
    assert (first, nothing) == (b"data: a", b"")
    assert json.loads(error.removeprefix(b"data: "))["error"]["message"]
    assert b"hidden" not in wire.body
    assert wire.sent[-1]["more_body"] is False


@pytest.mark.parametrize("words", [("unspeakable",), ("a", "unspeakable")])
async def test_a_word_that_cannot_be_encoded_fails_the_stream_aloud(words: tuple[str, ...]) -> None:
    wire, model = Wire(REQUEST), Model(*words, "never said")
    await wire.run(stream(model))
    assert wire.status == 200
    assert b'"code": "internal_error"' in wire.body
    assert wire.sent[-1]["more_body"] is False
    assert model.ended == "GeneratorExit"


async def test_no_word_at_all_is_no_success() -> None:
    wire = Wire(REQUEST)
    await wire.run(stream(Model()))
    assert wire.status == 500


async def test_a_client_that_leaves_stops_the_model() -> None:
    wire, model, given = Wire(REQUEST), Model("a", "b", free=1), call()
    running = asyncio.create_task(wire.run(stream(model, given)))
    await until(lambda: wire.body)
    wire.leave()
    await running
    assert given.gone
    assert model.ended == "CancelledError"


async def test_a_client_that_leaves_before_the_first_word_stops_the_model() -> None:
    wire, model = Wire(REQUEST), Model("a", free=0)
    wire.leave()
    await wire.run(stream(model))
    assert wire.sent == []
    assert model.ended == "CancelledError"


async def test_a_client_that_leaves_while_a_word_is_on_its_way_stops_the_model() -> None:
    wire, model = Wire(REQUEST), Model("a", "b")
    running = asyncio.create_task(wire.run(stream(model)))
    wire.room.clear()
    await until(lambda: wire.waiting)
    wire.leave()
    await running
    assert model.ended == "GeneratorExit"


async def test_a_drained_stream_goes_on_without_its_client() -> None:
    wire, model, given = Wire(REQUEST), Model("a", "b", "c", free=1), call()
    running = asyncio.create_task(wire.run(stream(model, given, drain=True)))
    await until(lambda: wire.body)
    wire.leave()
    await until(lambda: given.gone)
    model.go_on()
    await running
    assert model.ended == "well"
    assert wire.body == b"data: a\n\n"


async def pings_are_due(interval: float, count: int) -> None:
    """Waits until another stream, which begins now and falls silent, has sent as many pings."""
    wire = Wire(REQUEST)
    running = asyncio.create_task(wire.run(stream(Model("a", "b", free=1), ping_interval=interval)))
    await until(lambda: wire.body.count(PING) >= count)
    wire.leave()
    await running


async def test_pings_fill_a_silence_after_the_first_word_only() -> None:
    wire, model = Wire(REQUEST), Model("a", "b", free=0)
    running = asyncio.create_task(wire.run(stream(model, ping_interval=0.02)))
    await pings_are_due(0.02, 3)
    assert wire.sent == []
    model.go_on(1)
    await until(lambda: wire.body.count(PING) >= 3)
    model.go_on()
    await running
    assert wire.body.startswith(b"data: a\n\n")
    assert wire.body.endswith(b"data: b\n\ndata: [DONE]\n\n")


async def test_no_ping_while_a_word_is_on_its_way() -> None:
    wire, model = Wire(REQUEST), Model("a", "b")
    running = asyncio.create_task(wire.run(stream(model, ping_interval=0.01)))
    wire.room.clear()
    await until(lambda: wire.waiting == 1)
    await pings_are_due(0.01, 5)
    assert wire.waiting == 1
    wire.room.set()
    await running
    assert PING not in wire.body


async def test_a_server_that_stops_tells_the_client() -> None:
    wire, model = Wire(REQUEST), Model("a", "b", free=1)
    running = asyncio.create_task(wire.run(stream(model)))
    await until(lambda: wire.body)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert b'"code": "shutting_down"' in wire.body
    assert wire.sent[-1]["more_body"] is False
    assert model.ended == "CancelledError"


async def test_a_server_that_stops_before_the_first_word_just_stops() -> None:
    wire, model = Wire(REQUEST), Model("a", free=0)
    running = asyncio.create_task(wire.run(stream(model)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert wire.sent == []


async def test_a_connection_that_fails_on_write_counts_as_gone() -> None:
    wire, model = Wire(REQUEST), Model("a", "b", "c")

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("broken pipe")
        await Wire.send(wire, message)

    await stream(model)({"type": "http"}, wire.receive, send)
    assert model.ended == "well"
    assert len(wire.sent) == 1
