"""`GET /v1/status`: what is kept, as JSON; an empty list where nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from app.api.status.decode import models_in
from app.api.status.encode import encode
from app.api.status.route import operations
from app.core.ports import Caller, Check, ModelStatus
from app.web.context import Context
from app.web.endpoint import Door
from app.web.router import Router

CLAUDE = ModelStatus("anthropic.claude", 1_763_700_000, {"tools": Check("ok", 812, "", 1_763_700_000)})
NOVA = ModelStatus(
    "amazon.nova", 1_763_600_000, {"image": Check("failed", 90, "no colour named", 5), "cache": Check("skipped")}
)


class Open:
    """Implements Keys: everybody comes in."""

    async def authenticate(self, presented: str) -> Caller | None:
        return Caller("k")


class Kept:
    """Implements Statuses."""

    def __init__(self, kept: Sequence[ModelStatus] | None) -> None:
        self._kept = kept

    async def all(self) -> Sequence[ModelStatus] | None:
        return self._kept


async def status(kept: Sequence[ModelStatus] | None, query: str = "") -> Any:
    (operation,) = operations(Kept(kept), Door(Open(), 1000, 15, False), "1.2.3")
    app = Router([(operation.method, f"/v1{operation.path}", operation.endpoint)])
    transport = httpx.ASGITransport(Context(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        return (await http.get(f"/v1/status{query}")).json()


async def test_everything_that_is_kept_by_model() -> None:
    assert await status([CLAUDE, NOVA]) == {
        "object": "status",
        "version": "1.2.3",
        "probing": True,
        "data": [
            {
                "id": "amazon.nova",
                "object": "model.status",
                "checked_at": 1_763_600_000,
                "checks": {
                    "cache": {"status": "skipped"},
                    "image": {"status": "failed", "ms": 90, "detail": "no colour named", "at": 5},
                },
            },
            {
                "id": "anthropic.claude",
                "object": "model.status",
                "checked_at": 1_763_700_000,
                "checks": {"tools": {"status": "ok", "ms": 812, "at": 1_763_700_000}},
            },
        ],
    }


@pytest.mark.parametrize(("kept", "probing"), [(None, False), ([], True)])
async def test_nothing_kept_and_nothing_found_are_told_apart(kept: list[ModelStatus] | None, probing: bool) -> None:
    body = await status(kept)
    assert (body["probing"], body["data"]) == (probing, [])


@pytest.mark.parametrize(("query", "ids"), [
    ("?model=amazon.nova", ["amazon.nova"]), ("?model=unknown", []), ("?model=", ["amazon.nova", "anthropic.claude"]),
    ("?model=amazon.nova&model=anthropic.claude&x=1", ["amazon.nova", "anthropic.claude"]),
])  # fmt: skip
async def test_one_may_ask_for_some(query: str, ids: list[str]) -> None:
    assert [model["id"] for model in (await status([CLAUDE, NOVA], query))["data"]] == ids


async def test_a_query_of_thousands_is_refused() -> None:
    body = await status([CLAUDE], "?" + "&".join(["model=x"] * 101))
    assert body["error"]["param"] == "model"


def test_percent_encoded_names() -> None:
    assert models_in(b"model=anthropic.claude%3A0&model=%20") == {"anthropic.claude:0"}


def test_the_order_of_what_is_kept_does_not_matter() -> None:
    one, other = ([CLAUDE, NOVA], [NOVA, CLAUDE])
    assert encode(one, "1", probing=True) == encode(other, "1", probing=True)
