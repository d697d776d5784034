"""`GET /models` and `GET /models/{id}`; an id may hold slashes, colons and percent-encodings."""

from __future__ import annotations

from pydantic_core import to_json

from app.api.models.read import list_models, retrieve
from app.core.ports import Models
from app.web.asgi import Request, Response
from app.web.endpoint import Door
from app.web.operation import Operation
from app.web.receipt import receipt_headers


def operations(models: Models, door: Door) -> tuple[Operation, ...]:
    async def models_list(request: Request) -> Response:
        call = await door.enter(request, "models.list")
        body = to_json(await list_models(models, call.caller.access))
        return Response(body, media_type="application/json", headers=receipt_headers(call.receipt))

    async def models_retrieve(request: Request) -> Response:
        call = await door.enter(request, "models.retrieve")
        body = await retrieve(models, call.caller.access, request.path_params["model"])
        return Response(to_json(body), media_type="application/json", headers=receipt_headers(call.receipt))

    return (
        Operation("GET", "/models", models_list, "List models"),
        Operation("GET", "/models/{model:path}", models_retrieve, "Retrieve a model"),
    )
