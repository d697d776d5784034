"""The routes under `/responses`. What stands behind them is imported by the first request: few processes see both these and
chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api.responses.keeping import Keeping
from app.errors import GatewayError
from app.gateway import Gateway
from app.web.asgi import Endpoint, Receive, Request, Response, Scope, Send
from app.web.endpoint import Door
from app.web.operation import Operation, body_in

if TYPE_CHECKING:
    from app.api.responses.desk import Desk

_ONE = "/responses/{response}"
_ROUTES = (
    ("POST", "/responses", "create", "Create a response"),
    ("POST", "/responses/input_tokens", "input_tokens", "Count the tokens of a response's input"),
    ("POST", "/responses/compact", "compact", "Compact a conversation"),
    ("GET", _ONE, "retrieve", "Retrieve a response, or stream one that is made in the background"),
    ("DELETE", _ONE, "delete", "Delete a response"),
    ("POST", f"{_ONE}/cancel", "cancel", "Cancel a response that is made in the background"),
    ("GET", f"{_ONE}/input_items", "input_items", "List what a response was made from"),
)
_BODY = body_in("app.api.responses.schema", "ResponsesRequest")
_READ_BODY = ("create", "input_tokens", "compact")
_ENDPOINTS = {"input_tokens": "responses.input_tokens", "compact": "responses.compact"}
"""The names in records, of those that ask a model."""


class Responses:
    """This endpoint. `finish` at the end of the process; `websocket` is an ASGI application for those connections."""

    def __init__(self, gateway: Gateway, door: Door, keeping: Keeping) -> None:
        self._gateway = gateway
        self._door = door
        self._keeping = keeping
        self._made: Desk | None = None

    def operations(self) -> tuple[Operation, ...]:
        return (
            *(
                Operation(method, path, self._endpoint(name), summary, _BODY if name in _READ_BODY else None)
                for method, path, name, summary in _ROUTES
            ),
            Operation("GET", "/responses", upgrade_required, "Upgrade to a WebSocket, where the server has them"),
        )

    async def event(self, request: Request) -> Response:
        """`POST /events`: what Lambda's Web Adapter makes of an event that is no request."""
        from app.api.responses.handlers import handle_event

        return await handle_event(self._desk(), request)

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        from app.api.responses.websocket import serve

        await serve(self._desk(), scope, receive, send)

    async def finish(self) -> None:
        if self._made is not None:
            await self._made.finish()

    def _desk(self) -> Desk:
        if self._made is None:
            from app.api.responses.desk import Desk

            self._made = Desk(self._gateway, self._door, self._keeping)
        return self._made

    def _endpoint(self, name: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            call = await self._door.enter(request, _ENDPOINTS.get(name, "responses"))
            from app.api.responses.handlers import HANDLERS

            return await HANDLERS[name](self._desk(), call, request)

        answer.__name__ = f"responses_{name}"
        return answer


async def upgrade_required(request: Request) -> Response:
    """Clients fall back to POST at a plain error (Codex CLI 0.169: 426)."""
    raise GatewayError(
        "There are no WebSockets here; send the request by POST.",
        status=426,
        type="invalid_request_error",
        code="upgrade_required",
    )
