"""`/conversations`: histories that responses are made from and added to. Its code is imported by the first request."""

from __future__ import annotations

from collections.abc import Callable

from pydantic_core import to_json

from app.core.responses import ConversationStore
from app.web.asgi import Endpoint, Request, Response
from app.web.endpoint import Door
from app.web.operation import Operation, body_in
from app.web.receipt import receipt_headers

_ONE = "/conversations/{conversation}"
_ITEM = f"{_ONE}/items/{{item}}"
_ROUTES = (
    ("POST", "/conversations", "create", "Create a conversation"),
    ("GET", _ONE, "retrieve", "Retrieve a conversation"),
    ("POST", _ONE, "update", "Replace the metadata of a conversation"),
    ("DELETE", _ONE, "delete", "Delete a conversation with its items"),
    ("GET", f"{_ONE}/items", "list_items", "List the items of a conversation"),
    ("POST", f"{_ONE}/items", "create_items", "Add items to a conversation"),
    ("GET", _ITEM, "retrieve_item", "Retrieve an item of a conversation"),
    ("DELETE", _ITEM, "remove_item", "Delete an item of a conversation"),
)
_BODIES = {"create": "ConversationCreate", "update": "ConversationUpdate", "create_items": "ItemsCreate"}


def operations(store: Callable[[], ConversationStore], door: Door) -> tuple[Operation, ...]:
    """`store` is asked when it is first needed, and always gives the same."""

    def endpoint(name: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            call = await door.enter(request, "conversations")
            from app.api.conversations.handlers import HANDLERS, Asked

            body = await HANDLERS[name](Asked(store(), door, call, request))
            headers = receipt_headers(call.receipt) | {"cache-control": "no-store"}
            return Response(to_json(body), media_type="application/json", headers=headers)

        answer.__name__ = f"conversations_{name}"
        return answer

    return tuple(
        Operation(method, path, endpoint(name), summary, body_in("app.api.conversations.schema", _BODIES.get(name)))
        for method, path, name, summary in _ROUTES
    )
