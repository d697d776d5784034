"""uvicorn's HTTP protocol with limits on what a client may hold without a key, and with errors in OpenAI's envelope.

httptools holds a head of any length, before any key is looked at; 40 MB of header were taken from one connection (tried
2026-11, uvicorn 0.54). It holds trailers in the same way and reports them as headers (httptools 0.9), so a trailer could
carry a key; they are counted and dropped. uvicorn has no time limit for a head or a body. What httptools can't parse at all
was answered in plain text.

A connection has one timer for what the client sends, which runs only while something is left to send, and one for what it does
not read (`stall.py`).
"""

from __future__ import annotations

import asyncio

from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.errors import GatewayError, InvalidRequest
from app.web.connections import ConnectionLimits, SurplusConnections
from app.web.context import REFUSAL, new_request_id
from app.web.entrance import HEALTH
from app.web.problems import problem_body
from app.web.request_parser import RequestParser
from app.web.stall import StallGuard

LONGEST_HEAD = 64 * 1024
"""Bytes of request line and headers, and of trailers. What comes in one piece (256 KB of asyncio's) is not counted twice."""


class HttpProtocol(StallGuard, HttpToolsProtocol):
    """`limits` and `surplus` belong to a server; `limited_protocol` makes a class with its own."""

    limits = ConnectionLimits()
    surplus = SurplusConnections()

    _head = 0
    _in_head = True
    _begun = False
    """Whether a request has begun that is not complete."""
    _served = False
    """Whether the application was given a request."""
    _since: float | None = None
    """When the client began the head or the body that it has not completed."""
    _received = 0
    """Bytes of this body, with the framing."""
    _unframed = 0
    """Bytes since the last byte of body: trailers, or a chunk's extension."""
    _trailers = 0
    _timer: asyncio.TimerHandle | None = None
    _is_surplus = False
    _refused = False
    is_resuming = False
    """Whether RequestParser repeats a head."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.parser = RequestParser(self)  # type: ignore[assignment]
        if len(self.connections) > self.limits.max_connections:
            self._is_surplus = True
            self.surplus.add(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(self.limits.head_timeout, self._check_time)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._disarm()
        self._stop_timer()
        super().handle_websocket_upgrade()

    def _should_upgrade(self) -> bool:
        return not self._is_surplus and super()._should_upgrade()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._in_head:
            self._head += len(data)
        else:
            self._received += len(data)
            self._unframed += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._in_head and self._head > LONGEST_HEAD:
            self._refuse(_too_long("headers"))
        elif self._unframed > LONGEST_HEAD or self._trailers > LONGEST_HEAD:
            self._fail(_too_long("trailers"))
        elif self._begun:
            if self._since is None:
                self._since = self.loop.time()
            if self._timer is None:
                self._timer = self.loop.call_later(self._patience(), self._check_time)
        elif self._served and self.cycle.response_complete:
            # The rest of a body that was answered early, or blank lines: uvicorn stopped its timer and starts no other.
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self.is_resuming:
            return
        self._head, self._in_head = 0, True
        self._begun, self._since = True, None
        self._unframed = self._trailers = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self.is_resuming:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_resuming:
            return
        if self._in_head:
            super().on_header(name, value)
        else:
            self._trailers += len(name) + len(value)

    def on_headers_complete(self) -> None:
        if self.is_resuming:
            return
        self._in_head = False
        if self._timer is not None:  # of the head; the body has a time limit of its own
            self._timer.cancel()
            self._timer = None
        self._since, self._received = None, 0
        super().on_headers_complete()
        self._served = True
        if self._is_surplus:
            self.cycle.keep_alive = False
            if self.scope["path"].rstrip("/") != HEALTH:
                self.scope["state"][REFUSAL] = GatewayError(
                    "The gateway has too many connections. Try again later.",
                    status=503,
                    code="too_many_connections",
                    retry_after=1.0,
                )

    def on_body(self, body: bytes) -> None:
        self._unframed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and not self._should_upgrade():
            return  # the parser says so at the end of the head, and goes on
        super().on_message_complete()
        self._head, self._in_head = 0, True
        self._begun = False

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_end()

    # Time limits

    def _patience(self) -> float:
        """Seconds that the client has from `_since` for what it is sending."""
        if self._in_head:
            return self.limits.head_timeout
        return self.limits.body_grace + self._received / self.limits.min_body_rate

    def _check_time(self) -> None:
        """Refuses a client that was too slow; otherwise returns when it can be."""
        self._timer = None
        if self.transport.is_closing():
            return
        if not self._begun and self._served:
            if self._refused:
                self.transport.close()
            return  # what is left is an answer, or the keep-alive timer
        now = self.loop.time()
        if self._since is None or self._waits_for_us():
            self._since, self._received = now, 0
        left = self._since + self._patience() - now
        if left > 0:
            self._timer = self.loop.call_later(left, self._check_time)
        elif not self._begun:
            self.transport.close()  # a connection that was never used; a browser opens such ones
        elif self._in_head:
            self._refuse(_too_slow("headers"))
        else:
            self._fail(_too_slow("body"))

    def _deadline(self) -> float | None:
        deadline: float | None = self.cycle.scope["state"].get("deadline") if self.cycle is not None else None
        return deadline

    def _has_ended(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _waits_for_us(self) -> bool:
        """Whether the client can't go on: its data is not read, or it waits for `100 Continue` or an earlier answer."""
        if self._in_head:
            return self._served and not self.cycle.response_complete
        return self.flow.read_paused or self.cycle.waiting_for_100_continue

    def _stop_timer(self) -> None:
        if self._is_surplus:
            self.surplus.remove(self.transport)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Refusals

    def _fail(self, error: GatewayError) -> None:
        """Ends a request that the application has. It raises `error` where it reads the body, so that the answer has the
        envelope of its path; nothing more is read."""
        if self._refused or self.cycle.response_started:
            self.transport.close()
            return
        self._refused = True
        self.scope["state"][REFUSAL] = error
        self.cycle.keep_alive = False
        self.cycle.message_event.set()
        self._stop_timer()
        self._begun, self._timer = False, self.loop.call_later(self.limits.head_timeout, self._check_time)

    def send_400_response(self, msg: str) -> None:
        self._refuse(InvalidRequest("This is not a valid HTTP request.", code="invalid_http"))

    def _refuse(self, error: GatewayError) -> None:
        """Answers what the application never sees, and closes. Within another answer there is no place for this one."""
        if not self._served or not self.cycle.response_started or self.cycle.response_complete:
            request_id = new_request_id()
            body = to_json(problem_body(error, request_id))
            self.transport.write(
                b"%bcontent-type: application/json\r\nx-request-id: %b\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%b" % (STATUS_LINE[error.status], request_id.encode(), len(body), body)
            )
        self.transport.close()


def limited_protocol(limits: ConnectionLimits) -> type[HttpProtocol]:
    """The protocol of one server, with these limits."""
    return type("LimitedProtocol", (HttpProtocol,), {"limits": limits, "surplus": SurplusConnections()})


def _too_long(part: str) -> GatewayError:
    return GatewayError(f"The {part} of the request are too long.", status=431, type="invalid_request_error")


def _too_slow(part: str) -> GatewayError:
    return GatewayError(
        f"The {part} of the request took too long to arrive.",
        status=408,
        type="invalid_request_error",
        code="request_timeout",
    )
