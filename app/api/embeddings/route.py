"""`POST /embeddings`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from app.api.embeddings.answer import answer
from app.api.embeddings.schema import EmbeddingsBody
from app.core.ports import Embedder, TokenDecoder
from app.web.endpoint import Door
from app.web.openapi import documented
from app.web.receipt import receipt_headers
from app.web.watched import watched


def router(embedder: Embedder, tokens: TokenDecoder, door: Door, *, max_inputs: int) -> APIRouter:
    routes = APIRouter()

    async def embeddings(request: Request) -> Response:
        call = await door.enter(request, "embeddings")
        work = answer(await door.body(request), call, embedder=embedder, tokens=tokens, max_inputs=max_inputs)
        body = await watched(work, request.receive, call, drain=False)
        return Response(to_json(body), media_type="application/json", headers=receipt_headers(call.receipt))

    routes.add_api_route(
        "/embeddings", embeddings, methods=["POST"], summary="Create embeddings", **documented(EmbeddingsBody)
    )
    return routes
