"""The Runtime API and the Extensions API of one environment, on a loopback port of its own.

Paths and headers as the Web Adapter uses them (its sources at 0.9.1, `lambda_runtime` 0.13; AWS's runtimes-api page).
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

from local.function_url.invocation import FunctionError, Invocation
from local.function_url.wire import Connection, Head, Server

RUNTIME = "/2018-06-01/runtime"
EXTENSION = "/2020-01-01/extension"
ACCEPTED = b'{"status":"OK"}'
JSON = ("Content-Type", "application/json")
ERROR_BODY_LIMIT = 256 * 1024


class RuntimeApi:
    """`registered`: the extension has said who it is. `idle`: the runtime waits for the next event."""

    def __init__(self, function: str, handler: str, arn: str) -> None:
        self._about = {"functionName": function, "functionVersion": "$LATEST", "handler": handler}
        self._arn = arn
        self._server = Server(self._handle)
        self._next: asyncio.Future[Invocation] | None = None
        self._current: Invocation | None = None
        self.registered = asyncio.Event()
        self.idle = asyncio.Event()
        self.port = 0

    async def start(self) -> None:
        self.port = await self._server.start("127.0.0.1", 0)

    async def close(self) -> None:
        await self._server.close()

    def forget(self) -> None:
        """The processes are about to be started anew."""
        self.registered.clear()
        self.idle.clear()
        self._next = self._current = None

    def deliver(self, invocation: Invocation) -> None:
        """Answer the waiting `next` with this invocation. Only when `idle` is set."""
        assert self._next is not None
        self.idle.clear()
        self._current = invocation
        self._next.set_result(invocation)
        self._next = None

    async def _handle(self, connection: Connection) -> None:
        while head := await connection.head():
            await self._answer(connection, head, connection.body(head))
            if not head.keeps_alive:
                return

    async def _answer(self, connection: Connection, head: Head, body: AsyncIterator[bytes]) -> None:
        path = head.target.partition("?")[0]
        match head.method, path.removeprefix(RUNTIME).removeprefix(EXTENSION).strip("/").split("/"):
            case "GET", ["invocation", "next"]:
                await _whole(body)
                await self._give(connection)
            case "POST", ["invocation", request_id, "response"]:
                await self._respond(connection, head, request_id, body)
            case "POST", ["invocation", request_id, "error"]:
                await self._fail(connection, head, request_id, body)
            case "POST", ["register"]:
                await self._register(connection, head, body)
            case "GET", ["event", "next"]:
                # Neither INVOKE nor SHUTDOWN is asked for by the adapter; an answer would make it think it is over.
                await asyncio.Event().wait()
            case "POST", ["init" | "exit", "error"]:
                await _whole(body)
                await connection.reply(202, [JSON], ACCEPTED)
            case _:
                await _whole(body)
                await connection.reply(404, [JSON], _error("NotFound", f"{head.method} {path} is no part of the API"))

    async def _register(self, connection: Connection, head: Head, body: AsyncIterator[bytes]) -> None:
        asked = await _whole(body)
        try:
            events = json.loads(asked or b"{}").get("events", [])
        except (ValueError, AttributeError):
            events = None
        if not head.get("lambda-extension-name") or events != []:
            await connection.reply(400, [JSON], _error("Extension.InvalidRegistration", "a name, and no events"))
            return
        self.registered.set()
        identifier = ("Lambda-Extension-Identifier", str(uuid.uuid4()))
        await connection.reply(200, [JSON, identifier], json.dumps(self._about).encode())

    async def _give(self, connection: Connection) -> None:
        """The long poll: answered when there is an event, however long that takes."""
        self._next = asyncio.get_running_loop().create_future()
        self._current = None
        waiting = self._next
        self.idle.set()
        invocation = await waiting
        headers = [
            JSON,
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", self._arn),
            ("Lambda-Runtime-Trace-Id", invocation.trace),
        ]
        await connection.reply(200, headers, invocation.event)

    async def _respond(self, connection: Connection, head: Head, request_id: str, body: AsyncIterator[bytes]) -> None:
        invocation = self._running(request_id)
        if invocation is None:
            await _whole(body)
            await connection.reply(400, [JSON], _error("InvalidRequestID", "no such invocation is running"))
            return
        mode = (head.get("lambda-runtime-function-response-mode") or "").lower()
        invocation.begin(mode == "streaming", (head.get("content-type") or "").lower())
        try:
            async for piece in body:
                await invocation.feed(piece)
        except BaseException:
            # Its process has ended, or we have: in either case half a response must not look like a whole one.
            invocation.fail(FunctionError("Runtime.TruncatedResponse", "the connection closed within the response"))
            raise
        invocation.end()
        await connection.reply(202, [JSON], ACCEPTED)

    async def _fail(self, connection: Connection, head: Head, request_id: str, body: AsyncIterator[bytes]) -> None:
        told = await _whole(body)
        invocation = self._running(request_id)
        if invocation is not None:
            kind = head.get("lambda-runtime-function-error-type") or "Unhandled"
            invocation.fail(FunctionError(kind, told[:ERROR_BODY_LIMIT].decode(errors="replace")))
        await connection.reply(202, [JSON], ACCEPTED)

    def _running(self, request_id: str) -> Invocation | None:
        current = self._current
        return current if current is not None and current.request_id == request_id else None


async def _whole(body: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in body])


def _error(kind: str, message: str) -> bytes:
    answer: dict[str, Any] = {"errorType": kind, "errorMessage": message}
    return json.dumps(answer).encode()
