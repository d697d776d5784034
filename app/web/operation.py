"""A route as the endpoints declare it: served by `main`, described in `/openapi.json`.

Not FastAPI's own router: importing it takes 140 ms, which is more than all the rest of a cold start before the first
request (measured 2026-11, fastapi 0.165). FastAPI still writes the document, when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from app.web.asgi import Endpoint


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` without a prefix, parameters as `web/router.py` has them. `body` describes the body that the endpoint reads; a
    function, where that is to be imported only by whoever wants the description. `envelope`: the schema of its errors, where
    it is not OpenAI's."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    body: type[BaseModel] | Callable[[], type[BaseModel]] | None = None
    envelope: Mapping[str, Any] | None = None


def body_in(module: str, name: str | None) -> Callable[[], type[BaseModel]] | None:
    """The `body` of an operation whose schema is imported by whoever wants its description; None for none."""
    if name is None:
        return None

    def load() -> type[BaseModel]:
        body: type[BaseModel] = getattr(import_module(module), name)
        return body

    return load
