"""Makes a response: the prompt through the gateway, its events into the response object or the stream of it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from app.api.responses.ids import new_id
from app.api.responses.shape import Decoded
from app.api.responses.stream import ResponseStream
from app.api.responses.summary import checked_summary
from app.api.responses.truncate import shortened
from app.core.events import Batch
from app.core.ports import Call
from app.errors import InvalidRequest
from app.gateway import Gateway
from app.web.asgi import Request, Response
from app.web.endpoint import Door
from app.web.receipt import receipt_headers
from app.web.sse import EventStream
from app.web.watched import watched

Events = AsyncGenerator[tuple[int, Batch], None]
Keep = Callable[[Mapping[str, Any]], Awaitable[None]]
"""What is done with a response that is over, before its client hears of the end."""


def note(call: Call, decoded: Decoded) -> None:
    """What decoding has found out, for the record and the receipt."""
    call.model = decoded.prompt.model
    call.receipt.repairs.update(decoded.repairs)


async def answer(gateway: Gateway, door: Door, request: Request, call: Call, decoded: Decoded, keep: Keep) -> Response:
    """The response, whole or streamed. Raises GatewayError."""
    stream = ResponseStream(new_id("resp_"), int(time.time()), decoded)
    events = batches(gateway, call, decoded, stream=decoded.stream)

    async def ended() -> None:
        await keep(stream.kept)

    if decoded.stream:
        return EventStream(
            events,
            stream,
            call,
            lambda: receipt_headers(call.receipt),
            ping_interval=door.ping_interval,
            drain=door.drain,
            closing=ended,
        )
    await watched(gathered(events, stream, ended), request.receive, call, drain=door.drain)
    return Response(to_json(stream.response), media_type="application/json", headers=receipt_headers(call.receipt))


async def gathered(events: Events, stream: ResponseStream, ended: Callable[[], Awaitable[None]]) -> None:
    """The whole answer into `stream`, whose `response` it then is."""
    async with aclosing(events) as items:
        async for choice, batch in items:
            stream.feed(choice, batch)
    stream.finish()
    await ended()


def batches(gateway: Gateway, call: Call, decoded: Decoded, *, stream: bool) -> Events:
    """The gateway's events. Those of a summary raise UpstreamFailure where it cannot be used."""
    events = _fitting(gateway, call, decoded, stream=stream)
    return checked_summary(events) if decoded.compacts else events


async def _fitting(gateway: Gateway, call: Call, decoded: Decoded, *, stream: bool) -> Events:
    """The gateway's events; with `truncation: auto`, a history that is too long is cut until it fits."""
    prompt, dropped = decoded.prompt, 0
    while True:
        begun = False
        try:
            async with aclosing(gateway.run(prompt, call, stream=stream)) as items:
                async for item in items:
                    begun = True
                    yield item
            return
        except InvalidRequest as problem:
            messages = shortened(prompt.messages) if decoded.truncate else prompt.messages
            if begun or problem.code != "context_length_exceeded" or len(messages) == len(prompt.messages):
                raise
            dropped += len(prompt.messages) - len(messages)
            call.receipt.repairs["truncated"] = dropped
            prompt = replace(prompt, messages=messages)
