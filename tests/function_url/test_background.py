"""A response in the background: the function invokes itself through Lambda's API, and another invocation does the work."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.function_url import FunctionUrl
from tests.dynamodb import DynamoDb
from tests.function_url.asking import http as client_of
from tests.function_url.asking import settled
from tests.function_url.conftest import Serve
from tests.wire.gateway import NOVA, eventually


def posted(url: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_a_background_response_is_done_by_another_invocation(gateway: Serve, dynamodb: DynamoDb) -> None:
    with gateway({**dynamodb.environ(), "TABLE_TIMEOUT": "30"}) as url, client_of(url) as client:
        body = {"model": NOVA, "input": "Hello", "background": True}
        asked = client.post("/v1/responses", json=body)
        assert asked.status_code == 200, asked.text
        assert asked.json()["status"] in ("queued", "in_progress")
        latest: dict[str, Any] = {}

        def is_done() -> bool:
            latest.update(client.get(f"/v1/responses/{asked.json()['id']}").json())
            return latest["status"] not in ("queued", "in_progress")

        eventually(is_done, "the response is done", 30)
        assert latest["status"] == "completed"
        assert latest["output"][0]["content"][0]["text"] == "You said: Hello"
        settled(url)


@pytest.mark.parametrize(
    ("path", "kind", "size", "status"),
    [
        ("/2015-03-31/functions/gateway/invocations", "RequestResponse", 2, 400),
        ("/2015-03-31/functions/gateway/invocations", "Event", 2_000_000, 413),
        ("/v1/models", "Event", 2, 404),
    ],
)
def test_the_invoke_api_takes_events_only(gateway: Serve, path: str, kind: str, size: int, status: int) -> None:
    with gateway() as url:
        own = own_api(url)
        assert posted(own, path, b"{" + b" " * (size - 2) + b"}", {"X-Amz-Invocation-Type": kind}) == status
        assert not url.environments


def test_an_event_without_a_free_environment_is_throttled(gateway: Serve) -> None:
    with gateway(concurrency=1) as url, client_of(url) as client:
        question = {"model": NOVA, "messages": [{"role": "user", "content": "x [[emulate: delay=0.2 tokens=20]]"}]}
        with client.stream("POST", "/v1/chat/completions", json=question | {"stream": True}) as answer:
            next(answer.iter_raw())
            event = json.dumps({"gateway": "nothing"}).encode()
            headers = {"X-Amz-Invocation-Type": "Event"}
            assert posted(own_api(url), "/2015-03-31/functions/f:1/invocations", event, headers) == 429
        settled(url)


def own_api(url: FunctionUrl) -> str:
    return url.variables["AWS_ENDPOINT_URL_LAMBDA"]
