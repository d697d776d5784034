"""The time limits of a connection, with a clock of the test's own. What a client sees of them is in tests/wire."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.web.connections import ConnectionLimits
from app.web.protocol import HttpProtocol, limited_protocol

GET = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%b\r\n"
LIMITS = ConnectionLimits(head_timeout=10, body_grace=5, min_body_rate=100)


class Handle:
    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Task:
    def add_done_callback(self, callback: Callable[..., None]) -> None: ...


class Loop:
    """Time that passes when a test says so; tasks that never run."""

    def __init__(self) -> None:
        self.now = 0.0
        self.started = 0
        self.handles: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Handle:
        self.handles.append(Handle(self.now + delay, callback))
        return self.handles[-1]

    def create_task(self, coroutine: Coroutine[Any, Any, None]) -> Task:
        self.started += 1
        coroutine.close()
        return Task()

    @property
    def pending(self) -> list[Handle]:
        return [handle for handle in self.handles if not handle.cancelled]

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((each for each in self.pending if each.at <= end), key=lambda each: each.at):
            self.handles.remove(due[0])
            self.now = due[0].at
            due[0].callback()
        self.now = end


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.protocol: object = None

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def get_protocol(self) -> object:
        return self.protocol

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Connection:
    def __init__(self) -> None:
        self.loop = Loop()
        self.transport = Transport()
        config = uvicorn.Config(_app, log_config=None, lifespan="off", ws="none", timeout_keep_alive=75)
        made: Any = limited_protocol(LIMITS)
        self.protocol: HttpProtocol = made(config, ServerState(), {}, _loop=self.loop)
        self.transport.protocol = self.protocol
        self.protocol.connection_made(cast(Any, self.transport))

    def send(self, data: bytes) -> None:
        self.protocol.data_received(data)

    def answer(self) -> None:
        """What the cycle does when the application has answered the newest request."""
        self.protocol.cycle.response_started = self.protocol.cycle.response_complete = True
        self.protocol.on_response_complete()

    def is_open(self) -> bool:
        return not self.transport.closed

    @property
    def refusal(self) -> Any:
        return self.protocol.scope["state"].get("refusal")


async def _app(scope: object, receive: object, send: object) -> None: ...


@pytest.fixture
def client() -> Connection:
    return Connection()


def test_a_request_in_one_piece_starts_no_timer(client: Connection) -> None:
    client.loop.run(11 - 1.5)
    client.send(GET)
    assert not client.loop.pending
    client.loop.run(5000)
    assert not client.transport.closed


def test_a_head_that_drips_gets_408_after_the_time_limit(client: Connection) -> None:
    for byte in b"GET /v1/mo":
        client.send(bytes([byte]))
        client.loop.run(0.9)
        assert len(client.loop.pending) == 1
    assert client.is_open()
    client.loop.run(2)
    assert not client.is_open()
    assert client.transport.written.startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_lives_as_long_as_keep_alive_says(client: Connection) -> None:
    client.send(GET)
    client.answer()
    client.loop.run(74)
    assert client.is_open()
    client.loop.run(2)
    assert not client.is_open()
    assert not client.transport.written


def test_half_a_head_after_an_answer_gets_408(client: Connection) -> None:
    client.send(GET)
    client.answer()
    client.loop.run(60)
    client.send(b"GET /v1")
    client.loop.run(9)
    assert not client.transport.closed
    client.loop.run(2)
    assert client.transport.written.startswith(b"HTTP/1.1 408 ")


def test_blank_lines_after_an_answer_do_not_keep_a_connection_for_ever(client: Connection) -> None:
    client.send(GET)
    client.answer()
    client.send(b"\r\n")
    client.loop.run(76)
    assert client.transport.closed


def test_a_connection_whose_body_was_answered_early_is_closed_when_it_is_idle(client: Connection) -> None:
    client.send(POST % (4, b"") + b"ab")
    client.answer()
    client.send(b"cd")
    client.loop.run(70)
    assert not client.transport.closed
    client.loop.run(6)
    assert client.transport.closed


def test_a_body_at_the_least_rate_is_taken(client: Connection) -> None:
    client.send(POST % (10_000, b""))
    for _ in range(99):
        client.loop.run(1)
        client.send(b"x" * 100)
        assert len(client.loop.pending) <= 1
    assert client.refusal is None
    client.send(b"x" * 100)
    client.loop.run(5000)
    assert client.refusal is None
    assert not client.transport.closed


def test_a_slower_body_is_refused_and_read_no_further(client: Connection) -> None:
    client.send(POST % (10_000, b""))
    for _ in range(12):
        client.loop.run(1)
        client.send(b"x" * 50)
    assert client.refusal.status == 408
    received = len(client.protocol.cycle.body)
    client.send(b"x" * 50)
    assert len(client.protocol.cycle.body) == received
    assert not client.protocol.cycle.keep_alive
    client.loop.run(11)  # the application never asked for the body
    assert client.transport.closed


def test_a_body_that_does_not_come_is_refused_when_its_own_time_is_over(client: Connection) -> None:
    client.loop.run(2)
    client.send(POST % (100, b""))
    client.loop.run(4.9)
    assert not client.refusal
    client.loop.run(0.2)
    assert client.refusal.status == 408


def test_a_client_that_may_not_send_is_not_too_slow(client: Connection) -> None:
    client.send(POST % (200_000, b"") + b"x" * 100_000)
    assert client.protocol.flow.read_paused
    client.loop.run(5000)
    assert not client.refusal
    client.protocol.flow.resume_reading()
    client.loop.run(20)
    assert client.refusal.status == 408


def test_a_client_that_waits_for_100_continue_is_not_too_slow(client: Connection) -> None:
    client.send(POST % (100, b"expect: 100-continue\r\n"))
    client.loop.run(5000)
    assert client.refusal is None


def test_half_a_head_behind_a_long_answer_does_not_cut_it(client: Connection) -> None:
    client.send(GET + b"GET /v1")
    client.protocol.cycle.response_started = True
    client.loop.run(5000)
    assert not client.transport.closed
    client.answer()
    client.loop.run(21)
    assert client.transport.written.startswith(b"HTTP/1.1 408 ")


def test_nonsense_behind_an_answer_under_way_writes_nothing_into_it(client: Connection) -> None:
    client.send(GET)
    client.protocol.cycle.response_started = True
    client.send(b"nonsense\r\n\r\n")
    assert client.transport.closed
    assert not client.transport.written


def test_a_lost_connection_leaves_no_timer(client: Connection) -> None:
    client.send(b"GET")
    client.protocol.connection_lost(None)
    assert not client.loop.pending


H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAB\r\n"
CHUNKED = POST.replace(b"content-length: %d", b"transfer-encoding: chunked")


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("upgrade", [H2C, b"connection: upgrade\r\nupgrade: websocket\r\n"])
@pytest.mark.parametrize(
    "framed", [POST % (4, b"%b") + b"abcd", CHUNKED % b"%b" + b"4\r\nabcd\r\n0\r\nx-late: 1\r\n\r\n"]
)
def test_a_body_behind_an_upgrade_that_is_not_made_is_not_lost(
    client: Connection, size: int, upgrade: bytes, framed: bytes
) -> None:
    data = framed.replace(b"%b", upgrade)
    for at in range(0, len(data), size):
        client.send(data[at : at + size])
    cycle = client.protocol.cycle
    assert (bytes(cycle.body), cycle.more_body) == (b"abcd", False)
    assert (cycle.scope["method"], cycle.scope["path"]) == ("POST", "/v1/chat/completions")
    assert [name for name, _ in cycle.scope["headers"]].count(b"upgrade") == 1
    assert b"x-late" not in dict(cycle.scope["headers"])
    assert not client.transport.written
    client.answer()
    client.send(GET)
    assert client.protocol.cycle.scope["method"] == "GET"
    assert client.loop.started == 2


def test_requests_behind_an_upgrade_that_is_not_made_are_read(client: Connection) -> None:
    client.send((POST % (2, H2C) + b"{}") * 2 + GET)
    assert client.protocol.cycle.scope["method"] == "GET"
    assert [bytes(cycle.body) for cycle, _ in client.protocol.pipeline] == [b"", b"{}"]


def test_a_slow_body_behind_an_upgrade_that_is_not_made_is_refused(client: Connection) -> None:
    client.send(POST % (100, H2C))
    client.loop.run(6)
    assert client.refusal.status == 408


def test_trailers_behind_an_upgrade_that_is_not_made_are_bounded(client: Connection) -> None:
    client.send(CHUNKED % H2C + b"0\r\n")
    for _ in range(5):
        client.send(b"x: %b\r\n" % (b"y" * 20_000))
    assert client.refusal.status == 431


def test_two_framings_behind_an_upgrade_are_400(client: Connection) -> None:
    client.send(POST % (4, H2C + b"transfer-encoding: chunked\r\n") + b"0\r\n\r\n")
    assert client.transport.written.startswith(b"HTTP/1.1 400 ")
    assert client.transport.closed
