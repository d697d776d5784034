"""`POST /messages` and `POST /messages/count_tokens`. What stands behind them is imported by the first such request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from app.core.request_limits import USUAL_LIMITS, RequestLimits
from app.gateway import Gateway
from app.web.asgi import Request, Response, Scope
from app.web.endpoint import Door
from app.web.operation import Operation, body_in

if TYPE_CHECKING:
    from app.web.dialect import Translation

PATH = "/messages"
_TEXT = {"type": "string"}
_ERROR = {"type": "object", "required": ["type", "message"], "properties": {"type": _TEXT, "message": _TEXT}}
ENVELOPE = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {"type": {"const": "error"}, "error": _ERROR, "request_id": _TEXT},
}


def operations(gateway: Gateway, door: Door, limits: RequestLimits = USUAL_LIMITS) -> tuple[Operation, ...]:
    async def messages(request: Request) -> Response:
        call = await door.enter(request, "messages")
        from app.api.messages.handlers import create

        return await create(gateway, door, limits, call, request)

    async def count_tokens(request: Request) -> Response:
        call = await door.enter(request, "messages.count_tokens")
        from app.api.messages.handlers import count

        return await count(gateway, door, limits, call, request)

    return (
        Operation(
            "POST", PATH, messages, "Create a message", body_in("app.api.messages.schema", "MessagesRequest"), ENVELOPE
        ),
        Operation(
            "POST",
            f"{PATH}/count_tokens",
            count_tokens,
            "Count the tokens of a message",
            body_in("app.api.messages.schema", "CountRequest"),
            ENVELOPE,
        ),
    )


def speaks(prefixes: Iterable[str]) -> Callable[[Scope], bool]:
    """Whether a request is for these routes, whatever its method, or comes from a client of theirs to any other path."""
    roots = tuple(prefix + PATH for prefix in prefixes)
    below = tuple(f"{root}/" for root in roots)

    def asked(scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        path: str = scope["path"]
        if path in roots or path.startswith(below):
            return True
        return any(name.lower() == b"anthropic-version" for name, _ in scope["headers"])

    return asked


def translation() -> Translation:
    from app.api.messages import problems

    return problems
