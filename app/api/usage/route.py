"""`GET /organization/usage/...` and `GET /organization/costs`: OpenAI's admin routes over the rollups (docs/usage.md)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from app.web.asgi import Endpoint, Request, Response
from app.web.operation import Operation

if TYPE_CHECKING:
    from typing import Protocol

    from app.core.ports import Caller
    from app.core.rollup import UsageSource

    class Admins(Protocol):
        async def enter(self, request: Request) -> Caller:
            """Raises Unauthenticated, PermissionDenied, RateLimited."""
            ...


USAGE = (
    "completions",
    "embeddings",
    "moderations",
    "images",
    "audio_speeches",
    "audio_transcriptions",
    "vector_stores",
    "code_interpreter_sessions",
    "file_search_calls",
    "web_search_calls",
    "decisions",
)


def operations(
    source: UsageSource,
    flush: Callable[[], Awaitable[object]],
    door: Admins,
    *,
    clock: Callable[[], float] = time.time,
) -> tuple[Operation, ...]:
    """`flush`: writes what this process has not written yet, so that an answer has it."""

    def endpoint(name: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            await door.enter(request)
            # Rarely asked for, so it is loaded when it is.
            from pydantic_core import to_json

            from app.api.usage.decode import decode
            from app.api.usage.read import page
            from app.api.usage.schema import REPORTS

            asked = decode(request.scope["query_string"], REPORTS[name], clock())
            await flush()
            body = to_json(await page(asked, source))
            return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

        answer.__name__ = f"usage_{name}"
        return answer

    return (
        *(Operation("GET", f"/organization/usage/{name}", endpoint(name), f"Usage: {name}") for name in USAGE),
        Operation("GET", "/organization/costs", endpoint("costs"), "Costs"),
    )
