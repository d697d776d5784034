"""`GET /health`: no key, no AWS, no secrets. What a load balancer, the Web Adapter and the canary ask."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from pydantic_core import to_json

from app import __version__
from app.web.asgi import Endpoint, Request, Response

LONGEST_HOLD = 300
"""Milliseconds."""


def health_endpoint(*, holds: bool) -> Endpoint:
    """`holds`: with `?hold=MS` the answer comes that much later, so that overlapping requests keep as many environments
    warm. Only where the canary does that: anybody may ask, and on Lambda nobody else is served by the environment."""

    async def health(request: Request) -> Response:
        if holds and (hold := _hold(request)):
            await asyncio.sleep(hold / 1000)
        body = to_json({"status": "ok", "version": __version__})
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

    return health


def _hold(request: Request) -> int:
    text = parse_qs(request.scope["query_string"].decode("latin-1")).get("hold", [""])[0]
    return min(int(text[:9]), LONGEST_HOLD) if text.isascii() and text.isdigit() else 0
