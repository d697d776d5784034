"""Responses over a WebSocket: `{"type": "response.create", ...body}` in, the events of the stream out, one JSON text each.

One response at a time on a connection. What goes wrong before its first event is `{"type": "error", "status", "error"}`, later
`response.failed`. The newest response can be continued on its connection even where it is not stored, as OpenAI has it; and
`generate: false` makes an empty one, which warms a connection up.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from app.api.responses.create import batches, note
from app.api.responses.desk import Desk
from app.api.responses.ids import new_id
from app.api.responses.state import Past, Prepared
from app.api.responses.stream import ResponseStream
from app.core.events import Finished, Metered, Usage
from app.core.ports import Call
from app.core.responses import LARGEST_HISTORY
from app.errors import GatewayError, InvalidRequest
from app.web.asgi import Receive, Scope, Send
from app.web.auth import Headers, authenticate
from app.web.body import parse_json, too_large
from app.web.context import new_request_id
from app.web.endpoint import LARGE
from app.web.problems import as_gateway_error, problem_body

_HEAD = b"\ndata: "


async def serve(desk: Desk, scope: Scope, receive: Receive, send: Send) -> None:
    """One connection, from after the handshake's request to its end. Raises Unauthenticated before it is accepted."""
    await authenticate(scope["headers"], desk.door.keys)
    await send({"type": "websocket.accept"})
    connection = Connection(desk, scope["headers"], send)
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.receive":
                await connection.take(message)
    finally:
        await connection.close()


class Connection:
    """`headers`: of the handshake. Their key is looked up for each response: it may have been disabled since."""

    def __init__(self, desk: Desk, headers: Headers, send: Send) -> None:
        self._desk = desk
        self._headers = headers
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self._call: Call | None = None
        self._busy = False
        self._gone = False
        self._newest: dict[str, Past] = {}

    async def take(self, message: Mapping[str, Any]) -> None:
        """A message of the client's. Whatever is wrong with it is told, and the connection stays."""
        request_id = new_request_id()
        try:
            body = self._body(message)
        except Exception as problem:  # noqa: BLE001  whatever it is, it becomes an event
            await self._refuse(as_gateway_error(problem, request_id), request_id)
            return
        self._busy = True
        large = len(message.get("text") or message.get("bytes") or "") >= LARGE
        self._task = asyncio.create_task(self._answer(request_id, body, self._task, large))

    async def close(self) -> None:
        """The client has left: its answer is given up, or read to the end for the sake of its usage."""
        self._gone = True
        if self._call is not None:
            self._call.gone = True
        if self._task is None or self._task.done():
            return
        if not self._desk.door.drain:
            self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def _body(self, message: Mapping[str, Any]) -> dict[str, Any]:
        text = message.get("text")
        data = text.encode() if isinstance(text, str) else message.get("bytes") or b""
        if len(data) > self._desk.door.max_body_bytes:
            raise too_large(self._desk.door.max_body_bytes)
        body = parse_json(data)
        if not isinstance(body, dict) or body.get("type") != "response.create":
            raise InvalidRequest("An object of type response.create is expected.", param="type", code="invalid_value")
        if self._busy:
            raise InvalidRequest("A response is under way on this connection.", code="response_in_progress")
        if body.get("background"):
            raise InvalidRequest(
                "Background responses are made by POST.", param="background", code="unsupported_parameter"
            )
        return {name: value for name, value in body.items() if name not in ("type", "stream", "background")}

    async def _answer(
        self, request_id: str, body: dict[str, Any], before: asyncio.Task[None] | None, large: bool
    ) -> None:
        """`before`: the answer before this one, whose last events may still be on their way."""
        if before is not None:
            await before
        frames: list[bytes] = []
        begun = False
        try:
            generate = body.pop("generate", True) is not False
            caller = await authenticate(self._headers, self._desk.door.keys)
            call = self._call = Call(request_id, caller, "responses", started=time.time())
            await self._desk.gateway.check(call)
            prepared = await self._desk.state.prepare(caller.key_id, body, self._newest, large=large)
            note(call, prepared.decoded)
            stream = ResponseStream(
                new_id("resp_"), int(time.time()), prepared.decoded, on_event=lambda _, frame: frames.append(frame)
            )
            if generate:
                async with contextlib.aclosing(
                    batches(self._desk.gateway, call, prepared.decoded, stream=True)
                ) as items:
                    async for choice, batch in items:
                        begun = True
                        stream.feed(choice, batch)
                        await self._tell(frames)
            else:
                stream.feed(0, [Finished("stop"), Metered(Usage())])
            stream.finish()
        except Exception as problem:  # noqa: BLE001  whatever it is, it becomes an event
            error = as_gateway_error(problem, request_id)
            if not begun:
                self._busy = False
                await self._refuse(error, request_id)
                return
            stream.fail(problem_body(error, request_id), error_event=False)
        await self._desk.state.keep(caller.key_id, prepared, stream.kept)
        self._remember(prepared, stream.kept)
        self._busy = False  # who has heard the end may ask again at once
        await self._tell(frames)

    def _remember(self, prepared: Prepared, response: Mapping[str, Any]) -> None:
        self._newest.clear()
        past, decoded = prepared.past, prepared.decoded
        items = (*past.items, *decoded.input_items, *response["output"])
        if not decoded.conversation and len(to_json(items)) <= LARGEST_HISTORY:
            chain = (*past.chain, response["id"]) if decoded.store else ()
            self._newest[response["id"]] = Past(items, chain)

    async def _tell(self, frames: list[bytes]) -> None:
        told, frames[:] = list(frames), []
        for frame in told:
            await self._text(frame[frame.index(_HEAD) + len(_HEAD) :].rstrip(b"\n").decode())

    async def _refuse(self, error: GatewayError, request_id: str) -> None:
        body = {"type": "error", "status": error.status, **problem_body(error, request_id)}
        await self._text(to_json(body).decode())

    async def _text(self, text: str) -> None:
        if self._gone:
            return
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError):  # the connection is being closed; `serve` hears of it as well
            self._gone = True
