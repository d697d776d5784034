"""What is taken for an HTTP request, and what is answered 400 because no server in front of Lambda would pass it on."""

from __future__ import annotations

import asyncio

import pytest

from local.function_url.wire import Connection, Head, Server

OF_CONTROLS = [bytes([code]) for code in (*range(9), *range(10, 32), 127)]


async def sent(data: bytes) -> tuple[bytes, list[tuple[Head, bytes]]]:
    """The first line of the answer, and the requests that were read."""
    seen: list[tuple[Head, bytes]] = []

    async def handle(connection: Connection) -> None:
        while head := await connection.head():
            seen.append((head, b"".join([piece async for piece in connection.body(head)])))
            await connection.reply(200)

    server = Server(handle)
    port = await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.readline(), 5), seen
    finally:
        writer.close()
        await writer.wait_closed()
        await server.close()


async def refused(data: bytes) -> bool:
    line, seen = await sent(data)
    return line.startswith(b"HTTP/1.1 400") and not seen


async def taken(data: bytes) -> tuple[Head, bytes]:
    line, seen = await sent(data)
    assert line.startswith(b"HTTP/1.1 200"), line
    return seen[0]


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\0\r\n\r\n",
        b"GET / HTTP/1.\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_400(data: bytes) -> None:
    assert await refused(data)


@pytest.mark.parametrize("control", OF_CONTROLS, ids=bytes.hex)
async def test_a_control_character_in_a_header_is_400(control: bytes) -> None:
    for value in (b"a" + control + b"b", control, b"a" + control):
        assert await refused(b"GET / HTTP/1.1\r\nA: " + value + b"\r\n\r\n"), value
    assert await refused(b"GET / HTTP/1.1\r\nA" + control + b"B: x\r\n\r\n")


@pytest.mark.parametrize("control", [*OF_CONTROLS, b"\t", b" "], ids=bytes.hex)
async def test_a_control_character_or_space_in_the_target_is_400(control: bytes) -> None:
    assert await refused(b"GET /a" + control + b"b HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize("name", [b"", b"a b", b"a ", b" a", b"a\t", b"(a)", b"a,b", b"a/b", b'"a"', b"a@b", b"\xe9"])
async def test_a_header_name_that_is_no_token_is_400(name: bytes) -> None:
    assert await refused(b"GET / HTTP/1.1\r\n" + name + b": x\r\n\r\n")


@pytest.mark.parametrize("method", [b"", b"G(T", b"GET\0", b"GE\tT", b"G/T", b'"GET"', b"G:T", b"\xe9"])
async def test_a_method_that_is_no_token_is_400(method: bytes) -> None:
    assert await refused(method + b" / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "length", [b"", b"x", b"1_0", b"-5", b"+5", b"5.0", b"0x5", b"5, 5", b"5 5", b"\xb2", b"9" * 5000]
)
async def test_a_length_that_is_no_decimal_number_is_400(length: bytes) -> None:
    for more in (b"", b"Transfer-Encoding: chunked\r\n"):
        head = b"POST / HTTP/1.1\r\n" + more + b"Content-Length: " + length + b"\r\n\r\n"
        assert await refused(head + b"0\r\n\r\n0123456789")


@pytest.mark.parametrize(
    "size", [b"", b"zz", b"1_0", b"-5", b"+5", b"0x5", b" 5", b"5 ", b"5\n", b"5;\0", b"5\0;a", b"f" * 17]
)
async def test_a_chunk_size_that_is_not_hexadecimal_is_400(size: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert await refused(head + size + b"\r\n01234\r\n0\r\n\r\n")


async def test_all_that_a_token_and_a_value_may_hold_is_taken() -> None:
    head, body = await taken(
        b"M-S!#$%&'*+.^_`|~1 /%00?\xc3\xa9 HTTP/1.0\r\nX!#$%&'*+.^_`|~1: \t a\tb \xe9 \t\r\nEmpty:\r\n\r\n"
    )
    assert (head.method, head.target, head.version) == ("M-S!#$%&'*+.^_`|~1", "/%00?\xc3\xa9", "HTTP/1.0")
    assert head.headers == [("x!#$%&'*+.^_`|~1", "a\tb \xe9"), ("empty", "")]
    assert body == b""


async def test_blank_lines_before_a_request_are_overlooked() -> None:
    head, _ = await taken(b"\r\nGET / HTTP/1.1\r\n\r\n")
    assert head.method == "GET"


async def test_bodies_are_as_long_as_they_say() -> None:
    _, body = await taken(b"POST / HTTP/1.1\r\nContent-Length: 005\r\n\r\n01234")
    assert body == b"01234"
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    _, body = await taken(head + b'0A;name="v"\r\n0123456789\r\n1 ;x\r\n!\r\n00\r\nTrailer: x\r\n\r\n')
    assert body == b"0123456789!"
