"""Work in the background on Lambda: the function invokes itself, and the Web Adapter posts the event to `/events`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from app.lambda_handler import Handler
from app.main import create_app
from app.settings import Settings
from app.stores.table.memory import MemoryTable
from local.emulator import Emulator
from tests.wire import gateway as wire
from tests.wire.gateway import NOVA, eventually

HANGING = [{"type": "messageStart", "payload": {"role": "assistant"}}, {"hang": True}]
BODY = {"model": NOVA, "input": "hello", "background": True}


class Lambda:
    """Lambda's API, as far as one function invokes itself. `answer`: the status."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.answer = 202
        api = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                api.asked.append((self.path, self.headers["x-amz-invocation-type"], body))
                self.send_response(api.answer)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *given: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def running() -> Iterator[Lambda]:
    api = Lambda()
    thread = threading.Thread(target=api.server.serve_forever)
    thread.start()
    try:
        yield api
    finally:
        api.server.shutdown()
        thread.join()
        api.server.server_close()


@pytest.fixture
def api() -> Iterator[Lambda]:
    with running() as api:
        yield api


@contextmanager
def function(emulator: Emulator, api: Lambda, table: MemoryTable) -> Iterator[httpx.Client]:
    environ = wire.environment(emulator.url) | {
        "AWS_ENDPOINT_URL_LAMBDA": api.url,
        "AWS_LAMBDA_FUNCTION_NAME": "my-gateway",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    }
    named: dict[str, Any] = {
        "aws_lambda_function_name": "my-gateway",
        "allowed_networks": ("127.0.0.0/8",),
        "origin_secret": "edge",
    }
    with wire.serving(emulator.url, environ=environ, table=table, **named) as gateway:
        context = '{"http": {"sourceIp": "127.0.0.1"}}'
        with gateway.client(headers={"x-origin-secret": "edge", "x-amzn-request-context": context}) as client:
            yield client


def delivered(client: httpx.Client, event: bytes) -> httpx.Response:
    """As the Web Adapter does it, which overwrites what anybody else would say in this header."""
    return httpx.post(
        f"{client.base_url}/events", content=event, headers={"x-amzn-request-context": "null"}, timeout=20
    )


def test_the_function_invokes_itself(emulator: Emulator, api: Lambda) -> None:
    table = MemoryTable()
    with function(emulator, api, table) as one, function(emulator, api, table) as two:
        made = one.post("/v1/responses", json=BODY).json()
        assert made["status"] == "queued"
        (path, kind, event) = api.asked[0]
        assert (path, kind) == ("/2015-03-31/functions/my-gateway/invocations", "Event")
        stranger = one.post("/events", content=event.replace(b'"secret":"', b'"secret":"x'))
        assert stranger.status_code == 404
        assert delivered(two, event).status_code == 200
        assert delivered(two, event).status_code == 404
        done = one.get(f"/v1/responses/{made['id']}").json()
        assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "You said: hello")
        streamed = two.get(f"/v1/responses/{made['id']}?stream=true&starting_after=3").text
        assert streamed.startswith("event: ")
        assert '"sequence_number":4' in streamed


def test_it_does_so_without_the_adapter_too(emulator: Emulator, api: Lambda) -> None:
    environ = wire.environment(emulator.url) | {"AWS_ENDPOINT_URL_LAMBDA": api.url, "AWS_LAMBDA_FUNCTION_NAME": "fn"}
    given = {"api_key": wire.KEY, "aws_lambda_function_name": "fn", "allowed_networks": ("192.0.2.0/24",)}
    handler = Handler(create_app(Settings.model_validate(given), environ, table=MemoryTable()))
    try:
        queued = json.loads(handler(asked("POST", "/v1/responses", BODY), Context())["body"])
        event = json.loads(api.asked[0][2])
        assert handler(event | {"secret": "guessed"}, Context())["statusCode"] == 404
        assert handler(event, Context())["statusCode"] == 200
        done = json.loads(handler(asked("GET", f"/v1/responses/{queued['id']}"), Context())["body"])
        assert (queued["status"], done["status"]) == ("queued", "completed")
        assert handler({"gateway": "other"}, Context())["statusCode"] == 400
    finally:
        handler.close()


class Context:
    """Implements LambdaContext."""

    aws_request_id = "r-1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:fn"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def asked(method: str, path: str, body: Any = None) -> dict[str, Any]:
    """A buffered Function URL's event."""
    http = {"method": method, "path": path, "sourceIp": "192.0.2.1"}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {wire.KEY}"},
        "requestContext": {"http": http, "domainName": "abc.lambda-url.us-east-1.on.aws"},
        "body": json.dumps(body) if body else None,
        "isBase64Encoded": False,
    }


def test_where_it_may_not_the_client_is_told(emulator: Emulator, api: Lambda, caplog: pytest.LogCaptureFixture) -> None:
    api.answer = 403
    with function(emulator, api, MemoryTable()) as client:
        reply = client.post("/v1/responses", json=BODY)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "background_unavailable")
    assert "the function can't invoke itself: HTTP 403" in caplog.text


def test_a_worker_is_told_to_stop_by_another_process(emulator: Emulator) -> None:
    """Elsewhere than on Lambda: a task of its own, which outlives its client and hears of a cancellation in the table."""
    table = MemoryTable()
    with (
        wire.serving(emulator.url, table=table) as one,
        wire.serving(emulator.url, table=table) as two,
        one.client() as here,
        two.client() as there,
    ):
        emulator.script({"operation": "ConverseStream", "events": HANGING})
        id = here.post("/v1/responses", json=BODY).json()["id"]
        eventually(lambda: there.get(f"/v1/responses/{id}").json()["status"] == "in_progress", "its beginning")
        assert there.post(f"/v1/responses/{id}/cancel").json()["status"] == "cancelled"
        assert one.records()[0].outcome == "disconnected"
        assert here.get(f"/v1/responses/{id}").json()["status"] == "cancelled"


def test_a_server_that_is_stopped_tells_what_became_of_it(emulator: Emulator) -> None:
    table = MemoryTable()
    with wire.serving(emulator.url, table=table) as two, two.client() as there:
        with wire.serving(emulator.url, table=table) as one, one.client() as here:
            emulator.script({"operation": "ConverseStream", "events": HANGING})
            id = here.post("/v1/responses", json=BODY).json()["id"]
        assert one.records()[0].error_code == "shutting_down"
        failed = there.get(f"/v1/responses/{id}").json()
        assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
