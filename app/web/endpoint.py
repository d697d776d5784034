"""What every endpoint does first: whose key is it, what is in the body. One object, made by `main`, given to the routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from app.core.daemon_threads import decoding
from app.core.ports import Call, Caller, Keys
from app.web.asgi import Request
from app.web.auth import authenticate
from app.web.body import parse_json, read_body
from app.web.content_coding import codings_of, decode_body

T = TypeVar("T")

CACHE_HEADER = b"x-gateway-cache"
LARGE = 256 * 1024
"""Bytes: to decode a body of 24 MB takes some 70 ms."""


def _unlimited(caller: Caller) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Door:
    """`drain` and `ping_interval` are handed on to streams; `limits` tells the rate headers of a caller."""

    keys: Keys
    max_body_bytes: int
    ping_interval: float
    drain: bool
    limits: Callable[[Caller], Mapping[str, str]] = _unlimited

    async def enter(self, request: Request, endpoint: str) -> Call:
        """The call this request is. Raises Unauthenticated before a byte of the body is read."""
        state = request.scope["state"]
        caller = await authenticate(request.scope["headers"], self.keys)
        call = Call(state["request_id"], caller, endpoint, started=state["started"], deadline=state.get("deadline"))
        asked = next((value for name, value in request.scope["headers"] if name.lower() == CACHE_HEADER), b"")
        call.cache = asked[:64].decode("latin-1").strip()
        if caller.scopes:
            call.receipt.headers |= self.limits(caller)
        state["receipt"] = call.receipt  # for the headers of an error
        return call

    async def body(self, request: Request) -> Any:
        return await self.decoded(request, lambda body: body)

    async def decoded(self, request: Request, decode: Callable[[Any], T]) -> T:
        """The body, parsed and decoded; a large or compressed one in a thread, so that other streams flow meanwhile."""
        codings = codings_of(request.scope["headers"])
        limit = self.max_body_bytes
        body = await read_body(request.receive, limit)
        if len(body) < LARGE and not codings:
            return decode(parse_json(body))
        return await decoding.run(lambda: decode(parse_json(decode_body(body, codings, limit))))
