"""`POST /responses` where responses are kept: with what it continues, for what continues it, or in the background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from app.api.responses.create import answer, note
from app.api.responses.desk import Desk
from app.api.responses.encode import shown
from app.api.responses.followed import followed
from app.core.ports import Call
from app.web.asgi import Request, Response
from app.web.endpoint import LARGE
from app.web.receipt import receipt_headers


async def create(desk: Desk, call: Call, request: Request) -> Response:
    tenant, door = call.caller.key_id, desk.door
    await desk.gateway.check(call)
    body = await door.body(request)
    prepared = await desk.state.prepare(tenant, body, large=_is_large(request))
    decoded = prepared.decoded
    note(call, decoded)

    async def keep(response: Mapping[str, Any]) -> None:
        await desk.state.keep(tenant, prepared, response)

    if not decoded.background:
        return await answer(desk.gateway, door, request, call, decoded, keep)
    response = await desk.background.begin(call, prepared, body)
    if decoded.stream:
        return followed(desk, call, str(response["id"]), -1)
    body = to_json(shown(response, decoded.include))
    return Response(body, media_type="application/json", headers=receipt_headers(call.receipt))


def _is_large(request: Request) -> bool:
    headers = dict(request.scope["headers"])
    if b"content-encoding" in headers:  # its declared length is the compressed one
        return True
    length = headers.get(b"content-length", b"")
    return len(length) > 18 or (length.isdigit() and int(length) >= LARGE)
