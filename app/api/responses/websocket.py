"""Responses over a WebSocket: `{"type": "response.create", ...body}` in, the events of the stream out, one JSON text each.

One response at a time on a connection, and on each of its lanes: a `stream_id` names a lane, whose requests wait for each
other and whose events and errors name it. What goes wrong before the first event is `{"type": "error", "status", "error"}`,
later `response.failed`. The newest response of each lane can be continued on the connection even where it is not stored, as
OpenAI has it, until a turn that continues it fails; and `generate: false` makes an empty one, which warms a connection up.
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

MAX_LANES = 16
MAX_WAITING = 16
"""Requests that wait on a lane."""
MAX_LANE_NAME = 128
EXPECTED = "An object of type response.create is expected."
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


class Lane:
    """Requests of one `stream_id`, empty for those without, in their order. `last`: the answer to the newest of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.last: asyncio.Task[None] | None = None
        self.call: Call | None = None
        self.open = 0
        self.newest: dict[str, Past] = {}
        self.size = 0
        """Bytes of `newest` as JSON."""


class Connection:
    """`headers`: of the handshake. Their key is looked up for each response: it may have been disabled since."""

    def __init__(self, desk: Desk, headers: Headers, send: Send) -> None:
        self._desk = desk
        self._headers = headers
        self._send = send
        self._lanes: dict[str, Lane] = {}
        """The least recently used one first."""
        self._waiting_bytes = 0
        self._gone = False

    async def take(self, message: Mapping[str, Any]) -> None:
        """A message of the client's. Whatever is wrong with it is told, and the connection stays."""
        request_id, name = new_request_id(), ""
        try:
            body, size = self._body(message)
            name = _lane_name(body)
            if body.pop("type", None) != "response.create":
                raise InvalidRequest(EXPECTED, param="type", code="invalid_value")
            lane = self._lane(name)
            waiting = self._reserve_waiting(size) if lane.open else 0
        except Exception as problem:  # noqa: BLE001  whatever it is, it becomes an event
            await self._refuse(as_gateway_error(problem, request_id), request_id, name)
            return
        lane.open += 1
        lane.last = asyncio.create_task(self._answer(lane, request_id, body, lane.last, size, waiting))

    async def close(self) -> None:
        """The client has left: its answers are given up, or read to the end for the sake of their usage."""
        self._gone = True
        tasks = []
        for lane in self._lanes.values():
            if lane.call is not None:
                lane.call.gone = True
            if lane.last is not None and not lane.last.done():
                tasks.append(lane.last)
                if not self._desk.door.drain:
                    lane.last.cancel()  # and with it those that it waits for
        await asyncio.gather(*tasks, return_exceptions=True)

    def _body(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """The object that a message holds, and the bytes of its text. Raises InvalidRequest."""
        text = message.get("text")
        data = text.encode() if isinstance(text, str) else message.get("bytes") or b""
        if len(data) > self._desk.door.max_body_bytes:
            raise too_large(self._desk.door.max_body_bytes)
        body = parse_json(data)
        if not isinstance(body, dict):
            raise InvalidRequest(EXPECTED, param="type", code="invalid_value")
        return body, len(data)

    def _reserve_waiting(self, size: int) -> int:
        """Counts a request that waits; returns `size`. Raises InvalidRequest where those that wait are too large together."""
        if self._waiting_bytes + size > self._desk.door.max_body_bytes:
            raise InvalidRequest(
                "The requests that wait on this connection are too large together.",
                code="response_in_progress",
                param="stream_id",
            )
        self._waiting_bytes += size
        return size

    def _lane(self, name: str) -> Lane:
        """The lane for one more request. Raises InvalidRequest where it has none to take."""
        lane = self._lanes.get(name)
        if lane is None:
            if len(self._lanes) >= MAX_LANES:
                idle = next((each.name for each in self._lanes.values() if not each.open), None)
                if idle is None:
                    raise InvalidRequest(f"At most {MAX_LANES} lanes are open at once.", param="stream_id")
                del self._lanes[idle]
            lane = Lane(name)
        self._lanes.pop(name, None)
        self._lanes[name] = lane  # at the end: the most recently used
        if lane.open and not name:
            raise InvalidRequest("A response is under way on this connection.", code="response_in_progress")
        if lane.open > MAX_WAITING:
            raise InvalidRequest("Too many requests wait on this lane.", code="response_in_progress", param="stream_id")
        return lane

    async def _answer(
        self,
        lane: Lane,
        request_id: str,
        body: dict[str, Any],
        before: asyncio.Task[None] | None,
        size: int,
        waiting: int,
    ) -> None:
        """`before`: the answer before this one, whose last events may still be on their way."""
        if before is not None:
            await before
        self._waiting_bytes -= waiting
        last: list[bytes] = []
        error: GatewayError | None = None
        try:
            if not self._gone:  # no model call is begun for a client that has left
                last = await self._turn(lane, request_id, body, large=size >= LARGE)
        except Exception as problem:  # noqa: BLE001  whatever it is, it becomes an event
            self._forget(body.get("previous_response_id"))
            error = as_gateway_error(problem, request_id)
        lane.open -= 1  # before the end is sent: a client that has received it may send its next request at once
        if error is None:
            await self._tell(last, lane.name)
        else:
            await self._refuse(error, request_id, lane.name)

    async def _turn(self, lane: Lane, request_id: str, body: dict[str, Any], *, large: bool) -> list[bytes]:
        """Sends the events of a response and returns the last ones. Raises what goes wrong before the first event."""
        body.pop("stream", None)
        if body.pop("background", False):
            raise InvalidRequest(
                "Background responses are made by POST.", param="background", code="unsupported_parameter"
            )
        generate = body.pop("generate", True) is not False
        caller = await authenticate(self._headers, self._desk.door.keys)
        call = lane.call = Call(request_id, caller, "responses", started=time.time())
        await self._desk.gateway.check(call)
        prepared = await self._desk.state.prepare(caller.key_id, body, self._known(), large=large)
        note(call, prepared.decoded)
        frames = list[bytes]()
        stream = ResponseStream(
            new_id("resp_"), int(time.time()), prepared.decoded, on_event=lambda _, frame: frames.append(frame)
        )
        begun = failed = False
        try:
            if generate:
                made = batches(self._desk.gateway, call, prepared.decoded, stream=True)
                async with contextlib.aclosing(made) as items:
                    async for choice, batch in items:
                        begun = True
                        stream.feed(choice, batch)
                        await self._tell(frames, lane.name)
            else:
                stream.feed(0, [Finished("stop"), Metered(Usage())])
            stream.finish()
        except Exception as problem:
            if not begun:
                raise
            failed = True
            self._forget(body.get("previous_response_id"))
            stream.fail(problem_body(as_gateway_error(problem, request_id), request_id), error_event=False)
        await self._desk.state.keep(caller.key_id, prepared, stream.kept)
        if not failed:
            self._remember(lane, prepared, stream.kept)
        return frames

    def _known(self) -> dict[str, Past]:
        return {id: past for lane in self._lanes.values() for id, past in lane.newest.items()}

    def _remember(self, lane: Lane, prepared: Prepared, response: Mapping[str, Any]) -> None:
        """Keeps a response for the next turn. All lanes of a connection together hold at most LARGEST_HISTORY bytes."""
        lane.newest.clear()
        lane.size = 0
        past, decoded = prepared.past, prepared.decoded
        items = (*past.items, *decoded.input_items, *response["output"])
        size = 0 if decoded.conversation else len(to_json(items))
        if decoded.conversation or size > LARGEST_HISTORY:
            return
        chain = (*past.chain, response["id"]) if decoded.store else ()
        lane.newest[response["id"]], lane.size = Past(items, chain), size
        held = sum(each.size for each in self._lanes.values())
        for other in self._lanes.values():
            if held <= LARGEST_HISTORY:
                break
            if other is not lane:
                held -= other.size
                other.newest.clear()
                other.size = 0

    def _forget(self, previous: Any) -> None:
        """Evicts what a failed turn continued, so that a client does not go on from a doubtful state."""
        if isinstance(previous, str):
            for lane in self._lanes.values():
                if lane.newest.pop(previous, None) is not None:
                    lane.size = 0

    async def _tell(self, frames: list[bytes], lane: str) -> None:
        told, frames[:] = list(frames), []
        for frame in told:
            await self._text(frame[frame.index(_HEAD) + len(_HEAD) :].rstrip(b"\n").decode(), lane)

    async def _refuse(self, error: GatewayError, request_id: str, lane: str) -> None:
        body = {"type": "error", "status": error.status, **problem_body(error, request_id)}
        await self._text(to_json(body).decode(), lane)

    async def _text(self, text: str, lane: str) -> None:
        if self._gone:
            return
        if lane:
            text = f'{text[:-1]},"stream_id":{to_json(lane).decode()}}}'
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError):  # the connection is being closed; `serve` hears of it as well
            self._gone = True


def _lane_name(body: dict[str, Any]) -> str:
    """Taken out of the body. Raises InvalidRequest."""
    name = body.pop("stream_id", None)
    if name is None:
        return ""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_LANE_NAME:
        raise InvalidRequest(
            f"stream_id must be a string of 1 to {MAX_LANE_NAME} characters.", param="stream_id", code="invalid_value"
        )
    return name
