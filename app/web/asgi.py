"""What this gateway needs of a web framework: a request, a response, and the names of ASGI's parts (asgi spec 3.0).

Starlette has all this and is what FastAPI and CORS here are made of, but to import it takes 40 ms of a cold start, more than
half of them for anyio, which nothing here needs (measured 2026-11, starlette 1.10, Python 3.13).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class ClientDisconnect(Exception):
    """The client has left; nobody waits for an answer."""


class Request:
    """One HTTP request: ASGI's scope, and how to get at the body. `path_params` are the parameters of its path."""

    __slots__ = ("path_params", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive, path_params: Mapping[str, str] | None = None) -> None:
        self.scope = scope
        self.receive = receive
        self.path_params = path_params or {}


Endpoint = Callable[[Request], Awaitable["Response"]]


class Response:
    """A whole answer. Header names in lower case; `content-length` comes by itself."""

    def __init__(
        self, body: bytes = b"", status: int = 200, *, media_type: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.body = body
        self.status = status
        self.headers = {"content-type": media_type} if media_type else {}
        self.headers.update(headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = raw_headers(self.headers)
        raw.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


def raw_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
