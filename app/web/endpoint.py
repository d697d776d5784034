"""What every endpoint does first: whose key is it, what is in the body. One object, made by `main`, given to the routes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from app.core.ports import Call, Keys
from app.web.asgi import Request
from app.web.auth import authenticate
from app.web.body import parse_json, read_body

T = TypeVar("T")

LARGE = 256 * 1024
"""Bytes: to decode a body of 24 MB takes some 70 ms."""


@dataclass(frozen=True, slots=True)
class Door:
    """`drain` and `ping_interval` are handed on to streams."""

    keys: Keys
    max_body_bytes: int
    ping_interval: float
    drain: bool

    async def enter(self, request: Request, endpoint: str) -> Call:
        """The call this request is. Raises Unauthenticated before a byte of the body is read."""
        state = request.scope["state"]
        caller = await authenticate(request.scope["headers"], self.keys)
        call = Call(state["request_id"], caller, endpoint, started=state["started"], deadline=state.get("deadline"))
        state["receipt"] = call.receipt  # for the headers of an error
        return call

    async def body(self, request: Request) -> Any:
        return await self.decoded(request, lambda body: body)

    async def decoded(self, request: Request, decode: Callable[[Any], T]) -> T:
        """The body, parsed and decoded; a large one in a thread, so that other people's streams flow meanwhile."""
        body = await read_body(request.receive, self.max_body_bytes)
        if len(body) < LARGE:
            return decode(parse_json(body))
        return await asyncio.to_thread(lambda: decode(parse_json(body)))
