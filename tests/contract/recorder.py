"""Every answer that leaves a gateway, as its server would send it: status, headers and the whole body."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from app.web.asgi import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request by its method, path and headers, and the answer to it. `complete`: the answer was sent to its end."""

    method: str
    path: str
    asked: dict[str, str]
    status: int
    content_type: str
    body: bytes
    complete: bool


class Recorder:
    """`wrap` an application to record its answers, `take` what was recorded since. Servers run in threads of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []

    def wrap(self, app: ASGIApp) -> ASGIApp:
        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            method, path = scope["method"], scope["path"]  # the gateway rewrites the latter
            messages: list[Message] = []

            async def noted(message: Message) -> None:
                await send(message)
                messages.append(message)

            try:
                await app(scope, receive, noted)
            finally:
                if messages:
                    self._note(method, path, _texts(scope["headers"]), messages)

        return recorded

    def take(self) -> list[Exchange]:
        with self._lock:
            taken, self._exchanges = self._exchanges, []
        return taken

    def _note(self, method: str, path: str, asked: dict[str, str], messages: list[Message]) -> None:
        start, *rest = messages
        exchange = Exchange(
            method,
            path,
            asked,
            start["status"],
            _texts(start.get("headers", ())).get("content-type", ""),
            b"".join(message.get("body", b"") for message in rest),
            bool(rest) and not rest[-1].get("more_body"),
        )
        with self._lock:
            self._exchanges.append(exchange)


def _texts(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
