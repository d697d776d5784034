"""`GET /health`: no key, no AWS, no secrets. What a load balancer, the Web Adapter and the canary ask."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import __version__

LONGEST_HOLD = 500
"""Milliseconds. Anybody may ask, and on Lambda each costs its time."""


async def health(request: Request) -> Response:
    """`?hold=MS` holds the answer back for so long, so that overlapping requests keep that many environments warm."""
    hold = request.query_params.get("hold", "")
    if hold.isascii() and hold.isdigit():
        await asyncio.sleep(min(int(hold[:9]), LONGEST_HOLD) / 1000)
    return JSONResponse({"status": "ok", "version": __version__}, headers={"cache-control": "no-store"})
