"""HTTP requests as payload 2.0 events."""

from __future__ import annotations

import base64
import json
import re

import pytest

from local.function_url.events import Url, encoded, event_of, split_target
from local.function_url.wire import Head, Headers

URL = Url("abc123", "eu-west-1")


def event(
    target: str = "/", headers: Headers | None = None, body: bytes = b"", method: str = "POST"
) -> dict[str, object]:
    return event_of(Head(method, target, "HTTP/1.1", headers or []), body, "203.0.113.9", URL, "id-1")


def test_path_and_query_stay_as_they_were_sent() -> None:
    made = event("/a%20b/c%2Fd?x=1&x=%32&y")
    assert made["rawPath"] == "/a%20b/c%2Fd"
    assert made["rawQueryString"] == "x=1&x=%32&y"
    assert made["queryStringParameters"] == {"x": "1,2", "y": ""}


def test_the_request_context_is_that_of_a_function_url() -> None:
    context = event("/a%20b", [("user-agent", "me/1")])["requestContext"]
    assert isinstance(context, dict)
    assert context["http"] == {
        "method": "POST",
        "path": "/a b",
        "protocol": "HTTP/1.1",
        "sourceIp": "203.0.113.9",
        "userAgent": "me/1",
    }
    assert context["domainName"] == "abc123.lambda-url.eu-west-1.on.aws"
    assert (context["accountId"], context["apiId"], context["domainPrefix"]) == ("anonymous", "abc123", "abc123")
    assert (context["requestId"], context["stage"], context["routeKey"]) == ("id-1", "$default", "$default")
    assert (context["authentication"], context["authorizer"]) == (None, None)
    assert str(context["time"]).endswith(" +0000")
    assert isinstance(context["timeEpoch"], int)


def test_headers_are_lower_case_and_joined_by_commas() -> None:
    headers = event("/", [("accept", "a"), ("x", "1"), ("accept", "b"), ("connection", "close"), ("te", "gzip")])[
        "headers"
    ]
    assert isinstance(headers, dict)
    assert (headers["accept"], headers["x"]) == ("a,b", "1")
    assert not {"connection", "te"} & set(headers)
    assert headers["host"] == "abc123.lambda-url.eu-west-1.on.aws"


def test_cookies_are_a_list_of_their_own() -> None:
    made = event("/", [("cookie", "a=1; b=2"), ("cookie", "c=3")])
    assert made["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in json.dumps(made["headers"])


def test_a_client_keeps_the_left_of_x_forwarded_for_and_nothing_else() -> None:
    made = event("/", [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-proto", "http"), ("x-forwarded-port", "80")])
    headers, context = made["headers"], made["requestContext"]
    assert isinstance(headers, dict)
    assert isinstance(context, dict)
    assert headers["x-forwarded-for"] == "10.0.0.1, 203.0.113.9"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("https", "443")
    assert context["http"]["sourceIp"] == "203.0.113.9"


ROOT = "Root=1-65f00000-0123456789abcdef01234567"


def trace(*said: str) -> str:
    headers = event("/", [("x-amzn-trace-id", each) for each in said])["headers"]
    assert isinstance(headers, dict)
    return str(headers["x-amzn-trace-id"])


@pytest.mark.parametrize(
    "said", [ROOT, f"{ROOT};Sampled=1", f"{ROOT};Parent=53995c3f42cd8ad8", f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=0"]
)
def test_a_clients_trace_is_kept(said: str) -> None:
    assert trace(said) == said


@pytest.mark.parametrize(
    "said",
    [
        "",
        "\0",
        f"{ROOT}\0",
        f"{ROOT}\n",
        f"{ROOT};Sampled=1\0",
        f"{ROOT};Parent=\xe9",
        f"{ROOT};Self=1",
        f"{ROOT}0",
        ROOT.upper(),
        ROOT.replace("a", "g"),
        "Root=1-a",
        "Sampled=1",
    ],
)
def test_a_trace_over_which_the_adapter_could_panic_is_replaced(said: str) -> None:
    made = trace(said)
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", made)
    assert made != said


def test_two_traces_are_none() -> None:
    assert ROOT not in trace(ROOT, ROOT)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/plain", "Text/CSV"])
def test_text_stays_text(kind: str) -> None:
    made = event("/", [("content-type", kind)], '{"ä": 1}'.encode())
    assert (made["body"], made["isBase64Encoded"]) == ('{"ä": 1}', False)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", "application/octet-stream")],
        [("content-type", "multipart/form-data; boundary=x")],
        [("content-type", "application/json"), ("content-encoding", "gzip")],
    ],
)
def test_the_rest_goes_as_base64(headers: Headers) -> None:
    made = event("/", headers, b"\xff\x00")
    assert (made["body"], made["isBase64Encoded"]) == (base64.b64encode(b"\xff\x00").decode(), True)


def test_text_that_is_none_goes_as_base64() -> None:
    assert event("/", [("content-type", "application/json")], b"\xff")["isBase64Encoded"] is True


def test_an_event_without_a_body_has_none() -> None:
    assert "body" not in event(method="GET")


def test_the_length_is_that_of_the_body_as_it_arrived() -> None:
    headers = event("/", [("transfer-encoding", "chunked"), ("content-type", "text/plain")], b"12345")["headers"]
    assert isinstance(headers, dict)
    assert headers["content-length"] == "5"
    assert "transfer-encoding" not in headers


@pytest.mark.parametrize(
    ("target", "split"),
    [
        ("http://host/a?b=c", ("/a", "b=c")),
        ("http://host", ("/", "")),
        ("*", ("/", "")),
        ("/a?next=http://x/y", ("/a", "next=http://x/y")),
        ("/http://x", ("/http://x", "")),
    ],
)
def test_forms_of_a_target(target: str, split: tuple[str, str]) -> None:
    assert split_target(target) == split


def test_quotes_count_twice_in_the_size_of_an_event() -> None:
    plain = len(encoded(event("/", [("content-type", "text/plain")], b"a" * 1000)))
    quoted = len(encoded(event("/", [("content-type", "text/plain")], b'"' * 1000)))
    assert quoted - plain == 1000
