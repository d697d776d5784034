"""Streams are read on the loop: all that comes, nothing that waits, and no memory for slow clients."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from app.upstreams import loop_reader
from app.upstreams.loop_reader import LoopReader

PATIENCE = 10.0


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


async def test_all_that_comes_is_given_until_the_other_side_closes(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(b"before ")
    got = []
    async with aclosing(LoopReader(ours, PATIENCE).chunks()) as chunks:
        async for chunk in chunks:
            got.append(chunk)
            if len(got) == 1:
                theirs.sendall(b"after")
                theirs.shutdown(socket.SHUT_WR)
    assert b"".join(got) == b"before after"


async def test_an_end_without_a_word_is_an_end(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[1].close()
    assert [chunk async for chunk in LoopReader(ends[0], PATIENCE).chunks()] == []


async def test_silence_is_given_up(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TimeoutError):
        await anext(LoopReader(ends[0], 0.02).chunks())


async def test_a_hurried_reader_gives_up_sooner(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    reader = LoopReader(ours, 3600.0)
    chunks = reader.chunks()
    theirs.sendall(b"x")
    assert await anext(chunks) == b"x"
    reader.hurry(0.02)
    with pytest.raises(TimeoutError):
        await anext(chunks)


async def test_the_patience_can_be_shortened_before_anything_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    """As where the whole answer came along with its head."""
    ours, _ = ends
    reader = LoopReader(ours, 10)
    reader.hurry(0.02)
    with pytest.raises(TimeoutError):
        await anext(reader.chunks())


async def test_every_byte_starts_the_patience_anew(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    chunks = LoopReader(ours, 0.2).chunks()
    loop = asyncio.get_running_loop()
    for _ in range(4):
        loop.call_later(0.1, theirs.sendall, b"x")
        assert await anext(chunks) == b"x"
    await chunks.aclose()


async def test_a_slow_client_slows_the_upstream_and_not_the_memory(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_reader, "LIMIT", 1000)
    monkeypatch.setattr(loop_reader, "READ_SIZE", 100)
    ours, theirs = ends
    reader = LoopReader(ours, 0.02)
    chunks = reader.chunks()
    theirs.sendall(b"x")
    await anext(chunks)
    theirs.sendall(b"y" * 5000)
    for _ in range(1000):  # turns of the loop: the consumer takes his time, and the reader stops by itself
        await asyncio.sleep(0)
    assert len(ours.recv(10_000, socket.MSG_PEEK)) >= 5000 - 1000 - 100
    silent, _other = socket.socketpair()
    with (
        silent,
        _other,
        pytest.raises(TimeoutError),
    ):  # as much silence passes: it is the consumer's, not the upstream's
        await anext(LoopReader(silent, 0.02).chunks())
    got = 0
    while got < 5000:
        chunk = await anext(chunks)
        assert len(chunk) <= 1000
        got += len(chunk)
    await chunks.aclose()


async def test_what_broke_is_raised_after_what_had_come(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = ends

    class Breaking:
        """A socket whose second read fails."""

        reads = 0
        setblocking, fileno = ours.setblocking, ours.fileno

        def recv(self, size: int) -> bytes:
            self.reads += 1
            if self.reads > 1:
                raise ConnectionResetError
            return ours.recv(size)

    theirs.sendall(b"x")
    chunks = LoopReader(Breaking(), PATIENCE).chunks()
    assert await anext(chunks) == b"x"
    theirs.sendall(b"y")
    with pytest.raises(ConnectionResetError):
        await anext(chunks)


async def test_a_reader_given_up_lets_the_socket_go(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = ends
    chunks = LoopReader(ours, PATIENCE).chunks()
    waiting = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await chunks.aclose()
    assert not asyncio.get_running_loop().remove_reader(ours)
