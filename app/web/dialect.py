"""Routes of another vendor's API speak its language throughout: what the router, the net or the door say there, too.

Everything in `web` speaks OpenAI's. Instead of teaching each of these places a second envelope, answers of those paths are
translated on their way out: the few bytes of an error, and some headers. Pure ASGI; other paths pass untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from app.web.asgi import ASGIApp, Message, Receive, Scope, Send

Headers = Iterable[tuple[bytes, bytes]]


class Translation(Protocol):
    """What a language has for an answer. Made when the first answer needs it."""

    def translated(self, status: int, data: bytes) -> tuple[int, bytes]:
        """The status and body of an error, given OpenAI's."""
        ...

    def answer_headers(self, headers: Headers, request_id: str) -> list[tuple[bytes, bytes]]:
        """The headers of any answer, given the usual ones."""
        ...


class Dialect:
    """`speaks`: whether a request is one of those."""

    def __init__(self, app: ASGIApp, speaks: Callable[[Scope], bool], translation: Callable[[], Translation]) -> None:
        self._app = app
        self._speaks = speaks
        self._translation = translation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._speaks(scope):
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._translation(), scope["state"]["request_id"])
        await self._app(scope, receive, answer.send)


class _Answer:
    """Holds an error back until it is whole; everything else goes through as it comes."""

    def __init__(self, send: Send, translation: Translation, request_id: str) -> None:
        self._send = send
        self._translation = translation
        self._request_id = request_id
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = self._translation.answer_headers(message.get("headers", ()), self._request_id)
            message["headers"] = headers
            if message["status"] >= 400 and _is_json(headers):
                self._start = message
                return
        elif self._start is not None:
            self._body.append(message.get("body", b""))
            if not message.get("more_body"):
                await self._tell(self._start)
            return
        await self._send(message)

    async def _tell(self, start: Message) -> None:
        self._start = None
        whole = b"".join(self._body)
        if whole:  # a HEAD is answered without
            start["status"], whole = self._translation.translated(start["status"], whole)
        length = b"%d" % len(whole)
        start["headers"] = [(name, length if name == b"content-length" else value) for name, value in start["headers"]]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": whole})


def _is_json(headers: Headers) -> bool:
    return any(name == b"content-type" and value.startswith(b"application/json") for name, value in headers)
