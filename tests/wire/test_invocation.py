"""As Lambda serves it, with the two headers that the Web Adapter sets: deadlines, source addresses, the first deployment."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import httpx
import pytest

from local.emulator import Emulator
from tests.wire.gateway import KEY, TITAN, chat, frames, serving, text_of

SLOW = "[[emulate: delay=0.05 tokens=2000]]"
HANGING = "[[emulate: hang]]"


def context(seconds: float) -> dict[str, str]:
    """What the adapter says of an invocation that ends in so many seconds."""
    return {"x-amzn-lambda-context": json.dumps({"request_id": "r", "deadline": round((time.time() + seconds) * 1000)})}


def source(address: str) -> dict[str, str]:
    return {"x-amzn-request-context": json.dumps({"http": {"sourceIp": address}})}


def test_a_stream_ends_before_its_invocation_and_says_so(emulator: Emulator) -> None:
    with serving(emulator.url, aws_lambda_function_name=True) as gateway, gateway.client() as client:
        begun = time.monotonic()
        reply = client.post("/v1/chat/completions", json=chat(SLOW, stream=True), headers=context(2))
        assert time.monotonic() - begun < 2
        (record,) = gateway.records()
    assert reply.status_code == 200
    chunks = frames(reply.text)
    assert text_of(chunks)
    assert chunks[-1]["error"]["code"] == "deadline_exceeded"
    assert not any(choice.get("finish_reason") for chunk in chunks for choice in chunk.get("choices", ()))
    assert (record.outcome, record.error_code) == ("error", "deadline_exceeded")


@pytest.mark.parametrize("body", [chat(HANGING), chat(HANGING, stream=True), chat(HANGING, n=3)])
def test_an_answer_that_never_begins_is_a_504_in_time(emulator: Emulator, body: dict[str, Any]) -> None:
    with serving(emulator.url, aws_lambda_function_name=True) as gateway, gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=body, headers=context(1))
        assert len(gateway.records()) == 1
    assert reply.status_code == 504
    assert reply.json()["error"]["code"] == "deadline_exceeded"
    assert reply.headers["x-should-retry"] == "false"


def test_embeddings_are_given_up_in_time(emulator: Emulator) -> None:
    with serving(emulator.url, aws_lambda_function_name=True) as gateway, gateway.client() as client:
        reply = client.post("/v1/embeddings", json={"model": TITAN, "input": HANGING}, headers=context(-1))
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "deadline_exceeded")


def test_the_gateway_serves_on_after_a_deadline(emulator: Emulator) -> None:
    with serving(emulator.url, aws_lambda_function_name=True) as gateway, gateway.client() as client:
        for _ in range(3):
            assert client.post("/v1/chat/completions", json=chat(HANGING), headers=context(0.2)).status_code == 504
            assert client.post("/v1/chat/completions", json=chat(), headers=context(60)).status_code == 200


def test_elsewhere_these_headers_are_a_strangers_word(emulator: Emulator) -> None:
    allowed: dict[str, Any] = {"allowed_networks": "192.0.2.0/24"}
    with serving(emulator.url) as gateway, gateway.client(headers=context(-60)) as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
    with serving(emulator.url, **allowed) as gateway, gateway.client(headers=source("192.0.2.1")) as client:
        assert client.get("/v1/models").status_code == 403
    endpoint: dict[str, Any] = {"aws_lambda_function_name": True, "aws_lambda_http_endpoint": "127.0.0.1:9"}
    with serving(emulator.url, **allowed, **endpoint) as gateway, gateway.client(headers=source("192.0.2.1")) as client:
        assert client.get("/v1/models").status_code == 403


def test_an_allow_list_goes_by_the_request_context(emulator: Emulator) -> None:
    settings: dict[str, Any] = {"aws_lambda_function_name": True, "allowed_networks": "192.0.2.0/24, 2001:db8::/32"}
    with serving(emulator.url, **settings) as gateway, gateway.client() as client:
        for address, status in (("192.0.2.1", 200), ("2001:db8::9", 200), ("198.51.100.1", 403), ("127.0.0.1", 403)):
            reply = client.get("/v1/models", headers=source(address) | {"x-forwarded-for": "192.0.2.1"})
            assert reply.status_code == status
        assert reply.json()["error"]["code"] == "network_forbidden"
        assert client.get("/v1/models").status_code == 403
        assert client.get("/health").status_code == 200


def test_off_lambda_an_allow_list_goes_by_the_connection(emulator: Emulator) -> None:
    with serving(emulator.url, allowed_networks="127.0.0.0/8") as gateway, gateway.client() as client:
        assert client.get("/v1/models", headers={"x-forwarded-for": "198.51.100.1"}).status_code == 200


def test_what_goes_past_the_edge_is_refused_before_its_key_is_looked_at(emulator: Emulator) -> None:
    with serving(emulator.url, origin_secret="edge-secret") as gateway:
        with gateway.client(headers={"x-origin-secret": "edge-secret"}) as client:
            assert client.get("/v1/models").status_code == 200
        with gateway.client() as client:
            assert client.get("/v1/models").json()["error"]["code"] == "origin_forbidden"
            assert client.get("/health").status_code == 200


def test_strangers_who_post_to_the_adapters_own_path_find_nothing(emulator: Emulator) -> None:
    with serving(emulator.url, aws_lambda_function_name=True) as gateway, gateway.client() as client:
        for path in ("/events", "/2015-03-31/functions/function/invocations"):
            for headers in ({}, {"x-amzn-request-context": "null"}):
                reply = client.post(path, json={"source": "aws.events"}, headers=headers)
                assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")


def test_a_function_without_a_key_tells_everybody_how_to_make_one(emulator: Emulator) -> None:
    with serving(emulator.url, aws_lambda_function_name=True, api_key="") as gateway:
        for headers in ({"authorization": "Bearer sk-any"}, {"authorization": ""}):
            for method, path in (("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("GET", "/v1/status")):
                reply = httpx.request(method, gateway.url + path, headers=headers)
                assert (reply.status_code, reply.json()["error"]["code"]) == (401, "no_api_key")
                assert "ApiKeyHash" in reply.json()["error"]["message"]
        assert httpx.get(gateway.url + "/health").status_code == 200


def test_a_key_of_which_only_the_hash_is_configured(emulator: Emulator) -> None:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with serving(emulator.url, api_key="", api_key_hash=digest) as gateway, gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
        assert client.get("/v1/models", headers={"authorization": f"Bearer {digest}"}).status_code == 401
