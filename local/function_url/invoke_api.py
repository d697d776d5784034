"""Lambda's Invoke API for the function itself: `InvocationType: Event`, which is how it does work behind a client's back.

    POST /2015-03-31/functions/<name>[:<version>]/invocations      202, and an invocation with the body as its event

Nothing is queued: an event that finds no free environment is 429, where Lambda would try again for hours.
"""

from __future__ import annotations

import re
import uuid

from local.function_url.events import trace_id
from local.function_url.invocation import Invocation
from local.function_url.pool import Pool, Throttled
from local.function_url.settings import Settings
from local.function_url.wire import Connection, Head, Server

_PATH = re.compile(r"/2015-03-31/functions/[^/]+/invocations")
EVENT_LIMIT = 1024 * 1024
"""Bytes of an asynchronous event (AWS's quotas page, 2026-11)."""


class InvokeApi:
    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._server = Server(self._handle)

    async def start(self, host: str) -> int:
        return await self._server.start(host, 0)

    def stop_listening(self) -> None:
        self._server.stop_listening()

    async def close(self) -> None:
        await self._server.close()

    async def _handle(self, connection: Connection) -> None:
        while head := await connection.head():
            event = bytearray()
            async for piece in connection.body(head):
                event += piece[: EVENT_LIMIT + 1 - len(event)]
            await connection.reply(await self._status(head, bytes(event)), [("Content-Type", "application/json")], b"")

    async def _status(self, head: Head, event: bytes) -> int:
        if head.method != "POST" or not _PATH.fullmatch(head.target.partition("?")[0]):
            return 404
        if (head.get("x-amz-invocation-type") or "") != "Event":
            return 400
        if len(event) > EVENT_LIMIT:
            return 413
        try:
            environment = await self._pool.acquire()
        except Throttled:
            return 429
        invocation = Invocation(str(uuid.uuid4()), event, trace_id(), self._settings.response_limit)
        invocation.abandon()  # what the function answers is dropped
        self._pool.run(environment, invocation)
        return 202
