"""A route as the endpoints declare it: served by `main`, described in `/openapi.json`.

Not FastAPI's own router: importing it takes 140 ms, which is more than all the rest of a cold start before the first
request (measured 2026-11, fastapi 0.165). FastAPI still writes the document, when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` in Starlette's notation, without a prefix. `body` describes the JSON body, which the endpoint reads itself."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    body: type[BaseModel] | None = None

    @property
    def express(self) -> bool:
        """Whether it can be found by its path alone, past the router."""
        return self.method == "POST" and "{" not in self.path
