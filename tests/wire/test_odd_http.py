"""Bodies over the limit, absurd headers, and bytes that are no HTTP: a 4xx, and a process that lives on (C29)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest
from pydantic_core import to_json

from local.emulator import Emulator
from tests.wire.gateway import KEY, Gateway, chat, serving
from tests.wire.raw import connected, exchange, read_answer, refused, request

CHAT = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def _lives_on(gateway: Gateway) -> Iterator[None]:
    yield
    with gateway.client() as client:
        assert client.post(CHAT, json=chat()).status_code == 200


@pytest.fixture
def small(emulator: Emulator) -> Iterator[Gateway]:
    with serving(emulator.url, max_body_bytes=1000) as gateway:
        yield gateway


def test_a_body_that_says_it_is_too_large_is_not_read(small: Gateway) -> None:
    for length in (1001, 10**9, 10**17):
        with connected(small) as connection:
            connection.sendall(request(length=False, headers=(f"Content-Length: {length}",)))
            answer = read_answer(connection)
        assert refused(answer, 413)["type"] == "invalid_request_error"


def test_a_body_that_turns_out_too_large(small: Gateway) -> None:
    body = to_json(chat("x" * 2000))
    chunked = b"".join(
        b"%x\r\n%b\r\n" % (len(body[at : at + 100]), body[at : at + 100]) for at in range(0, len(body), 100)
    )
    data = request(length=False, headers=("Transfer-Encoding: chunked",)) + chunked + b"0\r\n\r\n"
    refused(exchange(small, data), 413)
    assert exchange(small, request(to_json(chat()))).status == 200


def test_a_chunked_body_is_read(gateway: Gateway) -> None:
    body = to_json(chat())
    chunked = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    answer = exchange(gateway, request(length=False, headers=("Transfer-Encoding: chunked",)) + chunked)
    assert answer.status == 200


def test_a_body_behind_an_upgrade_that_is_not_made_is_read(gateway: Gateway) -> None:
    headers = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB")
    data = request(to_json(chat()), headers=headers)
    with connected(gateway) as connection:
        for _ in range(2):
            connection.sendall(data)
            assert read_answer(connection).status == 200


def test_the_connection_serves_the_next_request_after_a_refused_body(small: Gateway) -> None:
    with small.client() as client:
        for _ in range(3):
            assert client.post(CHAT, json=chat("x" * 5000)).status_code == 413
            assert client.post(CHAT, json=chat()).status_code == 200


def test_nobody_uploads_without_a_key(gateway: Gateway) -> None:
    data = request(length=False, headers=("Content-Length: 20000000", "Expect: 100-continue"))
    data = data.replace(KEY.encode(), b"wrong")
    with connected(gateway) as connection:
        connection.sendall(data)
        assert read_answer(connection).status == 401


@pytest.mark.parametrize("headers", [
    ("X-Odd: \xff\xfe",), ("X-Long: " + "y" * 30_000,), ("Content-Type: application/json", "Content-Type: text/html"),
    ("Authorization: Bearer other",), ("Accept: nothing/at-all",), ("Accept-Encoding: br, zstd",), ("Range: bytes=0-1",),
    ("Cookie: a=b",), ("X-Forwarded-For: 1.2.3.4, unknown", "X-Forwarded-Proto: javascript"), ("Host: evil",),
    ("X-Request-Id: mine\tand\x7fyours",), ("Traceparent: 00-zz",), ("OpenAI-Organization: ", "OpenAI-Beta: x"),
    ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="),
])  # fmt: skip
def test_absurd_headers(gateway: Gateway, headers: tuple[str, ...]) -> None:
    answer = exchange(gateway, request(to_json(chat()), headers=headers))
    assert answer.status in {200, 400}
    if answer.status == 200:
        assert json.loads(answer.body)["choices"]


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x00\xa5\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50, b"POST /v1/models\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://x/v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
])  # fmt: skip
def test_what_is_no_http_harms_nobody(gateway: Gateway, data: bytes) -> None:
    with connected(gateway) as connection:
        connection.sendall(data)
        connection.shutdown(1)
        seen = b""
        while more := connection.recv(65536):
            seen += more
    assert not seen or seen.startswith((b"HTTP/1.1 4", b"HTTP/1.1 2"))


def test_a_client_that_leaves_within_its_body(gateway: Gateway) -> None:
    for cut in (10, 100, 150):
        with connected(gateway) as connection:
            connection.sendall(request(to_json(chat()))[:cut])
    answer = exchange(gateway, request(to_json(chat())))
    assert answer.status == 200
    assert len(gateway.records()) == 1


def test_a_head_without_end_is_refused_while_it_comes(gateway: Gateway) -> None:
    """40 MB of header were held before anybody had looked at a key."""
    with connected(gateway) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-long: ")
        with contextlib.suppress(OSError):
            for _ in range(400):
                connection.sendall(b"y" * 100_000)
        answer = read_answer(connection)
    assert refused(answer, 431)["type"] == "invalid_request_error"


def test_many_headers_of_an_ordinary_size_are_refused_in_the_end(gateway: Gateway) -> None:
    with connected(gateway) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n")
        with contextlib.suppress(OSError):
            for number in range(100_000):
                connection.sendall(b"x-%d: %b\r\n" % (number, b"y" * 100))
        assert read_answer(connection).status == 431


def test_a_large_body_in_pieces_is_no_long_head(gateway: Gateway) -> None:
    body = to_json(chat("x" * 300_000))
    with connected(gateway) as connection:
        for _ in range(2):
            connection.sendall(request(length=False, headers=(f"Content-Length: {len(body)}",)))
            for at in range(0, len(body), 1000):
                connection.sendall(body[at : at + 1000])
            assert read_answer(connection).status == 200


def test_what_is_no_http_is_told_in_the_envelope(gateway: Gateway) -> None:
    for data in (b"BREW /v1/models HTTP/1.1\r\nhost: x\r\n\r\n", b"nonsense\r\n\r\n", b"get / HTTP/1.1\r\n\r\n"):
        with connected(gateway) as connection:
            connection.sendall(data)
            assert refused(read_answer(connection), 400)["code"] == "invalid_http"
