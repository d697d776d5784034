"""`POST /chat/completions`."""

from __future__ import annotations

import os
import time
from typing import Any

from pydantic_core import to_json

from app.api.chat.decode import decode
from app.api.chat.encode import ChatStream, encode_completion
from app.api.chat.schema import ChatRequest
from app.core.request_limits import USUAL_LIMITS, RequestLimits
from app.gateway import Gateway
from app.web.asgi import Request, Response
from app.web.endpoint import Door
from app.web.operation import Operation
from app.web.receipt import receipt_headers
from app.web.sse import EventStream
from app.web.watched import watched


def new_id(prefix: str) -> str:
    return f"{prefix}{os.urandom(12).hex()}"


def operations(
    gateway: Gateway, door: Door, *, max_choices: int, limits: RequestLimits = USUAL_LIMITS
) -> tuple[Operation, ...]:
    async def chat_completions(request: Request) -> Response:
        call = await door.enter(request, "chat.completions")
        decoded = await door.decoded(request, lambda body: decode(body, max_choices=max_choices, limits=limits))
        call.model = decoded.prompt.model
        completion_id, created = new_id("chatcmpl-"), int(time.time())
        if decoded.stream:
            return EventStream(
                gateway.run(decoded.prompt, call, stream=True, n=decoded.n),
                ChatStream(
                    completion_id,
                    created,
                    decoded.prompt.model,
                    n=decoded.n,
                    include_usage=decoded.include_usage,
                    legacy_functions=decoded.legacy_functions,
                    custom_tools=decoded.custom_tools,
                ),
                call,
                lambda: receipt_headers(call.receipt),
                ping_interval=door.ping_interval,
                drain=door.drain,
            )
        work = gateway.complete(decoded.prompt, call, n=decoded.n)
        replies = await watched(work, request.receive, call, drain=door.drain)
        body: dict[str, Any] = encode_completion(
            completion_id,
            created,
            decoded.prompt.model,
            replies,
            legacy_functions=decoded.legacy_functions,
            custom_tools=decoded.custom_tools,
        )
        return Response(to_json(body), media_type="application/json", headers=receipt_headers(call.receipt))

    return (Operation("POST", "/chat/completions", chat_completions, "Create a chat completion", ChatRequest),)
