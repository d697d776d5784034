"""Requests made at random from the OpenAPI document, and from what clients nearly send: never a 5xx, always the envelope.

`./dev fuzz` makes many more examples, with a new seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json
from schemathesis import Case

from app.main import create_app
from app.settings import Settings
from local.emulator import Emulator
from tests.examples import SEED, examples
from tests.fuzz.bodies import bodies
from tests.unit.api.messages.bodies import nearly
from tests.wire.gateway import KEY, NOVA, TITAN, environment, frames, serving

BOUNDED = settings(max_examples=examples(20), suppress_health_check=list(HealthCheck))

_CONFIG = schemathesis.Config.from_dict({"seed": SEED or 0, "generation": {"mode": "all", "allow-x00": True}})
_APP = create_app(Settings.model_validate({"api_key": KEY}), environment("http://127.0.0.1:9"))


async def _document() -> dict[str, Any]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(_APP), base_url="http://gateway") as http:
        document: dict[str, Any] = (await http.get("/openapi.json")).json()
        return document


DOCUMENT = schemathesis.openapi.from_dict(asyncio.run(_document()), config=_CONFIG)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with (
        Emulator(record=0) as emulator,
        serving(emulator.url, max_body_bytes=200_000) as gateway,
        httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as http,
    ):
        yield http
        assert http.get("/health").status_code == 200


def check(reply: httpx.Response) -> None:
    assert reply.status_code < 500, reply.text[:500]
    (request_id,) = reply.headers.get_list("x-request-id")
    if "/v1/messages" in reply.request.url.path:
        check_messages(reply, request_id)
        return
    if reply.status_code >= 400:
        assert reply.headers["content-type"] == "application/json"
        error = reply.json()["error"]
        assert {"message", "type", "param", "code", "request_id"} == set(error)
        assert isinstance(error["message"], str)
        assert error["type"]
        assert error["request_id"] == request_id
    elif reply.headers["content-type"].startswith("text/event-stream"):
        last = frames(reply.text)[-1]
        assert last == "[DONE]" or last["error"]["message"]


def check_messages(reply: httpx.Response, request_id: str) -> None:
    """The same of the routes that speak Anthropic's API."""
    if reply.status_code >= 400:
        body = reply.json()
        assert (set(body), body["type"]) == ({"type", "error", "request_id"}, "error")
        assert {name for name, value in body["error"].items() if value} - {"details"} == {"type", "message"}
        assert body["request_id"] == reply.headers["request-id"] == request_id
    elif reply.headers["content-type"].startswith("text/event-stream"):
        last = frames(reply.text)[-1]
        assert last["type"] == "message_stop" or last["error"]["message"]


def send(client: httpx.Client, case: Case[Any]) -> httpx.Response:
    request = case.as_transport_kwargs(base_url=str(client.base_url))
    body = request.get("data")
    if "json" in request:
        body = to_json(request["json"], inf_nan_mode="constants")
    elif body is not None and not isinstance(body, bytes | str):
        body = repr(body)
    headers = {name: str(value) for name, value in dict(request.get("headers") or {}).items()}
    headers.pop("Authorization", None)
    return client.request(case.method, request["url"], content=body, headers=headers, params=request.get("params"))


@DOCUMENT.parametrize()
@BOUNDED
def test_requests_from_the_document(case: Case[Any], client: httpx.Client) -> None:
    try:
        reply = send(client, case)
    except (UnicodeEncodeError, httpx.InvalidURL, httpx.LocalProtocolError):
        return  # what no client can put on the wire
    check(reply)


@DOCUMENT.include(method="POST").parametrize()
@BOUNDED
def test_requests_from_the_document_to_models_that_exist(case: Case[Any], client: httpx.Client) -> None:
    if isinstance(case.body, dict):
        case.body["model"] = TITAN if case.path.endswith("embeddings") else NOVA
        case.body |= {"messages": [{"role": "user", "content": "Hello"}], "prompt": "Hello", "input": "Hello"}
    check(send(client, case))


@BOUNDED
@given(path=st.sampled_from(["/v1/chat/completions", "/v1/completions", "/v1/embeddings"]), data=st.data())
def test_requests_that_clients_nearly_send(client: httpx.Client, path: str, data: st.DataObject) -> None:
    body: Any = data.draw(bodies(path))
    check(client.post(path, content=to_json(body, inf_nan_mode="constants")))


@BOUNDED
@given(path=st.sampled_from(["/v1/messages", "/v1/messages/count_tokens"]), body=nearly())
def test_messages_that_clients_nearly_send(client: httpx.Client, path: str, body: Any) -> None:
    check(client.post(path, content=to_json(body, inf_nan_mode="constants")))
