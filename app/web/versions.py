"""An application whose settings are read with its first request, and again every hour.

/health                    answered at once, whatever is or is not read
the first request          waits for the settings; where there are none that can be used, it is refused
later ones                 served by the newest version; settings that changed make a new one, and a request ends in the
                           one that it began with
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from app.core.lasting import start
from app.errors import GatewayError
from app.web.asgi import ASGIApp, Receive, Scope, Send
from app.web.entrance import HEALTH
from app.web.lifespan import Application

log = logging.getLogger(__name__)

FRESH_SECONDS = 3600.0
RETRY_SECONDS = 60.0
"""Before settings that could not be read or used are tried again."""
TRY_AGAIN_LATER = 1013
"""IANA's registry of WebSocket close codes."""


class _Version:
    """One application, as long as it is the newest or has requests."""

    def __init__(self, text: str, app: Application) -> None:
        self.text = text
        self.app = app
        self.open = 0
        self.retired = False
        self._life = AsyncExitStack()

    async def begin(self) -> None:
        await self._life.enter_async_context(self.app.lifespan())

    async def end(self) -> None:
        await self._life.aclose()


class Versions:
    """`make` builds an application from the text of its settings and raises GatewayError where it can't be used; `read` raises
    GatewayError, too; `failed` answers with an error in the envelope that the path wants."""

    def __init__(
        self,
        plain: Application,
        make: Callable[[str], Application],
        read: Callable[[], Awaitable[str]],
        failed: Callable[[GatewayError], ASGIApp],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plain = plain
        self._make = make
        self._read = read
        self._failed = failed
        self._clock = clock
        self._newest: _Version | None = None
        self._problem: GatewayError | None = None
        self._due = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self._plain.lifespan():
            yield
            if self._reading is not None:
                await asyncio.wait({self._reading}, timeout=1.0)
            if self._newest is not None:
                await self._newest.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") == HEALTH:
            await self._plain(scope, receive, send)
            return
        version = await self._version()
        if version is None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
            return
        if version is None:
            assert self._problem is not None
            await self._failed(self._problem)(scope, receive, send)
            return
        version.open += 1
        try:
            await version.app(scope, receive, send)
        finally:
            version.open -= 1
            if version.retired and not version.open:
                start(version.end())

    async def _version(self) -> _Version | None:
        if self._clock() >= self._due and (self._reading is None or self._reading.done()):
            self._reading = start(self._refresh())
        if self._newest is None and self._reading is not None:
            await asyncio.shield(self._reading)
        return self._newest

    async def _refresh(self) -> None:
        try:
            text = await self._read()
            if self._newest is None or text != self._newest.text:
                await self._replace(_Version(text, self._make(text)))
            self._due = self._clock() + FRESH_SECONDS
        except GatewayError as problem:
            self._problem = problem
            self._due = self._clock() + RETRY_SECONDS
            if self._newest is not None:
                log.warning("the settings of before stay in force")

    async def _replace(self, version: _Version) -> None:
        await version.begin()
        before, self._newest = self._newest, version
        if before is not None:
            before.retired = True
            if not before.open:
                await before.end()
