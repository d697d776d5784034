"""What every endpoint does first: whose key is it, what is in the body. One object, made by `main`, given to the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from app.core.ports import Call, Keys
from app.web.auth import authenticate
from app.web.body import parse_json, read_body


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
        return Call(state["request_id"], caller, endpoint, started=state["started"])

    async def body(self, request: Request) -> Any:
        return parse_json(await read_body(request.receive, self.max_body_bytes))
