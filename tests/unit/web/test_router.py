"""From a path and a method to the endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.plan import Receipt
from app.errors import NotFound
from app.web.asgi import ClientDisconnect, Request, Response
from app.web.router import Router
from tests.unit.web.asgi import REQUEST, Wire, scope


def named(name: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return Response(json.dumps({"name": name, **request.path_params}).encode(), media_type="application/json")

    return endpoint


async def failing(request: Request) -> Response:
    request.scope["state"]["receipt"] = Receipt(model="us.m")
    raise NotFound("No.", code="nowhere")


async def broken(request: Request) -> Response:
    raise ValueError("hidden")


async def left(request: Request) -> Response:
    raise ClientDisconnect


ROUTER = Router([
    ("POST", "/v1/chat", named("chat")),
    ("GET", "/v1/models", named("models")),
    ("GET", "/v1/models/{model:path}", named("model")),
    ("GET", "/v1/responses/{id}", named("response")),
    ("DELETE", "/v1/responses/{id}", named("deletion")),
    ("GET", "/v1/responses/{id}/input_items", named("items")),
    ("GET", "/v1/a.b/{x}/c/{y}", named("two")),
    ("POST", "/fail", failing), ("POST", "/break", broken), ("POST", "/leave", left),
])  # fmt: skip


async def answer(method: str, path: str) -> Wire:
    wire = Wire(REQUEST)
    await wire.run(ROUTER, scope(path, method))
    return wire


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/v1/chat", {"name": "chat"}), ("GET", "/v1/models", {"name": "models"}),
    ("GET", "/v1/models/a", {"name": "model", "model": "a"}),
    ("GET", "/v1/models/a/b:0", {"name": "model", "model": "a/b:0"}),
    ("GET", "/v1/models/a\nb", {"name": "model", "model": "a\nb"}),
    ("GET", "/v1/responses/r1", {"name": "response", "id": "r1"}),
    ("DELETE", "/v1/responses/r1", {"name": "deletion", "id": "r1"}),
    ("GET", "/v1/responses/r1/input_items", {"name": "items", "id": "r1"}),
    ("GET", "/v1/a.b/1/c/2", {"name": "two", "x": "1", "y": "2"}),
])  # fmt: skip
async def test_the_endpoint_and_its_parameters(method: str, path: str, body: Any) -> None:
    wire = await answer(method, path)
    assert (wire.status, json.loads(wire.body)) == (200, body)
    assert wire.headers["content-length"] == str(len(wire.body))


@pytest.mark.parametrize("path", [
    "/", "/v1", "/v1/chat/", "/v1/chat/x", "/v1/models/", "/v1/responses/", "/v1/responses/r1/other", "/v1/aXb/1/c/2",
    "/v1/a.b/1/2/c/3", "", "/v1/CHAT",
])  # fmt: skip
async def test_other_paths_are_unknown(path: str) -> None:
    wire = await answer("GET", path)
    assert (wire.status, json.loads(wire.body)["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize(("method", "path", "allow"), [
    ("GET", "/v1/chat", "POST"), ("POST", "/v1/models", "GET, HEAD"), ("PUT", "/v1/responses/r1", "DELETE, GET, HEAD"),
    ("HEAD", "/v1/chat", "POST"), ("get", "/v1/models", "GET, HEAD"),
])  # fmt: skip
async def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    wire = await answer(method, path)
    assert (wire.status, wire.headers["allow"]) == (405, allow)


async def test_head_is_get_without_the_body() -> None:
    wire, whole = await answer("HEAD", "/v1/models"), await answer("GET", "/v1/models")
    assert wire.body == b""
    assert (wire.status, wire.headers) == (200, whole.headers)


async def test_failures_are_envelopes_with_what_was_done_until_then(caplog: pytest.LogCaptureFixture) -> None:
    wire = await answer("POST", "/fail")
    assert (wire.status, json.loads(wire.body)["error"]["request_id"]) == (404, "req_1")
    assert wire.headers["x-gateway-model"] == "us.m"
    wire = await answer("POST", "/break")
    assert (wire.status, json.loads(wire.body)["error"]["code"]) == (500, "internal_error")
    assert "hidden" not in wire.body.decode() + caplog.text


async def test_nobody_is_answered_who_has_left() -> None:
    with pytest.raises(ClientDisconnect):
        await answer("POST", "/leave")
