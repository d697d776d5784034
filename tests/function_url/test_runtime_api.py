"""The Runtime and Extensions APIs, asked by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from local.function_url.invocation import FunctionError, Invocation
from local.function_url.runtime_api import EXTENSION, RUNTIME, RuntimeApi


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[RuntimeApi, httpx.AsyncClient]]:
    api = RuntimeApi("gateway", "run.sh", "arn:aws:lambda:us-east-1:123456789012:function:gateway")
    await api.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{api.port}", timeout=5) as client:
            yield api, client
    finally:
        await api.close()


def invocation() -> Invocation:
    made = Invocation("id-1", b'{"an":"event"}', "Root=1-a", 1000)
    made.deadline_ms = 1234
    return made


async def taken(api: RuntimeApi, client: httpx.AsyncClient) -> Invocation:
    """An invocation that the runtime has taken."""
    polling = asyncio.create_task(client.get(f"{RUNTIME}/invocation/next"))
    await asyncio.wait_for(api.idle.wait(), 5)
    made = invocation()
    api.deliver(made)
    assert not api.idle.is_set()
    answer = await polling
    assert answer.content == made.event
    assert answer.headers["lambda-runtime-aws-request-id"] == "id-1"
    assert answer.headers["lambda-runtime-deadline-ms"] == "1234"
    assert answer.headers["lambda-runtime-trace-id"] == "Root=1-a"
    assert answer.headers["lambda-runtime-invoked-function-arn"].endswith(":function:gateway")
    return made


async def collected(made: Invocation) -> bytes:
    return b"".join([piece async for piece in made.pieces()])


async def test_an_extension_registers() -> None:
    async with serving() as (api, client):
        headers = {"lambda-extension-name": "lambda-adapter"}
        answer = await client.post(f"{EXTENSION}/register", headers=headers, content=b'{ "events": [] }')
        assert answer.headers["lambda-extension-identifier"]
        assert answer.json() == {"functionName": "gateway", "functionVersion": "$LATEST", "handler": "run.sh"}
        assert api.registered.is_set()


@pytest.mark.parametrize(
    ("headers", "body"),
    [({}, b"{}"), ({"lambda-extension-name": "x"}, b'{"events":["SHUTDOWN"]}'), ({"lambda-extension-name": "x"}, b"{")],
)
async def test_what_is_no_registration_of_the_adapter_is_refused(headers: dict[str, str], body: bytes) -> None:
    async with serving() as (api, client):
        answer = await client.post(f"{EXTENSION}/register", headers=headers, content=body)
        assert answer.status_code == 400
        assert not api.registered.is_set()


async def test_an_extensions_next_is_held_open() -> None:
    async with serving() as (_, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{EXTENSION}/event/next", timeout=0.2)


async def test_a_response_is_passed_on_while_it_comes() -> None:
    async with serving() as (api, client):
        made = await taken(api, client)
        seen = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.wait_for(seen.wait(), 5)
            yield b"second"

        headers = {"lambda-runtime-function-response-mode": "streaming", "content-type": "x/y"}
        sending = asyncio.create_task(
            client.post(f"{RUNTIME}/invocation/id-1/response", headers=headers, content=body())
        )
        pieces = made.pieces()
        assert await anext(pieces) == b"first"
        assert (made.streaming, made.content_type) == (True, "x/y")
        seen.set()
        assert await anext(pieces) == b"second"
        assert (await sending).status_code == 202
        assert made.finished.is_set()


async def test_an_error_fails_the_invocation() -> None:
    async with serving() as (api, client):
        made = await taken(api, client)
        headers = {"lambda-runtime-function-error-type": "unhandled"}
        answer = await client.post(f"{RUNTIME}/invocation/id-1/error", headers=headers, content=b"because")
        assert answer.status_code == 202
        with pytest.raises(FunctionError, match="because"):
            await collected(made)


async def test_a_response_that_breaks_off_is_not_taken_for_whole() -> None:
    async with serving() as (api, client):
        made = await taken(api, client)
        _, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(
            f"POST {RUNTIME}/invocation/id-1/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            + b"5\r\nfirst\r\n"
        )
        pieces = made.pieces()
        assert await anext(pieces) == b"first"
        writer.close()
        with pytest.raises(FunctionError, match="TruncatedResponse"):
            await anext(pieces)


async def test_trailers_are_no_part_of_the_body() -> None:
    async with serving() as (api, client):
        made = await taken(api, client)
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(
            f"POST {RUNTIME}/invocation/id-1/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            + b"1\r\na\r\n0\r\nLambda-Runtime-Function-Error-Type: X\r\n\r\n"
        )
        assert await collected(made) == b"a"
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")
        writer.close()
        await writer.wait_closed()


async def test_a_response_to_another_invocation_is_refused() -> None:
    async with serving() as (api, client):
        made = await taken(api, client)
        assert (await client.post(f"{RUNTIME}/invocation/id-2/response", content=b"x")).status_code == 400
        assert not made.finished.is_set()


async def test_there_is_nothing_else() -> None:
    async with serving() as (_, client):
        assert (await client.get("/2018-06-01/elsewhere")).status_code == 404
