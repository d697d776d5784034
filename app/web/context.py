"""The two layers round all routes: request id and timing headers outside CORS, size limit and the last net inside."""

from __future__ import annotations

import asyncio
import os
import re
import time
from typing import Any

from app.errors import shutting_down
from app.web.asgi import ASGIApp, ClientDisconnect, Message, Receive, Scope, Send
from app.web.body import too_large
from app.web.problems import as_gateway_error, problem_response

REFUSAL = "refusal"
"""Where the server puts a GatewayError in `scope["state"]` to end a request that it can't complete, at any time before the
answer."""
_TWICE = re.compile(r"^(/api)?/v1/v1/")


def new_request_id() -> str:
    return f"req_{os.urandom(16).hex()}"


class Context:
    """Pure ASGI. Puts `request_id` and `started` (epoch seconds) into `scope["state"]`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_request_id()
        started = time.time()
        scope.setdefault("state", {}).update(request_id=request_id, started=started)
        path = scope["path"]
        if path.endswith("/") or "//" in path or "/v1/v1/" in path:
            scope["path"] = _joined(path)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                elapsed = round((time.time() - started) * 1000)
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    (b"openai-processing-ms", b"%d" % elapsed),
                    (b"openai-version", b"2020-10-01"),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _joined(path: str) -> str:
    """The path without what clients leave in when they join a base URL and a path: `//v1/models/`, `/v1/v1/messages`.

    A redirect would lose the body of a POST with many clients.
    """
    return _TWICE.sub(r"\1/v1/", "/" + "/".join(filter(None, path.split("/"))))


class Net:
    """Pure ASGI, inside CORS, so that browsers can read what it says: the size limit by declared length, the server's
    refusals, and the last net under everything."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        state = scope["state"]

        async def checked() -> Message:
            message = await receive()
            if REFUSAL in state:
                raise state[REFUSAL]
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if REFUSAL in state:
                raise state[REFUSAL]
            if _declared_length(scope) > self._limit:
                raise too_large(self._limit)
            await self._app(scope, checked, noted)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # The server cancels requests that outlive its grace, and would answer them with a 500 in plain text.
            if begun:
                raise
            _forgive()
            await problem_response(shutting_down(), scope["state"]["request_id"])(scope, receive, send)
        except Exception as problem:  # noqa: BLE001  the process lives on and the client gets an envelope
            request_id = scope["state"]["request_id"]
            error = as_gateway_error(problem, request_id)
            if not begun:
                await problem_response(error, request_id)(scope, receive, send)


def _forgive() -> None:
    """Takes the request to cancel this task back, so that it can still answer."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def _declared_length(scope: dict[str, Any] | Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value[:19]) if value.isdigit() else 0
    return 0
