"""`GET /health`: no key, no AWS, no secrets. What a load balancer, the Web Adapter and the canary ask."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

VERSION = "0.1.0"


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": VERSION}, headers={"cache-control": "no-store"})
