"""Compressed and marked request bodies, on every surface that reads one."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.emulator import Emulator
from tests.contract.conftest import KEY, serving
from tests.contract.words import NOVA, TITAN, user

HEADERS = {"Authorization": f"Bearer {KEY}", "content-type": "application/json"}
ROUTES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"model": NOVA, "messages": [user("Hello")]}),
    ("/v1/completions", {"model": NOVA, "prompt": "Hello"}),
    ("/v1/responses", {"model": NOVA, "input": "Hello"}),
    ("/v1/responses/input_tokens", {"model": NOVA, "input": "Hello"}),
    ("/v1/responses/compact", {"model": NOVA, "input": "Hello"}),
    ("/v1/conversations", {"metadata": {"a": "b"}}),
    ("/v1/messages", {"model": NOVA, "max_tokens": 50, "messages": [user("Hello")]}),
    ("/v1/messages/count_tokens", {"model": NOVA, "messages": [user("Hello")]}),
    ("/v1/embeddings", {"model": TITAN, "input": "Hello"}),
]
EACH_ROUTE = pytest.mark.parametrize(("path", "body"), ROUTES, ids=[path for path, _ in ROUTES])


@EACH_ROUTE
@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_body_is_read(
    http: httpx.Client, path: str, body: dict[str, Any], coding: str, compress: Callable[[bytes], bytes]
) -> None:
    sent = compress(json.dumps(body).encode())
    reply = http.post(path, content=sent, headers=HEADERS | {"content-encoding": coding})
    assert reply.status_code == 200, reply.text


@EACH_ROUTE
def test_an_unknown_coding_gets_415_in_the_envelope_of_its_route(
    http: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    reply = http.post(path, json=body, headers=HEADERS | {"content-encoding": "br"})
    assert reply.status_code == 415
    assert "gzip" in reply.headers["accept-encoding"]
    error = reply.json()["error"]
    assert "Content-Encoding" in error["message"]
    assert error["type"] == "invalid_request_error"
    if "/messages" in path:
        assert reply.json()["type"] == "error"
        assert reply.json()["request_id"] == reply.headers["request-id"]
    else:
        assert (error["code"], error["param"]) == ("unsupported_content_encoding", "Content-Encoding")


@EACH_ROUTE
def test_a_body_that_is_not_what_its_header_says_is_400(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    reply = http.post(path, json=body, headers=HEADERS | {"content-encoding": "gzip"})
    assert reply.status_code == 400
    assert "not valid gzip data" in reply.json()["error"]["message"]


@EACH_ROUTE
def test_a_byte_order_mark_before_the_json_is_ignored(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    reply = http.post(path, content=b"\xef\xbb\xbf" + json.dumps(body).encode(), headers=HEADERS)
    assert reply.status_code == 200, reply.text


@pytest.fixture
def small(emulator: Emulator) -> Iterator[httpx.Client]:
    with serving(emulator.url, max_body_bytes=1000) as url, httpx.Client(base_url=url, headers=HEADERS) as client:
        yield client


@EACH_ROUTE
def test_a_body_that_inflates_beyond_the_limit_is_413(small: httpx.Client, path: str, body: dict[str, Any]) -> None:
    large = gzip.compress(json.dumps(body | {"user": "x" * 5000}).encode())
    assert len(large) < 1000
    reply = small.post(path, content=large, headers={"content-encoding": "gzip"})
    assert reply.status_code == 413
    assert reply.json()["error"]["message"] == "The request body is larger than 1000 bytes."
