"""`GET /health`, and how long it lets itself be held."""

from __future__ import annotations

import asyncio
import json

import pytest

from app import __version__
from app.web.asgi import Request
from app.web.health import health_endpoint


def request(query: bytes) -> Request:
    scope = {"type": "http", "method": "GET", "path": "/health", "headers": [], "query_string": query}
    return Request(scope, asyncio.sleep)  # type: ignore[arg-type]  # the body is not looked at


@pytest.mark.parametrize(("query", "seconds"), [
    (b"", None), (b"hold=", None), (b"hold=x", None), (b"hold=-5", None), (b"hold=1.5", None), (b"hold=\xd9\xa3", None),
    (b"hold=0", None), (b"hold=300", 0.3), (b"hold=301", 0.3), (b"hold=99999999999999999999", 0.3), (b"hold=200&x=1", 0.2),
])  # fmt: skip
async def test_it_holds_as_long_as_asked_and_300_ms_at_most(
    monkeypatch: pytest.MonkeyPatch, query: bytes, seconds: float | None
) -> None:
    slept: list[float] = []

    async def sleep(delay: float) -> None:
        slept.append(delay)

    monkeypatch.setattr("app.web.health.asyncio.sleep", sleep)
    for holds in (True, False):
        answer = await health_endpoint(holds=holds)(request(query))
        assert json.loads(answer.body) == {"status": "ok", "version": __version__}
    assert slept == ([] if seconds is None else [seconds])


async def test_many_can_be_held_at_once() -> None:
    health = health_endpoint(holds=True)
    answers = await asyncio.wait_for(asyncio.gather(*(health(request(b"hold=300")) for _ in range(50))), 5)
    assert len(answers) == 50
