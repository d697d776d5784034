"""`POST /completions`: the legacy API, over chat."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from app.api.completions.decode import Decoded, decode
from app.api.completions.encode import CompletionStream, encode_completion
from app.api.completions.schema import CompletionRequest
from app.core.events import Batch, Reply
from app.core.ports import Call
from app.gateway import Gateway
from app.web.endpoint import Door
from app.web.openapi import documented
from app.web.receipt import receipt_headers
from app.web.sse import EventStream
from app.web.watched import watched


def router(gateway: Gateway, door: Door, *, max_choices: int) -> APIRouter:
    routes = APIRouter()

    async def completions(request: Request) -> Response:
        call = await door.enter(request, "completions")
        decoded = decode(await door.body(request), max_choices=max_choices)
        call.model = decoded.model
        completion_id, created = f"cmpl-{os.urandom(12).hex()}", int(time.time())
        if decoded.stream:
            return EventStream(
                _streams(gateway, decoded, call),
                CompletionStream(
                    completion_id,
                    created,
                    decoded.model,
                    decoded.echoes,
                    decoded.n,
                    include_usage=decoded.include_usage,
                ),
                call,
                lambda: receipt_headers(call.receipt),
                ping_interval=door.ping_interval,
                drain=door.drain,
            )
        replies = await watched(_wholes(gateway, decoded, call), request.receive, call, drain=door.drain)
        echoes = [echo for echo in decoded.echoes for _ in range(decoded.n)]
        body = encode_completion(completion_id, created, decoded.model, replies, echoes)
        return Response(to_json(body), media_type="application/json", headers=receipt_headers(call.receipt))

    routes.add_api_route(
        "/completions",
        completions,
        methods=["POST"],
        summary="Create a legacy text completion",
        **documented(CompletionRequest),
    )
    return routes


async def _streams(gateway: Gateway, decoded: Decoded, call: Call) -> AsyncGenerator[tuple[int, Batch], None]:
    """The prompts one after another; choices are numbered through, as OpenAI numbers them."""
    for place, prompt in enumerate(decoded.prompts):
        async with aclosing(gateway.run(prompt, call, stream=True, n=decoded.n)) as events:
            async for choice, batch in events:
                yield place * decoded.n + choice, batch


async def _wholes(gateway: Gateway, decoded: Decoded, call: Call) -> list[Reply]:
    replies: list[Reply] = []
    for prompt in decoded.prompts:
        replies += await gateway.complete(prompt, call, n=decoded.n)
    return replies
