"""The real adapter between the harness and a probe: that both keep the contract of the Runtime API.

The statements are those that adapters from 0.9.1 to 1.0.1 share; 1.1.0 is taken at its documentation's word.
"""

from __future__ import annotations

import base64
import itertools
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.function_url import FunctionUrl, events
from local.function_url.events import Url
from local.function_url.invocation import FunctionError
from local.function_url.wire import Head
from tests.function_url.asking import settled
from tests.function_url.conftest import Serve
from tests.wire.gateway import eventually


@pytest.fixture(scope="module")
def url(probe: Serve) -> Iterator[FunctionUrl]:
    with probe() as url:
        yield url


@pytest.fixture
def client(url: FunctionUrl) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url.base, timeout=30) as client:
        yield client


def headers_of(asked: dict[str, Any]) -> dict[str, str]:
    return dict(asked["headers"])


def test_path_query_and_method_arrive_as_they_were_sent(client: httpx.Client) -> None:
    asked = client.request("PATCH", "/a%20b/c%2Fd?x=1&x=2&y=a%20b").json()
    assert (asked["method"], asked["raw_path"], asked["path"]) == ("PATCH", "/a%20b/c%2Fd", "/a b/c/d")
    assert asked["query"] == "x=1&x=2&y=a%20b"


def test_text_and_bytes_arrive_as_they_were_sent(client: httpx.Client) -> None:
    for kind, body in (
        ("application/json", '{"ä":"\\u0000"}'.encode()),
        ("application/octet-stream", bytes(range(256))),
    ):
        asked = client.post("/echo", content=body, headers={"content-type": kind}).json()
        assert base64.b64decode(asked["body"]) == body
        assert headers_of(asked)["content-type"] == kind
        assert headers_of(asked)["content-length"] == str(len(body))


def test_cookies_arrive_as_one_header_and_leave_as_several(client: httpx.Client) -> None:
    asked = client.get("/echo", headers={"cookie": "a=1; b=2"}).json()
    assert headers_of(asked)["cookie"] == "a=1;b=2"  # no space: RFC 6265 wants one, parsers do not
    answer = client.get("/cookies")
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]
    assert answer.text == "crumbs"


def test_contexts_are_the_adapters_own_whatever_a_client_sends(client: httpx.Client) -> None:
    forged = {"x-amzn-request-context": '{"forged":1}', "x-amzn-lambda-context": '{"deadline":1}'}
    asked = client.get("/echo", headers=forged).json()
    assert [name for name, _ in asked["headers"]].count("x-amzn-request-context") == 1
    request = json.loads(headers_of(asked)["x-amzn-request-context"])
    assert (request["http"]["sourceIp"], request["http"]["method"]) == ("127.0.0.1", "GET")
    context = json.loads(headers_of(asked)["x-amzn-lambda-context"])
    assert context["invoked_function_arn"] == "arn:aws:lambda:us-east-1:123456789012:function:gateway"
    assert 800 < context["deadline"] / 1000 - time.time() <= 900
    assert context["env_config"]["memory"] == 512
    assert headers_of(asked)["x-amzn-trace-id"].startswith("Root=1-")


@pytest.mark.parametrize(("said", "status"), [(b"Root=1-a\xe9", b"200"), (b"Root=1-\0", b"400")])
def test_a_trace_that_is_none_does_not_end_the_environment(
    url: FunctionUrl, client: httpx.Client, said: bytes, status: bytes
) -> None:
    before = [each.state for each in url.environments]
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=30) as raw:
        raw.sendall(b"GET /status/200 HTTP/1.0\r\nX-Amzn-Trace-Id: " + said + b"\r\n\r\n")
        assert b"".join(iter(lambda: raw.recv(65536), b"")).split(b" ")[1] == status
    assert client.get("/status/200").status_code == 200
    assert [each.state for each in url.environments if each.state == "gone"] == [one for one in before if one == "gone"]


def test_a_tenant_is_whatever_a_client_says(client: httpx.Client) -> None:
    """So nobody may believe this header."""
    asked = client.get("/echo", headers={"x-amz-tenant-id": "forged"}).json()
    assert headers_of(asked)["x-amz-tenant-id"] == "forged"


@pytest.mark.parametrize("status", [204, 404, 422, 500, 503])
def test_every_status_is_an_ordinary_answer(client: httpx.Client, status: int) -> None:
    answer = client.get(f"/status/{status}")
    assert answer.status_code == status
    assert answer.text == ("" if status == 204 else f"status {status}")


def test_head_and_options_reach_the_function(client: httpx.Client) -> None:
    assert client.options("/echo").json()["method"] == "OPTIONS"
    assert client.head("/status/200").headers["content-length"] == "10"


def test_events_are_passed_on_at_the_pace_of_the_function(client: httpx.Client) -> None:
    arrived = []
    with client.stream("GET", "/sse/0.2") as answer:
        for piece in answer.iter_raw():
            arrived.append((time.monotonic(), piece))
    assert b"".join(piece for _, piece in arrived) == b"data: 0\n\ndata: 1\n\ndata: 2\n\ndata: [DONE]\n\n"
    assert len(arrived) == 4
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(arrived)]
    assert all(gap > 0.1 for gap in gaps), gaps


def test_a_function_that_raises_midway_shows_the_adapters_own_text(client: httpx.Client) -> None:
    """As body bytes of an exchange that ends well: which is why the gateway must never raise after the first byte."""
    answer = client.get("/broken")
    assert answer.status_code == 200
    assert answer.text.startswith("half")
    assert "Lambda-Runtime-Function-Error-Type: " in answer.text
    assert "Lambda-Runtime-Function-Error-Body: " in answer.text


def test_an_event_that_is_no_request_goes_to_the_pass_through_path(url: FunctionUrl) -> None:
    for event in (b'{"warmer":true}', b"{}", b'{"rawPath":"/health"}'):
        _, _, body = url.invoke(event).partition(b"\0" * 8)
        asked = json.loads(body)
        assert (asked["method"], asked["path"]) == ("POST", "/events")
        assert json.loads(base64.b64decode(asked["body"])) == json.loads(event)
        assert headers_of(asked)["x-amzn-request-context"] == "null"
        assert headers_of(asked)["content-type"] == "application/json"
        assert headers_of(asked)["host"].startswith("127.0.0.1:")
        assert json.loads(headers_of(asked)["x-amzn-lambda-context"])["deadline"]


def test_a_stranger_can_post_to_the_pass_through_path(client: httpx.Client) -> None:
    asked = client.post("/events", json={}).json()
    assert asked["path"] == "/events"
    assert headers_of(asked)["x-amzn-request-context"] != "null"


def event(**changes: Any) -> bytes:
    head = Head("POST", "/echo?x=1", "HTTP/1.1", [("content-type", "text/plain"), ("content-length", "2")])
    return events.encoded(events.event_of(head, b"hi", "127.0.0.1", Url("x" * 32, "us-east-1"), "an-id") | changes)


@pytest.mark.parametrize(
    "changes",
    [
        *(
            pytest.param({"rawQueryString": f"x={sign}"}, id=f"query with a raw {sign}")
            for sign in ('"', "<", ">", " ")
        ),
        pytest.param({"rawQueryString": "x=" + "y" * 65_536}, id="query over 64 KB"),
        pytest.param({"body": "!", "isBase64Encoded": True}, id="body that is no base64"),
        pytest.param({"body": "YQ", "isBase64Encoded": True}, id="base64 without its padding"),
    ],
)
def test_an_event_that_the_adapter_cannot_decode_is_an_error_before_the_function_runs(
    url: FunctionUrl, changes: dict[str, Any]
) -> None:
    """The adapter panics within the invocation, which AWS's front answers with 502, and serves the next one."""
    url.invoke(event())
    settled(url)
    before = len(url.environments)
    with pytest.raises(FunctionError, match="Lambda panicked"):
        url.invoke(event(**changes))
    settled(url)
    assert b'"method": "POST"' in url.invoke(event())
    assert len(url.environments) == before


def test_a_query_in_percent_encoding_and_one_just_under_64_kb_reach_the_function(url: FunctionUrl) -> None:
    for query in ("x=%22%3C%3E%20", "x=" + "y" * 60_000):
        _, _, body = url.invoke(event(rawQueryString=query)).partition(b"\0" * 8)
        assert json.loads(body)["query"] == query


def test_a_raw_quote_in_the_query_is_502_at_the_function_url(url: FunctionUrl) -> None:
    asking = b'GET /echo?x=" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    with socket.create_connection(("127.0.0.1", int(url.base.rpartition(":")[2])), timeout=30) as connection:
        connection.sendall(asking)
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 502 ")


def test_an_event_that_is_no_json_is_an_error_and_the_adapter_goes_on(url: FunctionUrl, client: httpx.Client) -> None:
    assert client.get("/status/200").status_code == 200
    settled(url)  # an environment is idle, and takes the next event
    before = len(url.environments)
    with pytest.raises(FunctionError):
        url.invoke(b"{no json")
    settled(url)
    assert client.get("/status/200").status_code == 200
    assert len(url.environments) == before


def test_the_adapter_asks_for_no_event_before_the_function_is_well(probe: Serve) -> None:
    with probe({"PROBE_DELAY": "2.3"}) as url:
        assert httpx.get(f"{url.base}/status/200", timeout=30).status_code == 200
        eventually(lambda: url.invocations, "it is over")
        (record,) = url.invocations
        assert record.init_ms is not None
        assert record.init_ms > 2300
        assert any("app is not ready after 2000ms" in line.text for line in url.logs)


@pytest.mark.slow
def test_a_slow_start_goes_on_within_the_first_invocation(probe: Serve) -> None:
    """Asynchronous init: after 9.8 s the adapter asks for the event, and holds it until the function is well."""
    with probe({"PROBE_BIND_DELAY": "10.2"}) as url:
        assert httpx.get(f"{url.base}/status/200", timeout=30).status_code == 200
        eventually(lambda: url.invocations, "it is over")
        (record,) = url.invocations
        assert record.init_ms is not None
        assert 9_700 < record.init_ms < 10_000
        assert record.duration_ms > 100


@pytest.mark.parametrize("asks", [True, False])
def test_a_buffered_adapter_compresses_for_those_who_ask(probe: Serve, asks: bool) -> None:
    env = {"AWS_LWA_INVOKE_MODE": "buffered", "AWS_LWA_ENABLE_COMPRESSION": "true"}
    with probe(env, invoke_mode="BUFFERED") as url:
        asked = {"accept-encoding": "gzip" if asks else "identity"}
        answer = httpx.get(f"{url.base}/echo", headers=asked, timeout=30)
        assert answer.json()["method"] == "GET"
        assert answer.headers.get("content-encoding") == ("gzip" if asks else None)


def test_error_status_codes_turn_an_answer_into_502(probe: Serve) -> None:
    with probe({"AWS_LWA_ERROR_STATUS_CODES": "500-599"}) as url:
        assert httpx.get(f"{url.base}/status/500", timeout=30).status_code == 502
        assert httpx.get(f"{url.base}/status/404", timeout=30).status_code == 404
