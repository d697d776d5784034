"""`POST /completions`: the legacy API, over chat."""

from __future__ import annotations

import os
import time

from pydantic_core import to_json

from app.api.completions.decode import decode
from app.api.completions.encode import CompletionStream, encode_completion
from app.api.completions.schema import CompletionRequest
from app.gateway import Gateway
from app.web.asgi import Request, Response
from app.web.endpoint import Door
from app.web.operation import Operation
from app.web.receipt import receipt_headers
from app.web.sse import EventStream
from app.web.watched import watched


def operations(gateway: Gateway, door: Door, *, max_choices: int) -> tuple[Operation, ...]:
    async def completions(request: Request) -> Response:
        call = await door.enter(request, "completions")
        decoded = await door.decoded(request, lambda body: decode(body, max_choices=max_choices))
        call.model = decoded.model
        first, *others = decoded.prompts
        completion_id, created = f"cmpl-{os.urandom(12).hex()}", int(time.time())
        if decoded.stream:
            return EventStream(
                gateway.run(first, call, stream=True, n=decoded.n, others=others),
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
        work = gateway.complete(first, call, n=decoded.n, others=others)
        replies = await watched(work, request.receive, call, drain=door.drain)
        echoes = [echo for echo in decoded.echoes for _ in range(decoded.n)]
        body = encode_completion(completion_id, created, decoded.model, replies, echoes)
        return Response(to_json(body), media_type="application/json", headers=receipt_headers(call.receipt))

    return (Operation("POST", "/completions", completions, "Create a legacy text completion", CompletionRequest),)
