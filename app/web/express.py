"""The short way for the routes that are called most: by one look-up, past the framework's router.

They have fixed paths and read their own bodies, so routing and wrapping them as the framework does, exception handling
included, would only cost time (measured 2026-11: about a tenth of a whole chat).
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.operation import Endpoint
from app.web.problems import as_gateway_error, problem_response, request_id_of
from app.web.receipt import receipt_headers


class Express:
    """Pure ASGI. `endpoints`: path -> what answers a POST there; everything else goes on to `app`."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except ClientDisconnect:
            raise
        except Exception as problem:  # noqa: BLE001  as the framework's handlers would: an envelope for everything
            request_id = request_id_of(request)
            receipt = scope["state"].get("receipt")
            told = receipt_headers(receipt) if receipt is not None else None
            response = problem_response(as_gateway_error(problem, request_id), request_id, told)
        await response(scope, receive, send)
