"""Keys in every header, and a key service that fails: 503, alive, and well again when the service is (C5)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from app.core.ports import Caller
from app.errors import UpstreamFailure
from app.stores.keys import SingleKey
from app.stores.secrets import Unavailable
from local.emulator import Emulator
from tests.wire.gateway import KEY, Gateway, chat, environment, eventually, serving

ROUTES = [("POST", "/chat/completions"), ("POST", "/completions"), ("POST", "/embeddings"), ("GET", "/models"),
          ("GET", "/models/x")]  # fmt: skip
HEADERS = [{"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"api-key": KEY}]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_wants_a_key_before_it_looks_at_anything_else(gateway: Gateway, method: str, path: str) -> None:
    with httpx.Client(base_url=gateway.url) as client:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"api-key": "wrong"}, {"authorization": f"Basic {KEY}"}):
            reply = client.request(method, f"/v1{path}", headers=headers, content=b"no JSON")
            error = reply.json()["error"]
            assert (reply.status_code, error["code"]) == (401, "invalid_api_key")
            assert error["request_id"] == reply.headers["x-request-id"]
            assert reply.headers["www-authenticate"] == "Bearer"
        for headers in HEADERS:
            assert client.request(method, f"/v1{path}", headers=headers).status_code != 401


@pytest.mark.parametrize("headers", HEADERS)
def test_each_header_opens_a_stream_too(gateway: Gateway, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=gateway.url, headers=headers) as client:
        assert "[DONE]" in client.post("/v1/chat/completions", json=chat(stream=True)).text


class Flaky:
    """A key service that fails, until it does not."""

    def __init__(self) -> None:
        self.fails = True
        self.reads = 0

    def __call__(self) -> str:
        self.reads += 1
        if self.fails:
            raise Unavailable("GetSecretValue: AccessDeniedException")
        return KEY


def test_a_key_service_that_fails_is_a_503_and_is_asked_again(emulator: Emulator) -> None:
    source, now = Flaky(), [1000.0]
    with serving(emulator.url, keys=SingleKey(source, clock=lambda: now[0])) as gateway, gateway.client() as client:
        for _ in range(3):
            reply = client.post("/v1/chat/completions", json=chat())
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "key_unavailable")
            assert int(reply.headers["retry-after"]) >= 1
        assert source.reads == 1
        assert client.get("/health").status_code == 200
        source.fails = False
        now[0] += 10
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200


def test_a_key_in_secrets_manager_is_read_when_first_needed(emulator: Emulator) -> None:
    """Through boto3; the emulator is no Secrets Manager, so the key can't be had, and that is said."""
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key"
    with serving(emulator.url, api_key="", api_key_secret_arn=arn) as gateway, gateway.client() as client:
        assert client.get("/health").status_code == 200
        assert not emulator.requests
        reply = client.get("/v1/models")
        assert reply.status_code == 503
        assert "123456789012" not in reply.text
        assert client.get("/health").status_code == 200


class Broken:
    """Implements core.ports.Keys, badly."""

    async def authenticate(self, presented: str) -> Caller | None:
        raise RuntimeError(presented)


class Elsewhere:
    """Implements core.ports.Keys: a table that can't be reached."""

    async def authenticate(self, presented: str) -> Caller | None:
        raise UpstreamFailure("No keys now.", status=503, code="key_unavailable", retry_after=0.2)


@pytest.mark.parametrize(("keys", "status"), [(Broken(), 500), (Elsewhere(), 503)])
def test_other_key_stores_that_fail(emulator: Emulator, keys: Any, status: int) -> None:
    with serving(emulator.url, keys=keys) as gateway, gateway.client() as client:
        for _ in range(2):
            reply = client.post("/v1/chat/completions", json=chat(stream=True))
            assert reply.status_code == status
            assert KEY not in reply.text
            assert reply.headers.get("retry-after") == ("1" if status == 503 else None)


def test_the_process_starts_where_nothing_of_aws_answers() -> None:
    with serving("http://127.0.0.1:9", environ=environment("http://127.0.0.1:9")) as gateway:
        eventually(lambda: httpx.get(f"{gateway.url}/health").status_code == 200, "health")


def test_aws_s_logs_say_whose_every_call_was(emulator: Emulator) -> None:
    """Embeddings among them, whose metadata is a header."""
    with serving(emulator.url) as gateway, gateway.client() as client:
        client.post("/v1/chat/completions", json=chat())
        client.post("/v1/chat/completions", json=chat(stream=True))
        client.post("/v1/embeddings", json={"model": "amazon.titan-embed-text-v2:0", "input": ["x", "y"]})
    bodies = [seen.body["requestMetadata"] for seen in emulator.requests if "Converse" in seen.operation]
    headers = [
        seen.headers["x-amzn-bedrock-request-metadata"] for seen in emulator.requests if seen.operation == "InvokeModel"
    ]
    assert (len(bodies), len(headers)) == (2, 2)
    whose = {"gateway_key": "default", "gateway_project": "proj_default"}
    assert all(each == whose for each in (*bodies, *map(json.loads, headers)))
