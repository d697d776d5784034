"""ASGI's lifespan protocol, and the way of everything else inwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from app.web.asgi import ASGIApp, Receive, Scope, Send

LAST_SECONDS = 5.0


class Application:
    """What the server is given. `lifespan` is entered before the first request and left after the last.

    `sockets`: what WebSockets are given to, where the server knows them. `state`: what the server's protocols and every
    request's `state` find there, by ASGI's lifespan state.
    """

    def __init__(
        self,
        app: ASGIApp,
        lifespan: Callable[[], AbstractAsyncContextManager[None]],
        sockets: ASGIApp | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._app = app
        self.lifespan = lifespan
        self._sockets = sockets
        self.state = state or {}
        self._requests: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._counted(self._app, scope, receive, send)
        elif scope["type"] == "lifespan":
            scope.setdefault("state", {}).update(self.state)
            await self._live(receive, send)
        elif scope["type"] == "websocket" and self._sockets is not None:
            await self._counted(self._sockets, scope, receive, send)
        else:
            raise NotImplementedError(f"no {scope['type']} here")

    async def _counted(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._requests.add(task)
        try:
            await app(scope, receive, send)
        finally:
            self._requests.discard(task)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        begun = False
        try:
            async with self.lifespan():
                begun = True
                await send({"type": "lifespan.startup.complete"})
                await receive()
                if self._requests:  # the server has cancelled them and does not wait: they still answer and settle
                    await asyncio.wait(self._requests, timeout=LAST_SECONDS)
        except BaseException as problem:
            await send(
                {"type": f"lifespan.{'shutdown' if begun else 'startup'}.failed", "message": type(problem).__name__}
            )
            raise
        await send({"type": "lifespan.shutdown.complete"})
