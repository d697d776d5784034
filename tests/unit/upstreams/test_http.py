"""The HTTP layer: chunked coding, whole answers, and giving a request up."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterable
from contextlib import closing

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from app.upstreams import http as http_module
from app.upstreams.exchange import Aborted, Exchange
from app.upstreams.framing import Chunked, Sized, UntilClosed
from app.upstreams.http import Endpoint
from tests.unit.upstreams.test_eventstream import cut

CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
EXTENSIONS = st.sampled_from([b"", b";name=value", b" ;x", b'; quoted="1"'])


def coded(chunks: Iterable[bytes], extension: bytes = b"", trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    return body + b"0" + extension + b"\r\n" + trailers + b"\r\n"


@given(
    CHUNKS, EXTENSIONS, st.sampled_from([b"", b"x-a: 1\r\n", b"x-a: 1\r\nx-b: 2\r\n"]), st.lists(st.integers(0, 999))
)
def test_any_cut_of_a_chunked_body_gives_the_body(
    chunks: list[bytes], extension: bytes, trailers: bytes, places: list[int]
) -> None:
    decoder = Chunked()
    data = b"".join(decoder.feed(piece) for piece in cut(coded(chunks, extension, trailers), places))
    assert data == b"".join(chunks)
    assert decoder.ended


@given(st.binary(max_size=60))
def test_noise_ends_or_breaks_off_and_never_hangs(data: bytes) -> None:
    with contextlib.suppress(http.client.HTTPException):
        Chunked().feed(data)


def test_bytes_behind_the_end_are_left_alone() -> None:
    decoder = Chunked()
    assert decoder.feed(coded([b"abc"]) + b"HTTP/1.1 200 OK") == b"abc"
    assert decoder.ended
    assert decoder.feed(b"5\r\nhello\r\n") == b""


@pytest.mark.parametrize(
    "coding", [b"xyz\r\n", b"-5\r\nhello\r\n", b"+5\r\n", b"0x5\r\n", b"1_0\r\n", b"\r\n", b"5 5\r\n"]
)
def test_a_size_that_is_no_number_breaks_off(coding: bytes) -> None:
    with pytest.raises(http.client.IncompleteRead):
        Chunked().feed(coding)


def test_a_chunk_longer_than_it_says_breaks_off() -> None:
    with pytest.raises(http.client.IncompleteRead):
        Chunked().feed(b"3\r\nabcdef\r\n0\r\n\r\n")


def test_a_size_line_without_end_breaks_off() -> None:
    decoder = Chunked()
    decoder.feed(b"5;" + b"x" * 65_000)
    with pytest.raises(http.client.LineTooLong):
        decoder.feed(b"x" * 1000)


def test_endless_trailers_break_off() -> None:
    decoder = Chunked()
    decoder.feed(b"0\r\n" + b"x: y\r\n" * 10_000)
    with pytest.raises(http.client.LineTooLong):
        decoder.feed(b"x: y\r\n" * 1_000)
    assert not decoder.ended


def whole_answer(sent: bytes) -> bytes:
    """What `Endpoint` reads of an answer that consists of these bytes, after which its connection is closed."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with closing(peer), contextlib.suppress(OSError):
                request = b""
                while not request.endswith(b"{}"):  # what stays unread when a socket is closed resets the connection
                    request += peer.recv(65_536)
                peer.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        endpoint = Endpoint(
            f"http://127.0.0.1:{listener.getsockname()[1]}",
            lambda method, url, body, headers: headers,
            connect_timeout=5,
            read_timeout=5,
            pool_size=1,
        )
        try:
            with closing(endpoint.post("/", b"{}", {}, Exchange())) as response:
                return response.read()
        finally:
            thread.join(5)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
    ],
)
def test_a_whole_answer_is_read_in_every_framing(sent: bytes) -> None:
    assert whole_answer(sent) == b"hello"


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 400,
    ],
)
def test_a_whole_answer_is_counted_as_it_arrives(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of -1 was read to the end of the connection, a body without a length without any limit."""
    monkeypatch.setattr(http_module, "MAX_ANSWER_BYTES", 1_000)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        whole_answer(sent)


class Connection:
    def __init__(self, *, gone: bool = False, connected: bool = True) -> None:
        self.shut: list[int] = []
        self.timeout = 3600.0
        self.gone = gone
        self.sock = self if connected else None

    def shutdown(self, how: int) -> None:
        self.shut.append(how)
        if self.gone:
            raise OSError("already closed")


def test_an_exchange_given_up_shuts_its_socket_once() -> None:
    connection, exchange = Connection(), Exchange()
    exchange.attach(connection)
    exchange.close()
    exchange.close()
    assert connection.shut == [socket.SHUT_RDWR]


def test_a_peer_that_was_quicker_is_no_error() -> None:
    connection, exchange = Connection(gone=True), Exchange()
    exchange.attach(connection)
    exchange.close()
    assert exchange.closed


def test_an_exchange_given_up_before_it_was_sent_is_not_sent() -> None:
    exchange = Exchange()
    exchange.close()
    with pytest.raises(Aborted):
        exchange.attach(Connection())


@pytest.mark.parametrize("connected", [True, False])
def test_a_finished_exchange_leaves_the_connection_to_the_next(connected: bool) -> None:
    connection, exchange = Connection(connected=connected), Exchange()
    exchange.attach(connection)
    exchange.detach()
    exchange.close()
    assert connection.shut == []


@given(st.binary(max_size=60), st.integers(0, 40), st.lists(st.integers(0, 99)))
def test_any_cut_of_a_sized_body_gives_the_body(data: bytes, length: int, places: list[int]) -> None:
    body = Sized(length)
    got = b"".join(body.feed(piece) for piece in cut(data, places))
    assert got == data[:length]
    assert body.ended is (len(data) >= length)


def test_a_sized_body_that_breaks_off_is_not_whole() -> None:
    body = Sized(3)
    assert body.feed(b"ab") == b"ab"
    with pytest.raises(http.client.IncompleteRead):
        body.close()
    assert body.feed(b"cd") == b"c"
    assert not body.may_follow
    body.close()


def test_a_chunked_body_that_breaks_off_is_not_whole() -> None:
    body = Chunked()
    body.feed(b"3\r\nab")
    with pytest.raises(http.client.IncompleteRead):
        body.close()
    body.feed(b"c\r\n0\r\n\r\n")
    body.close()
    assert body.may_follow


def test_a_body_without_length_ends_with_its_connection() -> None:
    body = UntilClosed()
    assert body.feed(b"anything") == b"anything"
    assert not body.ended
    body.close()
    assert (body.ended, body.may_follow) == (True, False)
