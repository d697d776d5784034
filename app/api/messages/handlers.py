"""What is done with a request for a message, or for its tokens."""

from __future__ import annotations

import os

from pydantic_core import to_json

from app.api.messages.decode import decode, decode_betas, decode_count
from app.api.messages.encode import PING, MessageStream, encode_message
from app.core.ports import Call
from app.core.request_limits import RequestLimits
from app.gateway import Gateway
from app.web.asgi import Request, Response
from app.web.endpoint import Door
from app.web.receipt import receipt_headers
from app.web.sse import EventStream
from app.web.watched import watched


async def create(gateway: Gateway, door: Door, limits: RequestLimits, call: Call, request: Request) -> Response:
    betas = decode_betas(request.scope["headers"])
    decoded = await door.decoded(request, lambda body: decode(body, betas, limits=limits))
    prompt = decoded.prompt
    call.model = prompt.model
    message_id, stops = f"msg_{os.urandom(12).hex()}", prompt.sampling.stop
    if decoded.stream:
        return EventStream(
            gateway.run(prompt, call, stream=True),
            MessageStream(message_id, prompt.model, stops, lambda: call.prompt_estimate()),
            call,
            lambda: receipt_headers(call.receipt),
            ping_interval=door.ping_interval,
            drain=door.drain,
            ping=PING,
        )
    (reply,) = await watched(gateway.complete(prompt, call), request.receive, call, drain=door.drain)
    body = encode_message(message_id, prompt.model, reply, stops)
    return Response(to_json(body), media_type="application/json", headers=receipt_headers(call.receipt))


async def count(gateway: Gateway, door: Door, limits: RequestLimits, call: Call, request: Request) -> Response:
    """An estimate says that it is one in a header: Anthropic's answer has no place for it."""
    betas = decode_betas(request.scope["headers"])
    prompt = await door.decoded(request, lambda body: decode_count(body, betas, limits=limits))
    call.model = prompt.model
    counted = await watched(gateway.count(prompt, call), request.receive, call, drain=False)
    headers = receipt_headers(call.receipt) | ({"x-gateway-estimate": "true"} if counted.estimated else {})
    return Response(to_json({"input_tokens": counted.tokens}), media_type="application/json", headers=headers)
