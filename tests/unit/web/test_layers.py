"""The layers round all routes: ids and headers, the size limit, the last net."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from app.core.plan import Receipt
from app.errors import GatewayError, InvalidRequest, UpstreamFailure
from app.web.asgi import ASGIApp, ClientDisconnect, Receive, Response, Scope, Send
from app.web.context import Context, Net
from app.web.problems import as_gateway_error, problem_headers, problem_response
from app.web.receipt import MAX_HEADER, receipt_headers
from tests.unit.web.asgi import REQUEST, Wire, scope


async def seen(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(scope["path"].encode())(scope, receive, send)


def raising(problem: BaseException, *, late: bool = False) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if late:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise problem

    return app


async def test_a_server_that_stops_answers_what_it_has_not_begun() -> None:
    wire = Wire(REQUEST)
    await wire.run(Net(raising(asyncio.CancelledError()), 10))
    assert wire.status == 503
    error = json.loads(wire.body)["error"]
    assert (error["code"], error["request_id"]) == ("shutting_down", "req_1")


async def test_a_server_that_stops_breaks_off_what_it_has_begun() -> None:
    wire = Wire(REQUEST)
    with pytest.raises(asyncio.CancelledError):
        await wire.run(Net(raising(asyncio.CancelledError(), late=True), 10))
    assert len(wire.sent) == 1


async def test_each_answer_has_an_id_and_a_time() -> None:
    ids = set()
    for _ in range(3):
        wire = Wire(REQUEST)
        await wire.run(Context(seen))
        ids.add(wire.headers["x-request-id"])
        assert int(wire.headers["openai-processing-ms"]) >= 0
        assert wire.headers["openai-version"] == "2020-10-01"
    assert len(ids) == 3
    assert all(re.fullmatch(r"req_[0-9a-f]{32}", each) for each in ids)


@pytest.mark.parametrize(("path", "served"), [
    ("/", "/"), ("/v1/models", "/v1/models"), ("/v1/models/", "/v1/models"), ("/v1/models//", "/v1/models"), ("//", "/"),
    ("//v1/models", "/v1/models"), ("/v1//models", "/v1/models"), ("///api//v1/models/", "/api/v1/models"),
    ("/v1/v1/messages", "/v1/messages"), ("/api/v1/v1/messages", "/api/v1/messages"),
    ("/v1/models/v1/v1/x", "/v1/models/v1/v1/x"),
])  # fmt: skip
async def test_a_path_that_was_joined_from_a_base_url_reaches_its_route(path: str, served: str) -> None:
    wire = Wire(REQUEST)
    await wire.run(Context(seen), scope(path))
    assert wire.body.decode() == served


@pytest.mark.parametrize(("length", "status"), [
    (b"10", 200), (b"11", 413), (b"999999999999999999999", 413), (b"0", 200), (b"x", 200), (b"-1", 200), (b"", 200),
])  # fmt: skip
async def test_a_declared_length_over_the_limit_is_refused_unread(length: bytes, status: int) -> None:
    wire = Wire(REQUEST)
    await wire.run(Net(seen, 10), scope(headers=[(b"content-length", length)]))
    assert wire.status == status


async def test_the_net_catches_what_nobody_caught(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(REQUEST)
    await wire.run(Net(raising(ValueError("hidden")), 10))
    assert wire.status == 500
    assert json.loads(wire.body)["error"]["code"] == "internal_error"
    assert "hidden" not in wire.body.decode() + caplog.text
    assert "ValueError in req_1 at test_layers.py" in caplog.text


async def test_the_net_says_nothing_twice() -> None:
    wire = Wire(REQUEST)
    await wire.run(Net(raising(ValueError(), late=True), 10))
    assert len(wire.sent) == 1


async def test_nobody_is_answered_who_has_left(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(REQUEST)
    await wire.run(Net(raising(ClientDisconnect()), 10))
    assert wire.sent == []
    assert not caplog.records


# Problems


class Body(BaseModel):
    model: str
    size: int = 1
    stop: str | list[str] = ""
    depth: list[dict[str, int]] = Field(default_factory=list)


@pytest.mark.parametrize(("body", "param", "code"), [
    ({}, "model", "missing_required_parameter"),
    ({"model": 5}, "model", "invalid_type"),
    ({"model": "m", "size": "x"}, "size", "invalid_type"),
    ({"model": "m", "stop": 5}, "stop", "invalid_type"),
    ({"model": "m", "stop": ["a", 5]}, "stop", "invalid_type"),
    ({"model": "m", "depth": [{}, {"a": "x"}]}, "depth.1.a", "invalid_type"),
    ([], None, "invalid_type"),
])  # fmt: skip
def test_the_first_wrong_field_is_named(body: Any, param: str | None, code: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Body.model_validate(body)
    error = as_gateway_error(raised.value, "req_1")
    assert (error.status, error.type, error.param, error.code) == (400, "invalid_request_error", param, code)


@pytest.mark.parametrize(("problem", "status", "code"), [
    (InvalidRequest("x", code="y"), 400, "y"),
    (RuntimeError("hidden"), 500, "internal_error"),
])  # fmt: skip
def test_every_exception_is_an_envelope(problem: Exception, status: int, code: str) -> None:
    reply = problem_response(as_gateway_error(problem, "req_1"), "req_1")
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["request_id"]) == (status, code, "req_1")
    assert "hidden" not in str(error)


def test_the_cause_of_a_500_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    problem = UpstreamFailure("told", status=500)
    problem.__cause__ = KeyError("hidden")
    assert as_gateway_error(problem, "req_1") is problem
    assert "KeyError in req_1" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.parametrize(("error", "headers"), [
    (GatewayError("x", retry_after=0.2), {"retry-after": "1", "retry-after-ms": "200"}),
    (GatewayError("x", retry_after=30), {"retry-after": "30", "retry-after-ms": "30000"}),
    (GatewayError("x", should_retry=False), {"x-should-retry": "false"}),
    (GatewayError("x", should_retry=True), {"x-should-retry": "true"}),
    (GatewayError("x", status=401), {"www-authenticate": "Bearer"}),
    (GatewayError("x"), {}),
])  # fmt: skip
def test_headers_tell_clients_whether_and_when_to_try_again(error: GatewayError, headers: dict[str, str]) -> None:
    always = {"content-type": "application/json", "cache-control": "no-store"}
    assert problem_headers(error) == always | headers


def test_a_receipt_as_headers_is_ascii_and_bounded() -> None:
    receipt = Receipt(model="mödel\r\nx: y")
    assert receipt_headers(Receipt()) == {}
    receipt.ignore("seed", "name\n" + "x" * 5000)
    receipt.repairs.update({"blank-text": 2, "orphan-result": 1, "none": 0})
    headers = receipt_headers(receipt)
    assert headers["x-gateway-model"] == "m_del__x: y"
    assert headers["x-gateway-ignored"].startswith("seed,name_x")
    assert len(headers["x-gateway-ignored"]) == MAX_HEADER
    assert headers["x-gateway-repairs"] == "blank-text=2,orphan-result=1"


def test_a_receipt_tells_of_limits_and_of_the_cache() -> None:
    receipt = Receipt(cache="hit", headers={"x-ratelimit-limit-requests": "60", "x-odd": "ä\r\nb"})
    assert receipt_headers(receipt) == {
        "x-ratelimit-limit-requests": "60",
        "x-odd": "___b",
        "x-gateway-cache": "hit",
        "cache-control": "private, no-store, no-transform",
    }
