"""`GET /health`: no key, no AWS, no secrets. What a load balancer, the Web Adapter and the canary ask."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from pydantic_core import to_json

from app import __version__
from app.web.asgi import Request, Response

LONGEST_HOLD = 500
"""Milliseconds. Anybody may ask, and on Lambda each costs its time."""


async def health(request: Request) -> Response:
    """`?hold=MS` holds the answer back for so long, so that overlapping requests keep that many environments warm."""
    query = parse_qs(request.scope["query_string"].decode("latin-1"))
    hold = query.get("hold", [""])[0]
    if hold.isascii() and hold.isdigit():
        await asyncio.sleep(min(int(hold[:9]), LONGEST_HOLD) / 1000)
    body = to_json({"status": "ok", "version": __version__})
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
