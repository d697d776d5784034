"""WebSockets: which paths have one, and how a connection that may not be made is refused.

Before it is accepted a connection is an HTTP request, and is refused as one, in OpenAI's envelope, where the server can
(ASGI's `websocket.http.response`); elsewhere the server says 403.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from app.errors import GatewayError, NotFound
from app.web.asgi import ASGIApp, Message, Receive, Response, Scope, Send
from app.web.context import new_request_id
from app.web.problems import as_gateway_error, problem_response

INTERNAL_ERROR = 1011


class Sockets:
    """Pure ASGI. `app` is given connections to `paths` that were not accepted yet; what it raises then refuses them."""

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        self._app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_request_id()
        scope.setdefault("state", {}).update(request_id=request_id, started=time.time())
        accepted = False

        async def noted(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            if (await receive())["type"] != "websocket.connect":
                return
            if (scope["path"].rstrip("/") or "/") not in self._paths:
                raise NotFound("There is no WebSocket at this path.", code="unknown_url")
            await self._app(scope, receive, noted)
        except Exception as problem:  # noqa: BLE001  the process lives on
            error = as_gateway_error(problem, request_id)
            if accepted:
                await send({"type": "websocket.close", "code": INTERNAL_ERROR})
            else:
                await _refused(error, request_id, scope, receive, send)


async def _refused(error: GatewayError, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return

    async def told(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    response: Response = problem_response(error, request_id, {"x-request-id": request_id})
    await response({**scope, "method": "GET"}, receive, told)
