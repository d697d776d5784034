"""Answers of another API's routes are translated on their way out, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from app.web.asgi import Receive, Response, Scope, Send
from app.web.dialect import Dialect
from tests.unit.web.asgi import REQUEST, Wire, scope


class Shouting:
    def translated(self, status: int, data: bytes) -> tuple[int, bytes]:
        return status + 26, data.upper() + b"!"

    def answer_headers(self, headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
        return [*headers, (b"request-id", request_id.encode())]


def dialect(app: Any) -> Dialect:
    return Dialect(app, lambda scope: scope["path"] == "/loud", Shouting)


def says(status: int, body: bytes = b"no", media_type: str = "application/json") -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(body, status, media_type=media_type)(scope, receive, send)

    return app


async def answered(app: Any, path: str = "/loud", method: str = "POST") -> tuple[int, bytes, dict[bytes, bytes]]:
    wire = Wire(REQUEST)
    await wire.run(dialect(app), scope(path, method))
    body = b"".join(message.get("body", b"") for message in wire.sent[1:])
    return wire.status, body, dict(wire.sent[0]["headers"])


async def test_an_error_is_translated_whole() -> None:
    status, body, headers = await answered(says(503))
    assert (status, body, headers[b"content-length"], headers[b"request-id"]) == (529, b"NO!", b"3", b"req_1")


@pytest.mark.parametrize(("status", "media_type"), [(200, "application/json"), (404, "text/plain")])
async def test_everything_else_keeps_its_body(status: int, media_type: str) -> None:
    told, body, headers = await answered(says(status, media_type=media_type))
    assert (told, body, headers[b"request-id"]) == (status, b"no", b"req_1")


async def test_other_paths_pass_untouched() -> None:
    status, body, headers = await answered(says(503), "/quiet")
    assert (status, body) == (503, b"no")
    assert b"request-id" not in headers


async def test_an_error_in_pieces_is_one() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body"})

    assert (await answered(app))[:2] == (529, b"A!")


async def test_an_error_without_a_body_has_none() -> None:
    status, body, headers = await answered(says(503), method="HEAD")
    assert (status, body, headers[b"content-length"]) == (503, b"", b"0")
