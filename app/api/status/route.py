"""`GET /status`: what works, as the deep probe last found it."""

from __future__ import annotations

from pydantic_core import to_json

from app.api.status.decode import models_in
from app.api.status.encode import encode
from app.core.ports import Statuses
from app.errors import InvalidRequest
from app.web.asgi import Request, Response
from app.web.endpoint import Door
from app.web.operation import Operation


def operations(statuses: Statuses, door: Door, version: str) -> tuple[Operation, ...]:
    async def status(request: Request) -> Response:
        await door.enter(request, "status")
        try:
            asked = models_in(request.scope["query_string"])
        except ValueError:
            raise InvalidRequest("The query names too many models.", param="model") from None
        kept = await statuses.all()
        wanted = [each for each in kept or () if not asked or each.model in asked]
        body = encode(wanted, version, probing=kept is not None)
        return Response(to_json(body), media_type="application/json")

    return (Operation("GET", "/status", status, "What the deep probe last found, model by model"),)
