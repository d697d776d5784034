"""Streams as they are gathered and followed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.api.responses import live
from app.api.responses.live import Live, last_frame, numbered


def frame(number: int, kind: str = "response.output_text.delta", text: str = "") -> bytes:
    return b'event: %b\ndata: {"type":"%b","sequence_number":%d,"delta":"%b"}\n\n' % (
        kind.encode(),
        kind.encode(),
        number,
        text.encode(),
    )


async def followed(found: Live, after: int = -1) -> list[int]:
    return [number async for piece in found.after(after) for number, _ in numbered(piece)]


async def test_those_to_come_are_waited_for() -> None:
    made = Live()
    made.add(0, frame(0))
    following = asyncio.create_task(followed(made))
    late = asyncio.create_task(followed(made, 1))
    await asyncio.sleep(0)
    for number in (1, 2, 3):
        made.add(number, frame(number))
        await asyncio.sleep(0)
    made.end()
    assert await following == [0, 1, 2, 3]
    assert await late == [2, 3]
    assert await followed(made, 3) == []


async def test_a_stream_that_is_too_long_keeps_its_beginning_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_FRAMES", 3)
    made = Live()
    for number in range(10):
        made.add(number, frame(number))
    made.add(10, frame(10, "error"))
    made.add(11, frame(11, "response.failed"))
    made.end()
    assert await followed(made) == [0, 1, 2, 10, 11]
    monkeypatch.setattr(live, "MOST_FRAMES", 100)
    monkeypatch.setattr(live, "MOST_BYTES", 200)
    made = Live()
    for number in range(10):
        made.add(number, frame(number, text="x" * 100))
    made.end()
    assert await followed(made) == [0]


def test_pieces_for_the_store_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PIECE", 150)
    made = Live()
    for number in range(4):
        made.add(number, frame(number))
    pieces = []
    while piece := made.untold():
        pieces.append([number for number, _ in numbered(piece)])
    assert pieces == [[0, 1], [2, 3]]
    assert made.untold() == b""


def test_text_that_looks_like_a_number_is_none() -> None:
    body = rb'{"delta":"\"sequence_number\":7","sequence_number":1}'
    assert [number for number, _ in numbered(b"data: " + body + b"\n\n: ping\n\n")] == [1]


@pytest.mark.parametrize("status", ["completed", "failed", "incomplete"])
def test_an_end_that_nobody_told(status: str) -> None:
    told: Any = last_frame({"id": "r", "status": status}, 5)
    assert told.startswith(b"event: response.%b\ndata: " % status.encode())
    assert numbered(told)[0][0] == 5
    assert last_frame({"status": "cancelled"}, 5) == b""
    assert last_frame({}, 5) == b""
