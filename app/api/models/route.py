"""`GET /models` and `GET /models/{id}`; an id may hold slashes, colons and percent-encodings."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from app.api.models.read import list_models, retrieve
from app.core.ports import Models
from app.web.endpoint import Door


def router(models: Models, door: Door) -> APIRouter:
    routes = APIRouter()

    async def models_list(request: Request) -> Response:
        await door.enter(request, "models.list")
        return Response(to_json(await list_models(models)), media_type="application/json")

    async def models_retrieve(request: Request) -> Response:
        await door.enter(request, "models.retrieve")
        body = await retrieve(models, request.path_params["model"])
        return Response(to_json(body), media_type="application/json")

    routes.add_api_route("/models", models_list, methods=["GET"], summary="List models", response_model=None)
    routes.add_api_route(
        "/models/{model:path}",
        models_retrieve,
        methods=["GET"],
        summary="Retrieve a model",
        response_model=None,
        openapi_extra={"parameters": [{"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}]},
    )
    return routes
