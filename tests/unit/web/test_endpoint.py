"""What a request says of itself before its body is read."""

from __future__ import annotations

import gzip

import pytest

from app.core.ports import Caller
from app.errors import UnsupportedMediaType
from app.web.asgi import Request
from app.web.endpoint import Door
from tests.unit.web.asgi import Wire, scope


class Everybody:
    async def authenticate(self, presented: str) -> Caller:
        return Caller("key-1")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ""),
        ([(b"x-gateway-cache", b" ttl=60 ")], "ttl=60"),
        ([(b"X-Gateway-Cache", b"off")], "off"),
        ([(b"x-gateway-cache", b"ttl=1"), (b"x-gateway-cache", b"ttl=2")], "ttl=1"),
        ([(b"x-gateway-cache", b"x" * 5000)], "x" * 64),
        ([(b"x-gateway-cache", b"\xff\xfe")], "\xff\xfe"),
    ],
    ids=range(6),
)
async def test_what_it_asks_of_the_cache(headers: list[tuple[bytes, bytes]], expected: str) -> None:
    door = Door(Everybody(), 1000, 15.0, False)
    call = await door.enter(Request(scope(headers=headers), Wire().receive), "chat.completions")
    assert call.cache == expected


def compressed(data: bytes, coding: bytes) -> tuple[Request, Wire]:
    wire = Wire({"type": "http.request", "body": gzip.compress(data), "more_body": False})
    return Request(scope(headers=[(b"Content-Encoding", coding)]), wire.receive), wire


async def test_a_compressed_body_is_inflated() -> None:
    request, _ = compressed(b'{"model": "m"}', b"gzip")
    assert await Door(Everybody(), 1000, 15.0, False).body(request) == {"model": "m"}


async def test_an_unknown_coding_is_refused_before_the_body_is_read() -> None:
    request, wire = compressed(b"{}", b"br")
    with pytest.raises(UnsupportedMediaType):
        await Door(Everybody(), 1000, 15.0, False).body(request)
    assert (await wire.receive())["type"] == "http.request"
