"""`POST /embeddings`."""

from __future__ import annotations

from pydantic_core import to_json

from app.api.embeddings.answer import answer
from app.api.embeddings.schema import EmbeddingsBody
from app.core.ports import Embedder, TokenDecoder
from app.web.asgi import Request, Response
from app.web.endpoint import Door
from app.web.operation import Operation
from app.web.receipt import receipt_headers
from app.web.watched import watched


def operations(embedder: Embedder, tokens: TokenDecoder, door: Door, *, max_inputs: int) -> tuple[Operation, ...]:
    async def embeddings(request: Request) -> Response:
        call = await door.enter(request, "embeddings")
        if call.cache not in ("", "off"):
            call.receipt.ignore("x-gateway-cache")  # vectors are cheap, and are not kept
        work = answer(await door.body(request), call, embedder=embedder, tokens=tokens, max_inputs=max_inputs)
        body = await watched(work, request.receive, call, drain=False)
        return Response(to_json(body), media_type="application/json", headers=receipt_headers(call.receipt))

    return (Operation("POST", "/embeddings", embeddings, "Create embeddings", EmbeddingsBody),)
