"""The table's own HTTP: answers in every framing, connections that die, servers that talk nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.table import TableUnavailable
from app.stores.table import http, http_answer
from app.stores.table.dynamo import DynamoTable
from app.stores.table.http import LONGEST_IDLE, Answer, Broken, Connection, HttpPool
from tests.wire.test_tls import certificate  # noqa: F401  a fixture


class Server:
    """Answers each request with the next of `answers`; None closes the connection instead."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0) if self.answers else OK
                if answer is None:
                    break
                writer.write(answer)
                if b"Connection: close" in answer or (b"Content-Length" not in answer and b"chunked" not in answer):
                    break
        writer.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    servers: list[asyncio.Server] = []
    pools: list[HttpPool] = []

    async def start(server: Server, **options: Any) -> HttpPool:
        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        servers.append(listening)
        port = listening.sockets[0].getsockname()[1]
        pools.append(HttpPool(f"http://127.0.0.1:{port}", **options))
        return pools[-1]

    yield start
    for pool in pools:
        pool.close()
    for listening in servers:
        listening.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", b"hello"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"hello"),
        (b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nhello", b"hello"),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"hello",
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_every_framing_gives_the_body(serve: Any, raw: bytes, body: bytes) -> None:
    pool = await serve(Server(raw))
    assert await pool.post({}, b"x") == Answer(200, body)


async def test_the_request_is_what_was_asked(serve: Any) -> None:
    server = Server()
    pool = await serve(server)
    await pool.post({"X-Amz-Target": "T"}, b"body")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"X-Amz-Target: T" in head
    assert body == b"body"


async def test_a_connection_is_kept(serve: Any) -> None:
    server = Server()
    pool = await serve(server)
    for _ in range(5):
        await pool.post({}, b"")
    assert server.connections == 1


async def test_requests_at_once_have_a_connection_each(serve: Any) -> None:
    server = Server()
    pool = await serve(server)
    await asyncio.gather(*(pool.post({}, b"") for _ in range(10)))
    assert 1 < server.connections <= 10


async def test_an_old_connection_is_not_trusted(serve: Any) -> None:
    now = [0.0]
    server = Server()
    pool = await serve(server, clock=lambda: now[0])
    await pool.post({}, b"")
    now[0] += LONGEST_IDLE + 1
    await pool.post({}, b"")
    assert server.connections == 2


async def test_a_connection_that_was_closed_meanwhile_is_not_used(serve: Any) -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    pool = await serve(server)
    await pool.post({}, b"")
    assert (await pool.post({}, b"")).status == 200
    assert server.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: zwei\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
    ],
)
async def test_nonsense_is_a_broken_answer_that_may_have_been_carried_out(serve: Any, raw: bytes | None) -> None:
    pool = await serve(Server(raw), answer_timeout=2.0)
    with pytest.raises(Broken) as caught:
        await pool.post({}, b"")
    assert caught.value.sent


async def test_interim_answers_that_do_not_end_are_a_broken_answer(serve: Any) -> None:
    pool = await serve(Server(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50 + OK))
    with pytest.raises(Broken, match="interim"):
        await pool.post({}, b"")


async def test_silence_ends_in_time(serve: Any) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await asyncio.sleep(0)
        await reader.read()
        writer.close()

    pool = await serve(silent, answer_timeout=0.05)
    with pytest.raises(Broken, match="in time") as caught:
        await pool.post({}, b"")
    assert caught.value.sent


async def test_nobody_there_was_certainly_not_carried_out() -> None:
    with pytest.raises(Broken) as caught:
        await HttpPool("http://127.0.0.1:1").post({}, b"")
    assert not caught.value.sent


async def test_a_pool_outlives_its_loop(serve: Any) -> None:
    """Tests and commands run one loop after another over the same table."""
    server = Server()
    pool = await serve(server)
    await pool.post({}, b"")
    pool.close()
    await asyncio.sleep(0)
    answer = await asyncio.to_thread(lambda: asyncio.run(_once(pool)))
    assert answer.status == 200


async def _once(pool: HttpPool) -> Answer:
    try:
        return await pool.post({}, b"")
    finally:
        pool.close()


async def test_an_unasked_word_closes_the_connection(serve: Any) -> None:
    server = Server(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    pool = await serve(server)
    assert await pool.post({}, b"") == Answer(200, b"{}")
    assert await pool.post({}, b"") == Answer(200, b"{}")
    assert server.connections == 2


class Wire(asyncio.Transport):
    """Takes everything and gives nothing."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        pass


async def test_what_comes_behind_an_answer_answers_nothing_else() -> None:
    """Read before whoever waited for the answer gets its turn, it would be taken for the answer to the next request."""
    connection = Connection()
    connection.connection_made(Wire())
    asking = asyncio.create_task(connection.ask(b"x", None))
    await asyncio.sleep(0)
    connection.data_received(OK)
    connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    assert (await asking).body == b"{}"
    assert not connection.clean
    with pytest.raises(Broken):
        await connection.ask(b"y", 0.05)


async def test_a_proxy_that_says_nothing_is_left() -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        left.set()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    proxy = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    pool = HttpPool("https://example.test", tls=ssl.create_default_context, proxy=proxy, connect_timeout=0.05)
    with pytest.raises(Broken):
        await pool.post({}, b"x")
    await asyncio.wait_for(left.wait(), 5)
    listening.close()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"not json",
        b'{"Item": {"a": {"N": "x"}}}',
        b'{"Item": {"a": 5}}',
        b'{"Item": ["a"]}',
        b'{"Item": {"a": {"B": "?"}}}',
        b'{"Item": {"a": {"N": "1e999"}}}',
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_table_that_cannot_be_used(serve: Any, body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    pool = await serve(Server(*[answer] * 3))
    table = DynamoTable("http://x", lambda *_: {}, "t", pool=pool, clock=time.time, sleep=lambda _: asyncio.sleep(0))
    with pytest.raises(TableUnavailable):
        await table.get("a", "b")


async def relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_through_a_proxy_the_table_is_reached_over_tls(certificate: Path) -> None:  # noqa: F811
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)
    server = Server()
    secure = await asyncio.start_server(server, "127.0.0.1", 0, ssl=serving)
    port = secure.sockets[0].getsockname()[1]
    asked: list[bytes] = []
    left = asyncio.Event()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(relayed(reader, back), relayed(there, writer))
        left.set()

    between = await asyncio.start_server(proxy, "127.0.0.1", 0)
    pool = HttpPool(
        f"https://127.0.0.1:{port}",
        tls=lambda: ssl.create_default_context(cafile=certificate),
        proxy=f"http://127.0.0.1:{between.sockets[0].getsockname()[1]}",
    )
    for _ in range(2):
        assert await pool.post({}, b"x" * 100_000) == Answer(200, b"{}")
    assert asked == [f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()]
    pool.close()
    await asyncio.wait_for(left.wait(), 5)
    for listening in (secure, between):
        listening.close()


async def test_a_proxy_that_refuses_is_told() -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    between = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{between.sockets[0].getsockname()[1]}"
    pool = HttpPool("https://example.test", tls=ssl.create_default_context, proxy=address)
    with pytest.raises(Broken) as caught:
        await pool.post({}, b"")
    assert not caught.value.sent
    between.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nxx", "not a length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 400, "does not end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 60, "do not end"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000, "does not end"),
    ],
)
async def test_an_answer_is_limited_by_the_bytes_that_arrive(
    serve: Any, raw: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 1_000)
    monkeypatch.setattr(http_answer, "MAX_HEAD", 200)
    pool = await serve(Server(raw))
    with pytest.raises(Broken, match=reason):
        await pool.post({}, b"{}")
