"""Real events of every front, through the handler, to the gateway over the emulator, and back in the front's own form."""

from __future__ import annotations

import asyncio
import base64
import copy
import gzip
import importlib
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from app import lambda_handler
from app.core.books import UsageRecord
from app.lambda_handler import Handler, build, fitted, front_of, lambda_context, request_context
from app.main import create_app
from app.settings import Settings
from local.emulator import Emulator

EVENTS = Path(__file__).parent / "lambda_events"
FRONTS = [
    "function_url",
    "function_url_iam",
    "http_api_v2",
    "http_api_v2_stage",
    "http_api_v1",
    "rest_api",
    "alb",
    "alb_multi_value",
]
OTHERS = sorted(path.stem for path in EVENTS.glob("other_*.json"))
KEY = "sk-lambda-5d2e71"
NOVA = "amazon.nova-lite-v1:0"
CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


class Context:
    """What Lambda's runtime passes beside the event."""

    function_name = "gateway"
    aws_request_id = "8f507cfc-1d2e-4e0f-9f5a-6b7c8d9e0f10"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:gateway"

    def __init__(self, seconds: float = 300.0) -> None:
        self._milliseconds = round(seconds * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Meter:
    def __init__(self) -> None:
        self.records: list[UsageRecord] = []

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def environ(emulator: Emulator) -> dict[str, str]:
    return {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIALAMBDATESTING123",
        "AWS_SECRET_ACCESS_KEY": "lambda-secret-access-key",
        "AWS_ENDPOINT_URL": emulator.url,
    }


def gateway(emulator: Emulator, **settings: Any) -> Handler:
    given = {"api_key": KEY, "aws_lambda_function_name": "gateway"} | settings
    app = create_app(Settings.model_validate(given), environ(emulator), meter=Meter())
    return Handler(app, given.get("api_route_prefix", "/api/v1"))


@pytest.fixture(scope="module")
def handler(emulator: Emulator) -> Iterator[Handler]:
    handler = gateway(emulator)
    yield handler
    handler.close()


def event_of(front: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{front}.json").read_text())
    return event


def asking(
    front: str,
    method: str = "POST",
    path: str | None = None,
    *,
    body: Any = None,
    headers: Mapping[str, str | None] | None = None,
    query: str = "",
) -> dict[str, Any]:
    """The front's event for another request. A header of None is taken away. `path` as it was sent, percent-encoded."""
    event = event_of(front)
    changes = {"content-length": None} | dict(headers or {})
    for name, value in changes.items():
        _set_header(event, name, value)
    if event.get("version") == "2.0":
        _ask_v2(event, method, path, query)
    else:
        _ask_v1(event, front, method, path, query)
    if body is not None or method != "POST":
        event["body"] = body if isinstance(body, str | None) else json.dumps(body)
    return event


def _ask_v2(event: dict[str, Any], method: str, path: str | None, query: str) -> None:
    http = event["requestContext"]["http"]
    stage = event["requestContext"]["stage"]
    http["method"] = method
    event["rawQueryString"] = query
    if path is not None:
        event["rawPath"] = http["path"] = path if stage == "$default" else f"/{stage}{path}"


def _ask_v1(event: dict[str, Any], front: str, method: str, path: str | None, query: str) -> None:
    event["httpMethod"] = method
    event["path"] = event["path"] if path is None else path
    if query:
        pairs = [pair.split("=", 1) for pair in query.split("&")]
        many: dict[str, list[str]] = {}
        for name, value in pairs:
            many.setdefault(name, []).append(value)
        if front != "alb":
            event["multiValueQueryStringParameters"] = many
        if front != "alb_multi_value":
            event["queryStringParameters"] = dict(pairs)


def _set_header(event: dict[str, Any], name: str, value: str | None) -> None:
    for kind, wrap in (("headers", str), ("multiValueHeaders", lambda text: [text])):
        if event.get(kind) is None:
            continue
        kept = {key: old for key, old in event[kind].items() if key.lower() != name.lower()}
        event[kind] = kept | ({} if value is None else {name: cast("Callable[[str], Any]", wrap)(value)})


def headers_of(answer: Mapping[str, Any]) -> dict[str, str]:
    many = {name: ", ".join(values) for name, values in (answer.get("multiValueHeaders") or {}).items()}
    return {name.lower(): value for name, value in (many | (answer.get("headers") or {})).items()}


def json_of(answer: Mapping[str, Any]) -> Any:
    assert answer["isBase64Encoded"] is False
    return json.loads(answer["body"])


# What every front can do


@pytest.mark.parametrize("front", FRONTS)
def test_a_chat_is_answered(handler: Handler, front: str) -> None:
    answer = handler(event_of(front), Context())
    assert answer["statusCode"] == 200, answer
    assert json_of(answer)["choices"][0]["message"]["content"].startswith("You said")
    assert headers_of(answer)["content-type"] == "application/json"
    assert headers_of(answer)["x-request-id"].startswith("req_")
    assert "x-gateway-stream" not in headers_of(answer)
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize("front", FRONTS)
def test_the_answer_has_the_form_that_its_front_expects(handler: Handler, front: str) -> None:
    keys = set(handler(event_of(front), Context()))
    if front.startswith("alb"):
        assert keys == {"statusCode", "body", "isBase64Encoded", "multiValueHeaders" if "multi" in front else "headers"}
    elif front in ("http_api_v1", "rest_api"):
        assert keys == {"statusCode", "body", "isBase64Encoded", "headers", "multiValueHeaders"}
    else:
        assert keys == {"statusCode", "body", "isBase64Encoded", "headers"}


@pytest.mark.parametrize("front", FRONTS)
def test_a_stream_arrives_whole_and_says_so(handler: Handler, front: str) -> None:
    body = {"model": NOVA, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    answer = handler(asking(front, body=body), Context())
    assert answer["statusCode"] == 200
    assert headers_of(answer)["x-gateway-stream"] == "buffered"
    assert headers_of(answer)["content-type"].startswith("text/event-stream")
    assert answer["isBase64Encoded"] is False
    frames = [line.removeprefix("data: ") for line in answer["body"].split("\n") if line.startswith("data: ")]
    assert frames[-1] == "[DONE]"
    text = "".join(json.loads(frame)["choices"][0]["delta"].get("content") or "" for frame in frames[:-1])
    assert text.startswith("You said")


@pytest.mark.parametrize("front", FRONTS)
def test_a_body_in_base64_is_decoded(handler: Handler, front: str) -> None:
    event = event_of(front)
    text = json.dumps({"model": NOVA, "messages": [{"role": "user", "content": "Grüße 🚀"}]}, ensure_ascii=False)
    event |= {"body": base64.b64encode(text.encode()).decode(), "isBase64Encoded": True}
    assert "Grüße 🚀" in json_of(handler(event, Context()))["choices"][0]["message"]["content"]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize(("coding", "status"), [("gzip", 200), ("br", 415)])
def test_a_compressed_body_is_inflated(handler: Handler, front: str, coding: str, status: int) -> None:
    body = gzip.compress(json.dumps({"model": NOVA, "messages": [{"role": "user", "content": "Hello"}]}).encode())
    event = asking(front, headers={"content-encoding": coding})
    event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    answer = handler(event, Context())
    assert answer["statusCode"] == status
    assert "choices" in json_of(answer) or "Content-Encoding" in json_of(answer)["error"]["message"]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize(
    "sent", ["amazon.nova-lite-v1:0", "amazon.nova-lite-v1%3A0", "amazon%2Enova-lite-v1%3a0"], ids=str
)
def test_a_model_id_may_be_percent_encoded(handler: Handler, front: str, sent: str) -> None:
    answer = handler(asking(front, "GET", f"/v1/models/{sent}"), Context())
    assert (answer["statusCode"], json_of(answer)["id"]) == (200, NOVA)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("slash", ["/", "%2F"])
def test_a_model_id_may_hold_slashes(handler: Handler, front: str, slash: str) -> None:
    answer = handler(asking(front, "GET", f"/v1/models/bedrock{slash}no-such-model%3A0"), Context())
    assert answer["statusCode"] == 404
    assert "'bedrock/no-such-model:0'" in json_of(answer)["error"]["message"]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("path", ["/v1/models", "/api/v1/models"])
def test_every_prefix_is_served(handler: Handler, front: str, path: str) -> None:
    answer = handler(asking(front, "GET", path), Context())
    assert answer["statusCode"] == 200
    assert json_of(answer)["data"]


@pytest.mark.parametrize("front", FRONTS)
def test_a_wrong_key_gets_the_envelope(handler: Handler, front: str) -> None:
    wrong = {"authorization": "Bearer sk-wrong", "x-api-key": None}
    answer = handler(asking(front, "GET", "/v1/models", headers=wrong), Context())
    assert (answer["statusCode"], json_of(answer)["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("front", FRONTS)
def test_an_unknown_route_gets_the_envelope(handler: Handler, front: str) -> None:
    answer = handler(asking(front, "POST", "/events", body="{}"), Context())
    assert (answer["statusCode"], json_of(answer)["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize("front", FRONTS)
def test_head_has_headers_and_no_body(handler: Handler, front: str) -> None:
    answer = handler(asking(front, "HEAD", "/health"), Context())
    assert (answer["statusCode"], answer["body"]) == (200, "")
    assert headers_of(answer)["content-type"] == "application/json"


@pytest.mark.parametrize("front", FRONTS)
def test_options_is_refused_while_cors_is_closed(handler: Handler, front: str) -> None:
    asked = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
    answer = handler(asking(front, "OPTIONS", "/v1/models", headers=asked), Context())
    assert answer["statusCode"] == 405
    assert not [name for name in headers_of(answer) if name.startswith("access-control-")]


@pytest.mark.parametrize("front", FRONTS)
def test_a_preflight_is_answered_once_where_the_origin_is_allowed(emulator: Emulator, front: str) -> None:
    handler = gateway(emulator, allowed_origins="https://app.example.com")
    asked = {"origin": "https://app.example.com", "access-control-request-method": "POST", "authorization": None}
    answer = handler(asking(front, "OPTIONS", "/v1/chat/completions", headers=asked), Context())
    handler.close()
    assert answer["statusCode"] == 200
    assert headers_of(answer)["access-control-allow-origin"] == "https://app.example.com"


@pytest.mark.parametrize("front", FRONTS)
def test_the_query_reaches_the_application_whole(front: str) -> None:
    sent = "a=1&b=x%20y" if front.startswith(("function", "http_api_v2", "alb")) else "a=1&b=x y"
    seen = seen_by_app(asking(front, "GET", "/v1/models", query=sent))
    assert seen["query_string"].replace(b"%20", b"+") == b"a=1&b=x+y"


@pytest.mark.parametrize("front", [front for front in FRONTS if front != "alb"])
def test_a_repeated_query_parameter_is_kept(front: str) -> None:
    seen = seen_by_app(asking(front, "GET", "/v1/models", query="model=a&model=b"))
    assert seen["query_string"] == b"model=a&model=b"


@pytest.mark.parametrize("front", ["function_url", "http_api_v2"])
def test_cookies_are_one_header(front: str) -> None:
    event = asking(front, "GET", "/v1/models") | {"cookies": ["a=1", "b=2"]}
    assert seen_by_app(event)["headers"]["cookie"] == "a=1; b=2"


@pytest.mark.parametrize("front", ["rest_api", "http_api_v1", "alb_multi_value"])
def test_of_a_repeated_header_nothing_is_lost(front: str) -> None:
    event = event_of(front)
    event["multiValueHeaders"]["x-tag"] = ["one", "two"]
    assert seen_by_app(event)["headers"]["x-tag"] in ("one, two", "two")
    assert b"one" in b"".join(value for _, value in seen_by_app(event)["raw"])


# Who asks, and until when


def seen_by_app(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
    """What an application behind the handler sees of a request: path, query string, headers."""
    seen: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        raw = [tuple(header) for header in scope["headers"]]
        seen.update(path=scope["path"], query_string=scope["query_string"], raw=raw)
        seen["headers"] = {name.decode(): value.decode() for name, value in raw}
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    handler = Handler(app)
    try:
        assert handler(event, context or Context())["statusCode"] == 204
    finally:
        handler.close()
    return seen


@pytest.mark.parametrize("front", FRONTS)
def test_the_application_learns_the_source_address_from_the_front_only(front: str) -> None:
    event = event_of(front)
    for name in ("X-Amzn-Request-Context", "x-amzn-request-context", "X-AMZN-LAMBDA-CONTEXT"):
        _add_header(event, name, '{"http": {"sourceIp": "192.0.2.66"}, "deadline": 1, "spoofed": true}')
    before = copy.deepcopy(event)
    seen = seen_by_app(event)
    contexts = [value for name, value in seen["raw"] if name == b"x-amzn-request-context"]
    assert [json.loads(each)["http"]["sourceIp"] for each in contexts] == ["203.0.113.20"]
    assert len([name for name, _ in seen["raw"] if name == b"x-amzn-lambda-context"]) == 1
    assert b"spoofed" not in b"".join(value for _, value in seen["raw"])
    assert event == before, "the event belongs to the runtime"


def _add_header(event: dict[str, Any], name: str, value: str) -> None:
    if event.get("headers") is not None:
        event["headers"][name] = value
    if event.get("multiValueHeaders") is not None:
        event["multiValueHeaders"][name] = [value]


@pytest.mark.parametrize("front", FRONTS)
def test_the_application_learns_the_deadline(front: str) -> None:
    told = json.loads(seen_by_app(event_of(front), Context(seconds=20))["headers"]["x-amzn-lambda-context"])
    assert told["deadline"] / 1000 == pytest.approx(time.time() + 20, abs=2)
    assert told["request_id"] == Context.aws_request_id
    assert told["invoked_function_arn"] == Context.invoked_function_arn


def deadline_of(event: dict[str, Any], front: Any, seconds: float) -> float:
    deadline: float = lambda_context(event, front, Context(seconds))["deadline"] / 1000
    return deadline


def test_behind_an_http_api_the_deadline_is_the_apis_own() -> None:
    event = event_of("http_api_v2")
    began = round(time.time() * 1000) - 12_000
    event["requestContext"]["timeEpoch"] = began
    assert deadline_of(event, "http-api", 900) == pytest.approx(began / 1000 + 30, abs=0.01)
    assert deadline_of(event, "http-api", 5) == pytest.approx(time.time() + 5, abs=1)
    first = event_of("http_api_v1")
    first["requestContext"]["requestTimeEpoch"] = began
    assert deadline_of(first, "http-api", 900) == pytest.approx(began / 1000 + 30, abs=0.01)


@pytest.mark.parametrize("began", [1, None, "soon", 9_999_999_999_999])
def test_an_event_of_another_day_still_has_its_thirty_seconds(began: Any) -> None:
    event = event_of("http_api_v2")
    event["requestContext"]["timeEpoch"] = began
    assert deadline_of(event, "http-api", 900) == pytest.approx(time.time() + 30, abs=1)


def test_elsewhere_the_function_alone_sets_the_deadline() -> None:
    assert deadline_of(event_of("function_url"), "url", 900) == pytest.approx(time.time() + 900, abs=1)
    assert deadline_of(event_of("alb"), "alb", 900) == pytest.approx(time.time() + 900, abs=1)


@pytest.mark.parametrize(
    ("forwarded", "source"),
    [
        ("203.0.113.20", "203.0.113.20"),
        ("10.0.0.1, 198.51.100.7,203.0.113.20", "203.0.113.20"),
        ("spoofed, 203.0.113.20:52814", "203.0.113.20"),
        ("2001:db8::7", "2001:db8::7"),
        ("192.0.2.1, [2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("front", ["alb", "alb_multi_value"])
def test_behind_a_load_balancer_the_last_forwarded_address_counts(front: str, forwarded: str, source: str) -> None:
    event = event_of(front)
    _set_header(event, "X-Forwarded-For", forwarded)
    assert request_context(event, "alb")["http"]["sourceIp"] == source


def test_a_load_balancer_without_the_header_names_nobody() -> None:
    assert request_context(event_of("alb_health_check"), "alb")["http"]["sourceIp"] == ""
    several = event_of("alb_multi_value")
    several["multiValueHeaders"]["x-forwarded-for"] = ["203.0.113.99", "198.51.100.1, 203.0.113.20"]
    assert request_context(several, "alb")["http"]["sourceIp"] == "203.0.113.20"


@pytest.mark.parametrize("front", FRONTS)
def test_networks_are_told_apart_by_the_fronts_word(emulator: Emulator, front: str) -> None:
    for networks, status in (("203.0.113.0/24", 200), ("198.51.100.0/24, 2001:db8::/32", 403)):
        handler = gateway(emulator, allowed_networks=networks)
        answer = handler(asking(front, "GET", "/v1/models"), Context())
        health = handler(asking(front, "GET", "/health"), Context())
        handler.close()
        assert (answer["statusCode"], health["statusCode"]) == (status, 200)


def test_a_stream_ends_honestly_before_the_front_gives_up(emulator: Emulator) -> None:
    handler = gateway(emulator)
    body = {"model": NOVA, "messages": [{"role": "user", "content": "[[emulate: hang after=3]]"}], "stream": True}
    answer = handler(asking("function_url", body=body), Context(seconds=1.2))
    handler.close()
    assert answer["statusCode"] == 200
    last = [line for line in answer["body"].splitlines() if line.startswith("data: {")][-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "deadline_exceeded"


# Paths with something in front


@pytest.mark.parametrize(
    ("stage", "path", "served"),
    [
        ("prod", "/prod/v1/models", "/v1/models"),
        ("prod", "/v1/models", "/v1/models"),
        ("v1", "/v1/v1/models", "/v1/models"),
        ("v1", "/v1/models", "/v1/models"),
        ("prod", "/prod/health", "/health"),
        ("prod", "/product/v1/models", "/product/v1/models"),
        ("prod", "/prod/llm/v1/models", "/prod/llm/v1/models"),
        ("prod", "/prod", "/prod"),
        ("$default", "/v1/models", "/v1/models"),
    ],
)
@pytest.mark.parametrize("front", ["http_api_v2", "http_api_v1", "rest_api"])
def test_a_stage_in_front_of_the_path_is_dropped(front: str, stage: str, path: str, served: str) -> None:
    event = asking(front, "GET")
    event["requestContext"]["stage"] = stage
    if front == "http_api_v2":
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
    else:
        event["path"] = path
    assert seen_by_app(event)["path"] == served


@pytest.mark.parametrize("front", ["rest_api", "http_api_v1"])
def test_a_test_event_without_identity_and_request_id_is_a_request(front: str) -> None:
    """The consoles of API Gateway and Lambda send null for both."""
    event = asking(front, "GET", "/v1/models")
    event["requestContext"] |= {"identity": None, "requestId": None}
    assert seen_by_app(event)["path"] == "/v1/models"


@pytest.mark.parametrize("front", ["rest_api", "alb", "http_api_v2"])
def test_a_base_path_of_a_custom_domain_is_a_prefix_of_ones_own(emulator: Emulator, front: str) -> None:
    handler = gateway(emulator, api_route_prefix="/llm/v1")
    answer = handler(asking(front, "GET", "/llm/v1/models"), Context())
    handler.close()
    assert answer["statusCode"] == 200


def test_the_load_balancers_own_health_check_is_answered(handler: Handler) -> None:
    answer = handler(event_of("alb_health_check"), Context())
    assert (answer["statusCode"], json_of(answer)["status"]) == (200, "ok")


# What is no request


@pytest.mark.parametrize("name", OTHERS)
def test_an_event_that_is_no_request_is_refused(handler: Handler, caplog: pytest.LogCaptureFixture, name: str) -> None:
    answer = handler(event_of(name), Context())
    assert (answer["statusCode"], json_of(answer)["error"]["code"]) == (400, "not_a_request")
    assert "no HTTP request" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "event",
    [
        *(None, [], "warm", 7, {}, {"warmer": True}, {"requestContext": None}, {"requestContext": {"elb": {}}}),
        *({"Records": ["odd"]}, {"version": "2.0", "requestContext": {}}, {"requestContext": {}, "resource": "/"}),
    ],
    ids=str,
)
def test_whatever_is_invoked_with_is_no_stack_trace(handler: Handler, event: Any) -> None:
    assert front_of(event) is None
    assert handler(event, Context())["statusCode"] == 400


def without(event: dict[str, Any], *path: str) -> dict[str, Any]:
    """The event without what is at `path`."""
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return event


def having(event: dict[str, Any], value: Any, *path: str) -> dict[str, Any]:
    """The event with `value` at `path`."""
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return event


MALFORMED: dict[str, Callable[[], dict[str, Any]]] = {
    "http is null": lambda: having(event_of("function_url"), None, "requestContext", "http"),
    "http is a list": lambda: having(event_of("http_api_v2"), [], "requestContext", "http"),
    "no method": lambda: without(event_of("function_url"), "requestContext", "http", "method"),
    "method is null": lambda: having(event_of("http_api_v2"), None, "requestContext", "http", "method"),
    "no source address": lambda: without(event_of("function_url"), "requestContext", "http", "sourceIp"),
    "rawPath is null": lambda: having(event_of("function_url"), None, "rawPath"),
    "no rawPath": lambda: without(event_of("http_api_v2"), "rawPath"),
    "version 2.0 of another form": lambda: having(event_of("rest_api"), "2.0", "version"),
    "header is a number": lambda: having(event_of("function_url"), 7, "headers", "x-tag"),
    "header is null": lambda: having(event_of("alb"), None, "headers", "x-tag"),
    "header is a list": lambda: having(event_of("rest_api"), ["a"], "headers", "x-tag"),
    "headers are a list": lambda: having(event_of("function_url"), [], "headers"),
    "headers are a text": lambda: having(event_of("rest_api"), "odd", "headers"),
    "a header of many is a text": lambda: having(event_of("alb_multi_value"), "a", "multiValueHeaders", "x-tag"),
    "a header of many has a number": lambda: having(event_of("rest_api"), [7], "multiValueHeaders", "x-tag"),
    "a header of many is null": lambda: having(event_of("alb_multi_value"), None, "multiValueHeaders", "x-tag"),
    "headers of a balancer are null": lambda: event_of("alb") | {"headers": None, "multiValueHeaders": None},
    "many headers of a balancer are null": lambda: event_of("alb") | {"multiValueHeaders": None},
    "httpMethod is null": lambda: having(event_of("rest_api"), None, "httpMethod"),
    "path is a number": lambda: having(event_of("alb"), 7, "path"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_event_that_looks_like_http_is_refused_and_raises_nothing(
    handler: Handler, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    event = MALFORMED[name]()
    assert front_of(event) is None
    answer = handler(event, Context())
    assert (answer["statusCode"], json_of(answer)["error"]["code"]) == (400, "not_a_request")
    assert "no HTTP request" in caplog.text


UNREADABLE: dict[str, Callable[[], dict[str, Any]]] = {
    "base64 that is none": lambda: event_of("alb") | {"body": "abcde", "isBase64Encoded": True},
    "body is an object": lambda: event_of("function_url") | {"body": {"a": 1}},
    "body of half a character": lambda: event_of("http_api_v2") | {"body": "\ud800"},
    "query is null": lambda: event_of("http_api_v2") | {"rawQueryString": None},
    "cookies are numbers": lambda: event_of("function_url") | {"cookies": [1]},
    "identity is a text": lambda: having(event_of("http_api_v1"), "odd", "requestContext", "identity"),
    "version 2.0 behind a balancer": lambda: having(event_of("function_url"), {}, "requestContext", "elb"),
    "Host is an IPv6 address": lambda: asking("alb", headers={"host": "[2001:db8::7]:443"}),
    "Host has an odd port": lambda: asking("alb_multi_value", headers={"host": "gateway.example.com:odd"}),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_request_that_mangum_cannot_read_is_refused_in_its_fronts_form(
    handler: Handler, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    event = UNREADABLE[name]()
    answer = handler(event, Context())
    assert (answer["statusCode"], json_of(answer)["error"]["code"]) == (400, "not_a_request")
    assert ("headers" in answer) == ("headers" in event)
    assert "Error)" in caplog.text, "the kind of the trouble"


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("odd", [None, [], {}, 7, "odd", "\ud800"], ids=ascii)
def test_no_field_of_an_event_makes_the_handler_raise(front: str, odd: Any) -> None:
    handler = Handler(talkative(2))
    for path in paths_of(event_of(front)):
        for event in (having(event_of(front), odd, *path), without(event_of(front), *path)):
            assert handler(event, Context())["statusCode"] in (200, 400), path
    handler.close()


def paths_of(event: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Of every field, the inner ones included."""
    for name, value in event.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *inner) for inner in paths_of(value))


def test_a_header_that_an_event_leaves_out_is_no_reason_to_refuse(handler: Handler) -> None:
    for front in ("function_url", "rest_api"):
        event = event_of(front) | {"headers": None, "multiValueHeaders": None}
        assert handler(event, Context())["statusCode"] == 401


def test_the_refusal_names_the_source_in_the_log(handler: Handler, caplog: pytest.LogCaptureFixture) -> None:
    handler(event_of("other_sqs"), Context())
    handler(event_of("other_scheduled"), Context())
    assert "'aws:sqs'" in caplog.text
    assert "'aws.scheduler'" in caplog.text


# What does not fit


def talkative(size: int, kind: bytes = b"application/json") -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(b"content-type", kind), (b"x-request-id", b"req_1"), (b"content-length", b"%d" % size)]
            headers.append((b"access-control-allow-origin", b"https://app.example.com"))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"x" * size})

    return app


def answered(front: str, size: int, kind: bytes = b"application/json") -> dict[str, Any]:
    handler = Handler(talkative(size, kind))
    try:
        return handler(event_of(front), Context())
    finally:
        handler.close()


@pytest.mark.parametrize(
    ("front", "fits", "does_not"),
    [
        *((front, 6_200_000, 6_291_456) for front in ("function_url", "rest_api", "http_api_v1", "http_api_v2")),
        *((front, 1_000_000, 1_048_576) for front in ("alb", "alb_multi_value")),
    ],
)
def test_an_answer_beyond_the_fronts_limit_is_an_honest_error(front: str, fits: int, does_not: int) -> None:
    assert answered(front, fits)["statusCode"] == 200
    answer = answered(front, does_not)
    headers = headers_of(answer)
    error = json_of(answer)["error"]
    assert (answer["statusCode"], error["code"], error["request_id"]) == (502, "response_too_large", "req_1")
    assert (headers["x-request-id"], headers["x-should-retry"]) == ("req_1", "false")
    assert headers["content-type"] == "application/json"
    assert "content-length" not in headers
    assert headers["access-control-allow-origin"] == "https://app.example.com", "a page may read the error"
    assert ("multiValueHeaders" in answer) == (front == "alb_multi_value")


def test_what_json_makes_longer_counts_at_its_full_length() -> None:
    answer = {"statusCode": 200, "headers": {}, "body": '"' * 600_000, "isBase64Encoded": False}
    assert fitted(answer, 1_250_000) is answer
    assert fitted(answer, 1_199_000)["statusCode"] == 502


def test_a_stream_that_does_not_fit_is_no_stream_any_more() -> None:
    answer = answered("alb", 2_000_000, b"text/event-stream")
    assert answer["statusCode"] == 502
    assert "x-gateway-stream" not in headers_of(answer)


def test_bytes_that_are_no_text_are_returned_in_base64() -> None:
    answer = answered("function_url", 100, b"image/png")
    assert answer["isBase64Encoded"] is True
    assert base64.b64decode(answer["body"]) == b"x" * 100


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("sent", [0, 1, 2])
def test_an_answer_that_was_left_unfinished_does_not_pass_for_a_whole_one(front: str, sent: int) -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": b'{"half":', "more_body": True},
    ]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages[:sent] if scope["type"] == "http" else ():
            await send(message)

    handler = Handler(app)
    answer = handler(event_of(front), Context())
    handler.close()
    assert (answer["statusCode"], json_of(answer)["error"]["code"]) == (500, "internal_error")


# The process


def test_all_invocations_run_on_one_event_loop() -> None:
    loops = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            loops.append(asyncio.get_running_loop())
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

    handler = Handler(app)
    for _ in range(3):
        assert handler(event_of("function_url"), Context())["statusCode"] == 200
    handler.close()
    assert [loop is loops[0] for loop in loops] == [True] * 3


def test_the_applications_start_runs_once(emulator: Emulator) -> None:
    begun: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                begun.append(message["type"])
                await send({"type": f"{message['type']}.complete"})
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    handler = Handler(app)
    for _ in range(3):
        handler(event_of("alb"), Context())
    assert begun == ["lifespan.startup"]
    handler.close()
    assert begun == ["lifespan.startup", "lifespan.shutdown"]


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    names = ("asyncio", "boto3", "botocore", "mangum", "urllib3")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.usefixtures("logging_as_it_was")
def test_settings_that_cannot_be_used_answer_500_and_say_why_in_the_log(
    front: str, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = build({"API_KEY": KEY, "PING_INTERVAL": "never", "AWS_LAMBDA_FUNCTION_NAME": "gateway"})
    assert "PING_INTERVAL" in capsys.readouterr().out
    answer = handler(event_of(front), Context())
    handler.close()
    error = json_of(answer)["error"]
    assert (answer["statusCode"], error["type"], error["code"]) == (500, "server_error", "misconfigured")
    assert headers_of(answer)["x-should-retry"] == "false"
    assert "PING_INTERVAL" not in answer["body"]
    logged = capsys.readouterr().out
    assert "PING_INTERVAL" in logged
    assert "Traceback" not in logged


@pytest.mark.usefixtures("logging_as_it_was")
def test_lines_are_the_same_as_on_every_other_front(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    logging.basicConfig(format="[INFO] %(message)s")  # as the runtime has one before ours
    handler = build(environ(emulator) | {"API_KEY": KEY, "AWS_LAMBDA_FUNCTION_NAME": "gateway"})
    handler(event_of("function_url"), Context())
    handler.close()
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["status"] for line in lines] == [200], "one usage record, and nothing of Mangum's"


def test_importing_does_nothing_and_looking_the_handler_up_builds_it(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    for name, value in (environ(emulator) | {"API_KEY": KEY}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(lambda_handler, "start_logging", lambda level, *, as_json: None)
    module = importlib.import_module("app.lambda_handler")
    assert "handler" not in vars(module)
    built = module.handler
    try:
        assert module.handler is built
        assert built(event_of("alb"), Context())["statusCode"] == 200
        with pytest.raises(AttributeError, match="no attribute 'lambda_handler'"):
            _ = module.lambda_handler
    finally:
        built.close()
        del vars(module)["handler"]


START = """
import json, pathlib, sys, warnings
warnings.simplefilter("error")
from app.lambda_handler import handler
class Context:
    aws_request_id, invoked_function_arn = "1", "arn"
    def get_remaining_time_in_millis(self): return 60000
answer = handler(json.loads(pathlib.Path(sys.argv[1]).read_text()), Context())
print(json.dumps([answer["statusCode"], "aws_lambda_powertools" in sys.modules]))
handler.close()
"""


def test_a_fresh_process_makes_its_own_event_loop_without_a_warning(emulator: Emulator) -> None:
    environment = environ(emulator) | {"API_KEY": KEY, "AWS_LAMBDA_FUNCTION_NAME": "gateway", "LOG_LEVEL": "warning"}
    done = subprocess.run(
        [sys.executable, "-c", START, str(EVENTS / "rest_api.json")],
        capture_output=True,
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stderr, json.loads(done.stdout)) == ("", [200, False])
