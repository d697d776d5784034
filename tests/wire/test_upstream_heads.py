"""Answers of an upstream whose heads are unusual: interim ones, redirects, empty successes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.wire.gateway import KEY, chat, serving

REPLY = json.dumps({
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
}).encode()  # fmt: skip
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(REPLY), REPLY)
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"


@contextlib.contextmanager
def upstream(answer: bytes) -> Iterator[str]:
    """An upstream that gives every request the same bytes and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(10)
                        head, _, body = _until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")
                        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
                        while len(body) < length:
                            body += connection.recv(65536)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        data += connection.recv(65536)
    return data


def ask(url: str, *, stream: bool = False) -> httpx.Response:
    with serving(url) as gateway:
        headers = {"authorization": f"Bearer {KEY}"}
        body = chat("Hello", stream=stream)
        return httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def test_early_hints_before_the_answer_do_not_hang() -> None:
    with upstream(HINTS + HINTS + OK) as url:
        reply = ask(url)
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"] == "Hello"


def test_interim_answers_without_end_are_an_upstream_failure() -> None:
    with upstream(HINTS * 100 + OK) as url:
        assert ask(url).status_code in (502, 503)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    ],
    ids=["302", "204", "304"],
)
def test_an_answer_without_an_answer_is_no_fault_of_the_client(answer: bytes, stream: bool) -> None:
    with upstream(answer) as url:
        reply = ask(url, stream=stream)
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_bad_answer")


def test_an_empty_object_is_no_empty_success() -> None:
    with upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as url:
        reply = ask(url)
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_bad_answer")
