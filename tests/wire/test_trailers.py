"""Trailers of a chunked request: bounded, dropped, and never headers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from pydantic_core import to_json

from tests.wire.gateway import KEY, NOVA, Gateway, chat
from tests.wire.raw import connected, exchange, read_answer, refused, request

CHUNKED = "Transfer-Encoding: chunked"
OPENAI = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings")


def chunked(body: bytes, *, path: str = OPENAI[0], trailers: bytes = b"", key: str = KEY) -> bytes:
    """A chunked request up to its trailers, without the blank line at the end."""
    head = request(length=False, path=path, headers=(CHUNKED,)).replace(KEY.encode(), key.encode())
    return head + b"%x\r\n%b\r\n0\r\n%b" % (len(body), body, trailers)


def test_a_key_in_a_trailer_does_not_authenticate(gateway: Gateway) -> None:
    for name in (b"Authorization: Bearer ", b"x-api-key: ", b"api-key: "):
        data = chunked(to_json(chat()), trailers=name + KEY.encode() + b"\r\n", key="wrong") + b"\r\n"
        refused(exchange(gateway, data), 401)


def test_a_trailer_changes_no_header(gateway: Gateway) -> None:
    trailers = b"Origin: evil\r\nAuthorization: Bearer wrong\r\nExpect: 100-continue\r\n"
    with connected(gateway) as connection:
        for _ in range(3):
            connection.sendall(chunked(to_json(chat()), trailers=trailers) + b"\r\n")
            assert read_answer(connection).status == 200


def one_value(number: int) -> bytes:
    return b"x-long: " if not number else b"y" * 50_000


def one_name(number: int) -> bytes:
    return b"y" * 50_000


def many(number: int) -> bytes:
    return b"".join(b"x-%d-%d: %b\r\n" % (number, each, b"y" * 100) for each in range(100))


@pytest.mark.parametrize("endless", [one_value, one_name, many])
@pytest.mark.parametrize("path", OPENAI)
def test_trailers_without_an_end_are_refused_while_they_come(
    gateway: Gateway, endless: Callable[[int], bytes], path: str
) -> None:
    """200 MB of trailers were held in memory."""
    with connected(gateway) as connection:
        connection.sendall(chunked(b"{}", path=path))
        with contextlib.suppress(OSError):
            for number in range(400):
                connection.sendall(endless(number))
        answer = read_answer(connection)
    assert refused(answer, 431)["type"] == "invalid_request_error"


def test_trailers_that_come_in_one_piece_are_bounded_too(gateway: Gateway) -> None:
    trailers = b"".join(b"x-%d: %b\r\n" % (number, b"y" * 1000) for number in range(100))
    refused(exchange(gateway, chunked(to_json(chat()), trailers=trailers) + b"\r\n"), 431)


def test_a_chunk_extension_without_an_end_is_refused(gateway: Gateway) -> None:
    with connected(gateway) as connection:
        connection.sendall(request(length=False, headers=(CHUNKED,)) + b"5;x=")
        with contextlib.suppress(OSError):
            for _ in range(400):
                connection.sendall(b"y" * 50_000)
        refused(read_answer(connection), 431)


def test_long_trailers_of_messages_are_refused_in_its_envelope(gateway: Gateway) -> None:
    body = to_json({"model": NOVA, "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]})
    with connected(gateway) as connection:
        connection.sendall(chunked(body, path="/v1/messages"))
        with contextlib.suppress(OSError):
            for number in range(400):
                connection.sendall(one_value(number))
        answer = read_answer(connection)
    assert answer.status == 431
    assert answer.json()["type"] == "error"


def test_trailers_after_an_early_answer_end_the_connection(gateway: Gateway) -> None:
    with connected(gateway) as connection:
        connection.sendall(chunked(b"{}", key="wrong"))
        refused(read_answer(connection), 401)
        with contextlib.suppress(OSError):
            for _ in range(400):
                connection.sendall(b"y" * 50_000)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1000) == b""


def test_a_body_in_many_small_chunks_is_not_taken_for_trailers(gateway: Gateway) -> None:
    body = to_json(chat("x" * 40_000))
    data = request(length=False, headers=(CHUNKED,)) + b"".join(b"1;ext=1\r\n%c\r\n" % byte for byte in body)
    assert exchange(gateway, data + b"0\r\n\r\n").status == 200
