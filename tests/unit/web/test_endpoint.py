"""What a request says of itself before its body is read."""

from __future__ import annotations

import pytest

from app.core.ports import Caller
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
