"""What can be done with responses that are kept, and beside them: counting, compacting."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic_core import from_json, to_json

from app.api.responses.compaction import compact
from app.api.responses.desk import Desk
from app.api.responses.encode import SEALED, shown, unsealed
from app.api.responses.followed import followed
from app.api.responses.state import no_response
from app.api.responses.state_create import create
from app.core.ports import Call
from app.core.response_items import full_item
from app.core.responses import StoredResponse
from app.errors import GatewayError, InvalidRequest, NotFound
from app.web.asgi import Request, Response
from app.web.body import read_body
from app.web.entrance import BACKGROUND
from app.web.paging import Query, page
from app.web.receipt import receipt_headers
from app.web.watched import watched

Handler = Callable[[Desk, Call, Request], Awaitable[Response]]

LARGEST_EVENT = 64 * 1024


def answer(body: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        to_json(body), media_type="application/json", headers={"cache-control": "no-store"} | dict(headers or {})
    )


async def retrieve(desk: Desk, call: Call, request: Request) -> Response:
    query = Query(request.scope["query_string"])
    stored = await _kept(desk, call, request)
    if not query.flag("stream"):
        return answer(shown(stored.response, query.many("include")))
    if not stored.response.get("background"):
        raise InvalidRequest(
            "Only responses that were made in the background can be streamed again.",
            param="stream",
            code="invalid_value",
        )
    after = query.number("starting_after", -1, 0, 10**9)
    return followed(desk, call, stored.id, after)


async def delete(desk: Desk, call: Call, request: Request) -> Response:
    store, tenant, id = desk.state.store, call.caller.key_id, request.path_params["response"]
    if store is None or not await store.delete(tenant, id):
        raise no_response(id)
    if desk.jobs is not None:
        desk.jobs.stop(tenant, id)
    return answer({"id": id, "object": "response", "deleted": True})


async def cancel(desk: Desk, call: Call, request: Request) -> Response:
    stored = await _kept(desk, call, request)
    if not stored.response.get("background"):
        raise InvalidRequest("Cannot cancel a synchronous response.", param="response_id", code="invalid_value")
    return answer(shown(await desk.background.cancel(call.caller.key_id, stored.id), frozenset()))


async def input_items(desk: Desk, call: Call, request: Request) -> Response:
    query = Query(request.scope["query_string"])
    stored = await _kept(desk, call, request)
    items = await desk.state.input_of(call.caller.key_id, stored)
    listed = page(items, query)
    listed["data"] = [full_item(item) for item in listed["data"]]
    if SEALED not in query.many("include"):
        listed["data"] = [unsealed(item) for item in listed["data"]]
    return answer(listed)


async def input_tokens(desk: Desk, call: Call, request: Request) -> Response:
    body = await desk.door.body(request)
    prepared = await desk.state.prepare(call.caller.key_id, body)
    call.model = prepared.decoded.prompt.model
    work = desk.gateway.count(prepared.decoded.prompt, call)
    counted = await watched(work, request.receive, call, drain=False)
    headers = receipt_headers(call.receipt) | ({"x-gateway-estimate": "true"} if counted.estimated else {})
    return answer({"object": "response.input_tokens", "input_tokens": counted.tokens}, headers)


async def compacted(desk: Desk, call: Call, request: Request) -> Response:
    await desk.gateway.check(call)
    body = await desk.door.body(request)
    work = compact(desk, call, body, int(time.time()))
    found = await watched(work, request.receive, call, drain=desk.door.drain)
    return answer(found, receipt_headers(call.receipt))


async def handle_event(desk: Desk, request: Request) -> Response:
    """What Lambda delivers that is no request of a client's: the work of a background response, and nothing else.

    Anybody can post here, so it opens to the token of a job that waits, once; to all others the route is not there.
    """
    try:
        event = from_json(await read_body(request.receive, LARGEST_EVENT))
    except (GatewayError, ValueError):
        event = None
    state = request.scope["state"]
    ours = isinstance(event, dict) and event.get("gateway") == BACKGROUND
    if ours and desk.jobs is not None and await desk.jobs.handle(event, state["request_id"], state.get("deadline")):
        return answer({"status": "ok"})
    raise NotFound("Unknown request URL. Check the path and the API prefix.", code="unknown_url")


async def _kept(desk: Desk, call: Call, request: Request) -> StoredResponse:
    id = request.path_params["response"]
    return await desk.state.seen(call.caller.key_id, id)


HANDLERS: Mapping[str, Handler] = {
    "create": create,
    "retrieve": retrieve,
    "delete": delete,
    "cancel": cancel,
    "input_items": input_items,
    "input_tokens": input_tokens,
    "compact": compacted,
}
