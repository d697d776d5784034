"""The front over a function that is a coroutine: framing, limits, and what Lambda says where no function speaks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from local.function_url.events import Url
from local.function_url.front import Front
from local.function_url.invocation import HTTP_INTEGRATION, FunctionError, Invocation
from local.function_url.pool import Throttled
from local.function_url.settings import Settings

Function = Callable[[Invocation], Awaitable[None]]


class Pool:
    """Stands in for pool.Pool: each invocation is one call of `function`."""

    def __init__(self, function: Function, free: bool) -> None:
        self._function = function
        self._free = free
        self.tasks: list[asyncio.Task[None]] = []

    async def acquire(self) -> Any:
        if not self._free:
            raise Throttled
        return None

    def run(self, environment: Any, invocation: Invocation) -> asyncio.Task[None]:
        async def call() -> None:
            await self._function(invocation)

        self.tasks.append(asyncio.create_task(call()))
        return self.tasks[-1]


class Served:
    def __init__(self, client: httpx.AsyncClient, front: Front, pool: Pool, port: int) -> None:
        self.client = client
        self.front = front
        self.pool = pool
        self.port = port


@asynccontextmanager
async def serving(function: Function, *, free: bool = True, **settings: Any) -> AsyncIterator[Served]:
    pool = Pool(function, free)
    front = Front(Settings(**settings), Url("id", "us-east-1"), pool)  # type: ignore[arg-type]
    port = await front.start("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield Served(client, front, pool, port)
        await asyncio.gather(*pool.tasks)
    finally:
        await front.close()


def responding(prelude: bytes, *body: bytes) -> Function:
    async def function(invocation: Invocation) -> None:
        invocation.begin(True, HTTP_INTEGRATION)
        for piece in (prelude, b"\0" * 8, *body):
            await invocation.feed(piece)
        invocation.end()

    return function


async def silent(invocation: Invocation) -> None:
    raise AssertionError("it was called")


async def test_status_headers_and_cookies_come_from_the_prelude() -> None:
    prelude = b'{"statusCode":201,"headers":{"a":"1","vary":["x","y"],"connection":"close"},"cookies":["c=1","d=2"]}'
    async with serving(responding(prelude, b"one", b"two")) as served:
        answer = await served.client.get("/")
    assert (answer.status_code, answer.text) == (201, "onetwo")
    assert answer.headers.get_list("vary") == ["x", "y"]
    assert answer.headers.get_list("set-cookie") == ["c=1", "d=2"]
    assert (answer.headers["a"], answer.headers["connection"]) == ("1", "keep-alive")
    assert {"date", "x-amzn-requestid", "x-amzn-trace-id"} <= set(answer.headers)


@pytest.mark.parametrize("cut", [1, 20, 27, 30, 35])
async def test_a_prelude_may_arrive_in_any_pieces(cut: int) -> None:
    whole = b'{"statusCode":200,"headers":{}}' + b"\0" * 8 + b"body"

    async def function(invocation: Invocation) -> None:
        invocation.begin(True, HTTP_INTEGRATION)
        await invocation.feed(whole[:cut])
        await invocation.feed(whole[cut:])
        invocation.end()

    async with serving(function) as served:
        assert (await served.client.get("/")).text == "body"


async def test_a_body_may_contain_eight_nuls() -> None:
    async with serving(responding(b"{}", b"a" + b"\0" * 9)) as served:
        assert (await served.client.get("/")).content == b"a" + b"\0" * 9


@pytest.mark.parametrize("prelude", [b"no json", b"[]", b'{"statusCode":"200"}', b'{"statusCode":99}'])
async def test_a_bad_prelude_is_502(prelude: bytes) -> None:
    async with serving(responding(prelude)) as served:
        assert (await served.client.get("/")).status_code == 502


async def test_a_response_that_ends_within_the_prelude_is_502() -> None:
    async def function(invocation: Invocation) -> None:
        invocation.begin(True, HTTP_INTEGRATION)
        await invocation.feed(b'{"statusCode":200}')
        invocation.end()

    async with serving(function) as served:
        assert (await served.client.get("/")).status_code == 502


async def test_chunks_are_passed_on_as_they_come() -> None:
    seen = asyncio.Event()

    async def function(invocation: Invocation) -> None:
        await responding(b"{}", b"first")(_Unended(invocation))  # type: ignore[arg-type]
        await asyncio.wait_for(seen.wait(), 5)  # the second piece does not exist before the client has the first
        await invocation.feed(b"second")
        invocation.end()

    async with serving(function) as served, served.client.stream("GET", "/") as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"first"
        seen.set()
        assert await anext(pieces) == b"second"
        assert await anext(pieces, None) is None


class _Unended:
    """An invocation whose end is left to somebody else."""

    def __init__(self, invocation: Invocation) -> None:
        self.begin = invocation.begin
        self.feed = invocation.feed

    def end(self) -> None: ...


async def test_a_failure_before_the_response_is_502() -> None:
    async def function(invocation: Invocation) -> None:
        invocation.fail(FunctionError("Runtime.ExitError", "gone"))

    async with serving(function) as served:
        answer = await served.client.get("/")
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")
    assert served.front.records[0].outcome == "Runtime.ExitError"


async def test_a_failure_within_the_response_breaks_the_connection() -> None:
    async def function(invocation: Invocation) -> None:
        await responding(b"{}", b"half")(_Unended(invocation))  # type: ignore[arg-type]
        invocation.fail(FunctionError("Sandbox.Timedout", "late"))

    async with serving(function) as served:
        with pytest.raises(httpx.TransportError):
            await served.client.get("/")


async def test_fewer_bytes_than_content_length_break_the_connection() -> None:
    async with serving(responding(b'{"headers":{"content-length":"10"}}', b"half")) as served:
        with pytest.raises(httpx.TransportError):
            await served.client.get("/")


async def test_a_response_has_a_limit() -> None:
    async with serving(responding(b"{}", b"x" * 600, b"x" * 600), response_limit=1000) as served:
        with pytest.raises(httpx.TransportError):
            await served.client.get("/")
    assert served.front.records[0].outcome == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_answers_without_a_body_keep_the_connection_usable(method: str, status: int) -> None:
    async with serving(responding(b'{"statusCode":%d}' % status, b"dropped")) as served:
        for _ in range(2):
            answer = await served.client.request(method, "/")
            assert (answer.status_code, answer.content) == (status, b"")


async def test_too_many_at_once_are_429() -> None:
    async with serving(silent, free=False) as served:
        answer = await served.client.get("/")
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
    assert answer.json() == {
        "Reason": "ConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    }


async def test_a_body_too_large_is_413_and_the_connection_goes_on() -> None:
    async with serving(silent, request_limit=2000) as served:
        for body in (b"x" * 2001, b'"' * 1500):  # the second fits, but not once it is a string of JSON
            answer = await served.client.post("/", content=body, headers={"content-type": "text/plain"})
            assert answer.status_code == 413
            assert answer.headers["x-amzn-errortype"] == "RequestEntityTooLargeException"


async def test_a_body_that_is_announced_too_large_is_never_sent() -> None:
    async with serving(silent, request_limit=2000) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()
        await writer.wait_closed()


async def test_a_client_that_expects_to_be_asked_is_asked() -> None:
    async with serving(responding(b"{}", b"well")) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("length", [b"abc", b"-5", b"1_0", b"9" * 5000])
async def test_a_client_that_expects_to_be_asked_and_gives_no_length_is_answered_400(length: bytes) -> None:
    async with serving(silent) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: " + length + b"\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()
        await writer.wait_closed()


async def test_chunked_requests_are_put_together() -> None:
    seen: list[bytes] = []

    async def function(invocation: Invocation) -> None:
        seen.append(invocation.event)
        await responding(b"{}")(invocation)

    async def parts() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async with serving(function) as served:
        await served.client.post("/", content=parts(), headers={"content-type": "text/plain"})
    assert b'"body":"one two"' in seen[0]
    assert b'"content-length":"7"' in seen[0]


async def test_the_function_does_not_hear_of_a_client_that_leaves() -> None:
    left = asyncio.Event()
    finished = asyncio.Event()

    async def function(invocation: Invocation) -> None:
        await responding(b"{}", b"first")(_Unended(invocation))  # type: ignore[arg-type]
        await left.wait()
        for _ in range(1000):  # far more than would fit anywhere if it were kept
            await invocation.feed(b"x" * 65536)
        invocation.end()
        finished.set()

    async with serving(function) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.to_thread(client.recv, 10)
        left.set()
        await asyncio.wait_for(finished.wait(), 10)


async def test_a_buffered_response_is_interpreted() -> None:
    async def function(invocation: Invocation) -> None:
        await invocation.feed(b'{"statusCode":202,"headers":{"a":"1"},"body":"aGk=","isBase64Encoded":true}')
        invocation.end()

    async with serving(function, invoke_mode="BUFFERED") as served:
        answer = await served.client.get("/")
    assert (answer.status_code, answer.text, answer.headers["a"]) == (202, "hi", "1")


@pytest.mark.parametrize(
    ("payload", "kind"),
    [(b'{"a":1}', "application/json"), (b'"text"', "application/json"), (b"\0", "application/octet")],
)
async def test_a_buffered_response_without_a_status_is_the_body(payload: bytes, kind: str) -> None:
    async def function(invocation: Invocation) -> None:
        await invocation.feed(payload)
        invocation.end()

    async with serving(function, invoke_mode="BUFFERED") as served:
        answer = await served.client.get("/")
    assert (answer.status_code, answer.content) == (200, payload)
    assert answer.headers["content-type"].startswith(kind)


async def test_where_template_and_adapter_disagree_the_prelude_shows() -> None:
    async with serving(responding(b'{"statusCode":200}', b"body"), invoke_mode="BUFFERED") as served:
        assert (await served.client.get("/")).content == b'{"statusCode":200}' + b"\0" * 8 + b"body"


async def test_a_buffered_response_has_a_limit_of_its_own() -> None:
    async def function(invocation: Invocation) -> None:
        await invocation.feed(b"x" * 2000)
        invocation.end()

    async with serving(function, invoke_mode="BUFFERED", buffered_limit=1000) as served:
        assert (await served.client.get("/")).status_code == 502


async def test_one_connection_carries_requests_one_after_the_other() -> None:
    async with serving(responding(b"{}", b"x")) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        whole = await asyncio.wait_for(reader.read(), 5)
        assert whole.count(b"HTTP/1.1 200 OK") == 2
        writer.close()
        await writer.wait_closed()


async def test_an_old_client_gets_a_body_that_ends_with_the_connection() -> None:
    async with serving(responding(b"{}", b"one", b"two")) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        whole = await asyncio.wait_for(reader.read(), 5)
        assert whole.endswith(b"\r\n\r\nonetwo")
        writer.close()
        await writer.wait_closed()
