"""uvicorn's HTTP protocol with limits on the head of a request and on a client that does not read, and with errors in
OpenAI's envelope.

httptools holds a head of any length, before any key is looked at; 40 MB of header were taken from one connection (tried
2026-11, uvicorn 0.54). What it can't parse at all was answered in plain text.
"""

from __future__ import annotations

from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import GatewayError, InvalidRequest
from app.web.context import new_request_id
from app.web.problems import problem_body
from app.web.stall import StallGuard

LONGEST_HEAD = 64 * 1024
"""Bytes of request line and headers. What comes in one piece (256 KB of asyncio's) is not counted twice."""


class HttpProtocol(StallGuard, HttpToolsProtocol):
    _head = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > LONGEST_HEAD and not self.transport.is_closing():
            self._refuse(
                GatewayError("The headers of the request are too long.", status=431, type="invalid_request_error"),
                b"431 Request Header Fields Too Large",
            )

    def on_message_begin(self) -> None:
        self._head, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._head, self._in_head = 0, True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_end()

    def handle_websocket_upgrade(self) -> None:
        self._disarm()
        super().handle_websocket_upgrade()

    def _deadline(self) -> float | None:
        deadline: float | None = self.cycle.scope["state"].get("deadline") if self.cycle is not None else None
        return deadline

    def _has_ended(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def send_400_response(self, msg: str) -> None:
        self._refuse(InvalidRequest("This is not a valid HTTP request.", code="invalid_http"), b"400 Bad Request")

    def _refuse(self, error: GatewayError, status: bytes) -> None:
        request_id = new_request_id()
        body = to_json(problem_body(error, request_id))
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\nx-request-id: %b\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, request_id.encode(), len(body), body)
        )
        self.transport.close()
