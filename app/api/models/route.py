"""`GET /models` and `GET /models/{id}`; an id may hold slashes, colons and percent-encodings."""

from __future__ import annotations

from pydantic_core import to_json

from app.api.models.encode import encode_list
from app.api.models.read import found, list_models, retrieve
from app.core.ports import Models
from app.web.asgi import Request, Response
from app.web.endpoint import Door
from app.web.operation import Operation
from app.web.receipt import receipt_headers


def operations(models: Models, door: Door) -> tuple[Operation, ...]:
    async def models_list(request: Request) -> Response:
        call = await door.enter(request, "models.list")
        if _pages(request):
            from app.api.models.pages import page

            body = to_json(page(await models.entries(call.caller.access), request.scope["query_string"]))
        elif b"client_version=" in request.scope["query_string"]:
            from app.api.models.catalog import catalog

            listed = await models.entries(call.caller.access)
            body = to_json({**encode_list(listed), "models": catalog(listed)})
        else:
            body = to_json(await list_models(models, call.caller.access))
        return Response(body, media_type="application/json", headers=receipt_headers(call.receipt))

    async def models_retrieve(request: Request) -> Response:
        call = await door.enter(request, "models.retrieve")
        name = request.path_params["model"]
        if _pages(request):
            from app.api.models.pages import info

            body = to_json(info(await found(models, call.caller.access, name)))
        else:
            body = to_json(await retrieve(models, call.caller.access, name))
        return Response(body, media_type="application/json", headers=receipt_headers(call.receipt))

    return (
        Operation("GET", "/models", models_list, "List models"),
        Operation("GET", "/models/{model:path}", models_retrieve, "Retrieve a model"),
    )


def _pages(request: Request) -> bool:
    """Whether a client of the other API asks, which has the same routes: it always sends this header."""
    return any(name.lower() == b"anthropic-version" for name, _ in request.scope["headers"])
